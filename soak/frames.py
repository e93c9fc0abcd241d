"""Send frames that no honest client sends: the server answers each as it should, quickly, and stays as it was."""

import asyncio
import random
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Final, TypeVar
from unittest.mock import patch

import orjson

from adapters.sqlite_reader import SqliteReader
from events import jsonrpc
from events.event import Observed
from events.jsonrpc import FRAME_LIMIT
from replay.replay import verify
from soak import processes, wire
from soak.answers import Batch
from soak.campaign import Campaign, Control, Outcome, Setting
from soak.mutate import Mutator
from soak.oracle import disagreement
from soak.probe import probing
from soak.senders import Failed, FramePost, FrameSocket
from soak.servers import Server, nursery

LONGEST_MS: Final = 50.0
LARGEST_SHORT: Final = 1_000_000
"""Bytes of the longest frames in a short run, for the sake of time."""

MOST_GROWTH: Final = 64 << 20
SOCKETS, POSTS = 3, 6
SOCKET_BATCH, POST_BATCH = 256, 32

S = TypeVar("S", FrameSocket, FramePost)


class Judge:
    """Looks at each frame in this process, with the code that the server uses and with a second opinion."""

    def __init__(self, outcome: Outcome) -> None:
        self._outcome = outcome
        self.longest = 0.0

    def __call__(self, raw: bytes) -> Observed:
        """What ``decode`` takes a frame for."""
        taken, fact = _timed(raw)
        if taken * 1000 > LONGEST_MS:  # others use this machine too: the frame's own cost is the least that it took
            taken = min(taken, *(_timed(raw)[0] for _ in range(4)))
        self.longest = max(self.longest, taken)
        if taken * 1000 > LONGEST_MS:
            self._outcome.violation(f"decode took {taken * 1000:.0f} ms for {len(raw)} bytes: {raw[:120]!r}")
        if problem := disagreement(raw, fact):
            self._outcome.violation(f"{problem}: {raw[:300]!r}")
        return fact


def _timed(raw: bytes) -> tuple[float, Observed]:
    began = time.thread_time()
    fact = jsonrpc.decode(raw, "soak", 1.0)
    return time.thread_time() - began, fact


async def run(setting: Setting) -> Outcome:
    """Send ``setting.count`` frames, three of four over websockets; then let a lenient parser be caught."""
    outcome = Outcome()
    store = setting.scratch / "events.db"
    async with nursery(setting.scratch) as place:
        server = await place.start("--store", f"sqlite:///{store}")
        await server.ready()
        await _Campaign(setting, outcome, server).run()
        if problem := await server.stop():
            outcome.violation(problem)
    outcome.counts["log, MB"] = round(store.stat().st_size / 1e6, 1)
    _replay(store, outcome)
    outcome.controls += [_lenient(setting), _lost_answer()]
    return outcome


