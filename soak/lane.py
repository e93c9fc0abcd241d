"""Servers that follow one another on one log, each opening what the one before left behind."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from pathlib import Path

from soak.campaign import Outcome, Setting
from soak.clients import Client
from soak.ledger import Ledger
from soak.requests import Requests
from soak.servers import DidNotStart, Nursery, Server
from soak.view import difference

LANES = 3


class Lane:
    """One log after another, with one server after another on each."""

    def __init__(self, place: Nursery, chance: random.Random, scratch: Path, outcome: Outcome) -> None:
        scratch.mkdir(parents=True)
        self.outcome = outcome
        self.chance = chance
        self.requests = Requests(chance)
        self._place = place
        self.scratch = scratch
        self._number = 0
        self._round = 0
        self.fresh()

    def fresh(self) -> None:
        """Begin another log."""
        self._number += 1
        self.path = self.scratch / f"log-{self._number}" / "events.db"
        self.ledger = Ledger(self.path)

    @property
    def where(self) -> str:
        """Where we are, for whoever has to look into a violation."""
        return f"{self.scratch.name}, round {self._round}, {self.path.parent.name}"

    async def start(self, *arguments: str, environment: dict[str, str] | None = None, file_bytes: int = 0) -> Server:
        """Start a server on the log."""
        self._round += 1
        self.done = self.scratch / f"done-{self._round}"
        variables = {"SOAK_ACTIONS": str(self.done), **(environment or {})}
        store = ("--store", f"sqlite:///{self.path}", *arguments)
        return await self._place.start(*store, environment=variables, file_bytes=file_bytes)

    def judge(self, clients: list[Client]) -> dict[str, int]:
        """Read what is new in the log and hold it against what clients and tools saw; counts by kind."""
        found: dict[str, int] = {}
        self.ledger.read()
        for kind, words in self.ledger.judge(clients, self.done):
            found[kind] = found.get(kind, 0) + 1
            self.outcome.violation(f"{self.where}: {kind}: {words}")
        for words in self.ledger.problems:
            self.outcome.violation(f"{self.where}: {words}")
        self.ledger.problems.clear()
        self.ledger.forget()
        self.outcome.add("acknowledged", sum(len(client.frames) for client in clients))
        self.outcome.add("refused", sum(client.refused for client in clients))
        if self.done.exists():
            self.outcome.add("actions", self.done.read_bytes().count(b"\n"))
            self.done.unlink()
        return found

    async def left(self, server: Server, clients: list[Client], seconds: float) -> int | None:
        """The exit code of a server that ought to end by itself. Clients soon turn away; now and then they wait."""
        await asyncio.wait({server.ended}, timeout=0.2 if self.chance.random() < 0.8 else seconds)
        for client in clients:
            client.leave()
        return await server.left(seconds)

    async def end(self) -> None:
        """Open the log once more, stop in good order, and read all of it from the beginning."""
        server = await self.start()
        try:
            await server.ready()
        except DidNotStart as problem:
            self.outcome.violation(f"{self.where}: the log does not reopen: {problem}")
            return
        if words := await server.stop():
            self.outcome.violation(f"{self.where}: {words}")
        self.judge([])
        again = Ledger(self.path)
        again.read()
        for words in (*again.problems, *(str(verdict) for verdict in again.finish() if not verdict.holds)):
            self.outcome.violation(f"{self.where}, read again: {words}")
        if (again.position, again.digest) != (self.ledger.position, self.ledger.digest):
            self.outcome.violation(f"{self.where}: records that were read before have changed")
        if differs := difference(self.path):
            self.outcome.violation(f"{self.where}: {differs}")
        self.outcome.add("logs", 1)
        self.outcome.add("records", again.records)


async def side_by_side(
    setting: Setting, place: Nursery, outcome: Outcome, rounds: Callable[[Lane, Callable[[], bool]], Awaitable[None]]
) -> None:
    """Have several lanes share the rounds of a campaign: while one waits for an end, another is under load.

    ``rounds`` is given a lane, and what says whether another round is to begin; each that has begun counts.
    """
    begun = 0

    def another() -> bool:
        nonlocal begun
        if begun >= setting.count:
            return False
        begun += 1
        setting.tell(begun, f"{outcome.counts.get('acknowledged', 0):,} acknowledged, {outcome.broken} broken")
        return True

    lanes = [
        Lane(place, random.Random(f"{setting.seed} {number}"), setting.scratch / f"lane-{number}", outcome)
        for number in range(1, LANES + 1)
    ]
    async with asyncio.TaskGroup() as tasks:
        for lane in lanes:
            tasks.create_task(_all(lane, rounds, another))


async def _all(
    lane: Lane, rounds: Callable[[Lane, Callable[[], bool]], Awaitable[None]], another: Callable[[], bool]
) -> None:
    await rounds(lane, another)
    await lane.end()
