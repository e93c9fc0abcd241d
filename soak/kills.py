"""Kill the server, its helpers or all of them, at any moment under load: nothing acknowledged may be missing.

Rounds follow one another on one log, so that it grows, and so that every server has to recover what the one before
left behind; now and then a fresh one is begun. Each log is read from its beginning once more at its end.
"""

import asyncio
import random
import signal
import time
from collections.abc import Callable
from typing import Final

from soak import processes
from soak.campaign import Campaign, Control, Outcome, Setting
from soak.clients import Client, connect
from soak.lane import Lane, side_by_side
from soak.ledger import ACKNOWLEDGED, UNRECORDED
from soak.servers import DidNotStart, Nursery, Server, nursery

LOAD_SECONDS: Final = (0.03, 0.15)
LOG_FAILED_EXIT: Final = 3
EXIT_SECONDS: Final = 15.0

# What is killed, and how often.
VICTIMS: Final = {"server": 45, "writer": 15, "all": 25, "starting": 7, "leaving": 8}


async def run(setting: Setting) -> Outcome:
    """Kill ``setting.count`` times; then a few times where it must be noticed."""
    outcome = Outcome(counts={f"killed: {victim}": 0 for victim in VICTIMS})
    async with nursery(setting.scratch) as place:
        await side_by_side(setting, place, outcome, _rounds)
        await _controls(place, setting, outcome)
    return outcome


async def _rounds(lane: Lane, another: Callable[[], bool]) -> None:
    until_fresh = lane.chance.randint(1, 40)
    while another():
        await _round(lane, _victim(lane.chance))
        until_fresh -= 1
        if not until_fresh:
            await lane.end()
            lane.fresh()
            until_fresh = lane.chance.choice((1, lane.chance.randint(2, 60)))


def _victim(chance: random.Random) -> str:
    return chance.choices(list(VICTIMS), list(VICTIMS.values()))[0]


async def _round(lane: Lane, victim: str) -> None:
    lane.outcome.add(f"killed: {victim}", 1)
    server = await lane.start()
    if victim == "starting":
        await asyncio.sleep(lane.chance.uniform(0.0, 0.1))
        await _kill(lane, server, "all", [])
        lane.judge([])
        return
    began = time.monotonic()
    try:
        await server.ready()
    except DidNotStart as problem:
        lane.outcome.violation(f"{lane.where}: the log does not reopen: {problem}")
        return
    lane.outcome.most("longest start, s", round(time.monotonic() - began, 2))
    clients = await connect(server.port, lane.chance, lane.requests)
    await asyncio.sleep(lane.chance.uniform(*LOAD_SECONDS))
    if victim == "leaving":
        server.signal(signal.SIGTERM)
        await asyncio.sleep(lane.chance.uniform(0.0, 0.03))
    await _kill(lane, server, "all" if victim == "leaving" else victim, clients)
    lane.judge(clients)


async def _kill(lane: Lane, server: Server, victim: str, clients: list[Client]) -> None:
    """Kill, and see to it that nothing of the server goes on."""
    writers = server.writers()
    # The third process, which keeps the audit view up to date, may go or stay.
    whole = [server.pid, *lane.chance.choice((writers, server.helpers()))]
    doomed = {"server": [server.pid], "writer": [*writers]}.get(victim, whole)
    lane.chance.shuffle(doomed)
    for pid in doomed:
        processes.send(pid, signal.SIGKILL)
    code = await lane.left(server, clients, EXIT_SECONDS)
    expected = {LOG_FAILED_EXIT} if victim == "writer" else {-signal.SIGKILL, 0, LOG_FAILED_EXIT}
    if code not in expected:
        lane.outcome.violation(f"{lane.where}: after the kill of {victim} the server ended with {code}")
    # A writer whose server has died commits what it holds and leaves. The next server must not need to wait for that,
    # so this looks only sometimes, and the next server is started at once otherwise.
    if victim == "server" and lane.chance.random() < 0.3:
        until = time.monotonic() + 5.0
        while any(processes.runs(pid) for pid in writers):
            if time.monotonic() > until:
                lane.outcome.violation(f"{lane.where}: the writer goes on without its server")
                break
            await asyncio.sleep(0.002)


async def _controls(place: Nursery, setting: Setting, outcome: Outcome) -> None:
    """Stall the writer, then kill everything: with ``async`` that loses messages, and with ``strict`` none."""
    for durability in ("strict", "async"):
        seen: dict[str, int] = {}
        own = Outcome()
        lane = Lane(place, random.Random(setting.seed), setting.scratch / f"stalled-{durability}", own)
        for _ in range(1 if setting.short else 10):
            for kind, number in (await _stalled(lane, durability)).items():
                seen[kind] = seen.get(kind, 0) + number
        told = ", ".join(f"{number} {kind}" for kind, number in sorted(seen.items())) or "nothing"
        if durability == "strict":
            outcome.notes.append(f"strict with a stalled writer, then killed: {told}")
            for words in own.violations:
                outcome.violation(f"stalled writer: {words}")
        else:
            caught = bool(seen.get(ACKNOWLEDGED)) and bool(seen.get(UNRECORDED))
            outcome.controls.append(Control("async durability, the writer stalled, both killed", caught, told))


async def _stalled(lane: Lane, durability: str) -> dict[str, int]:
    server = await lane.start("--durability", durability)
    await server.ready()
    clients = await connect(server.port, lane.chance, lane.requests)
    await asyncio.sleep(0.05)
    writers = server.writers()
    for writer in writers:
        processes.send(writer, signal.SIGSTOP)
    await asyncio.sleep(0.1)
    for pid in (*writers, server.pid):
        processes.send(pid, signal.SIGKILL)
    await lane.left(server, clients, EXIT_SECONDS)
    return lane.judge(clients)


KILLS: Final = Campaign("kills", "kills", 1000, 8, run)