class _Campaign:
    """The frames, and the connections that take them to one server."""

    def __init__(self, setting: Setting, outcome: Outcome, server: Server) -> None:
        self._setting = setting
        self._outcome = outcome
        self._server = server
        self._chance = random.Random(setting.seed)
        self._mutator = Mutator(self._chance, LARGEST_SHORT if setting.short else FRAME_LIMIT + 1)
        self._judge = Judge(outcome)
        self._sent: Counter[str] = Counter()
        self._base = 0

    async def run(self) -> None:
        async with probing(self._server.port) as honest, asyncio.TaskGroup() as tasks:
            for _ in range(SOCKETS):
                tasks.create_task(self._over_websocket())
            for _ in range(POSTS):
                tasks.create_task(self._over_http())
        if honest.problem:
            self._outcome.violation(honest.problem)
        counts = self._outcome.counts
        counts["longest decode, ms"] = round(self._judge.longest * 1000, 2)
        counts["honest calls beside them"] = honest.calls
        counts["their p50, ms"] = round(honest.p50, 1)
        counts["their p99.9, ms"] = round(honest.p999, 1)
        growth = self._resident() - self._base
        counts["growth of the server, MB"] = round(growth / 1e6, 1)
        if growth > MOST_GROWTH:
            self._outcome.violation(f"the server grew by {growth / 1e6:.0f} MB")

    async def _over_websocket(self) -> None:
        socket = await self._opened(FrameSocket)
        while self._more("over websocket", SOCKET_BATCH, 0.75):
            batch = Batch(f"last-{self._mutator.id()}")
            for raw in self._frames(SOCKET_BATCH):
                fact = self._judge(raw)
                # Text that is no UTF-8 is answered like any other malformed message; so is what is no text at all.
                binary = self._chance.random() < 0.01
                batch.expect(raw, _BINARY if binary else fact, wire.BINARY if binary else wire.TEXT)
            try:
                await socket.send(batch)
            except Failed as problem:
                self._failed(problem, [raw for raw, _ in batch.frames])
                socket.leave()
                socket = await self._opened(FrameSocket)
        socket.leave()

    async def _over_http(self) -> None:
        post = await self._opened(FramePost)
        while self._more("over HTTP", POST_BATCH, 0.25):
            frames = list(self._frames(POST_BATCH))
            try:
                await post.send([(raw, self._judge(raw)) for raw in frames])
            except Failed as problem:
                self._failed(problem, frames)
                post.leave()
                post = await self._opened(FramePost)
        post.leave()

    def _frames(self, number: int) -> Iterator[bytes]:
        """Frames; the first batches begin with some of the largest, so that growth later on is none of theirs."""
        largest = 2 if self._sent.total() <= min(self._setting.count // 10, 10_000) else 0
        for place in range(number):
            yield self._mutator.huge() if place < largest else self._mutator.frame()

    def _more(self, way: str, number: int, share: float) -> bool:
        """Whether another batch is to go out that way."""
        if self._server.ended.done():
            self._outcome.violation(f"the server ended: {self._server.tail()}")
            return False
        count = self._setting.count
        if self._sent[way] >= count * share:
            return False
        if not self._base and self._sent.total() >= min(count // 2, 20_000):
            self._base = self._resident()  # by now it has seen the largest of everything, and at once
        self._sent[way] += number
        self._outcome.add(way, number)
        self._setting.tell(min(self._sent.total(), count), f"{self._outcome.broken} broken")
        return True

    def _failed(self, problem: Failed, frames: list[bytes]) -> None:
        kept = self._setting.scratch / f"frames-{self._outcome.broken}.json"
        kept.write_bytes(orjson.dumps([raw.hex() for raw in frames]))
        self._outcome.violation(f"{problem} (the frames are in {kept})")

    async def _opened(self, kind: type[S]) -> S:
        loop = asyncio.get_running_loop()
        _, sender = await loop.create_connection(lambda: kind(self._chance), "127.0.0.1", self._server.port)
        await sender.open()
        return sender

    def _resident(self) -> int:
        return processes.resident(self._server.pid) + sum(map(processes.resident, self._server.writers()))


_BINARY: Final = jsonrpc.decode(b"a binary frame is malformed, whatever is in it", "soak", 1.0)


def _replay(store: Path, outcome: Outcome) -> None:
    """Whatever came, the log of it replays."""
    with SqliteReader(store) as reader:
        for verdict in verify(reader.records()):
            outcome.add("sessions replayed", 1)
            outcome.add("events replayed", verdict.events)
            if not verdict.holds:
                outcome.violation(f"a session does not replay: {verdict}")


def _lenient(setting: Setting) -> Control:
    """A parser that lets duplicate keys pass, and rounds integers, must be caught."""
    own = Outcome()
    mutator = Mutator(random.Random(setting.seed))
    with patch.object(jsonrpc, "parse", orjson.loads):
        judge = Judge(own)
        for _ in range(2000):
            judge(mutator.frame())
    told = [words for words in ("appears twice", "values differ") if any(words in each for each in own.violations)]
    return Control("a parser that keeps the last of two keys", "appears twice" in told, f"{own.broken} caught: {told}")


def _lost_answer() -> Control:
    """An answer that never came, and one that came twice, must be missed."""
    raw = b'{"jsonrpc":"2.0","id":7,"method":"ping"}'
    answer = b'{"jsonrpc":"2.0","id":%b,"result":{}}'
    found = []
    for ids in ([b'"last"'], [b'"last"', b"7", b"7"], [b'"last"', b"8"]):
        batch = Batch("last")
        batch.expect(raw, jsonrpc.decode(raw, "soak", 1.0))
        for id in ids:
            batch.take(answer % id)
        found.append("; ".join(batch.problems()))
    return Control("an answer lost, doubled, or another's", all(found), " | ".join(found))


FRAMES: Final = Campaign("frames", "frames", 1_000_000, 5_000, run)
