"""Break the writes and syncs of the log's writer: nothing may act that is not in the log, nor be missing from it."""

import asyncio
import random
import signal
import time
from collections.abc import Callable
from typing import Final

from soak.campaign import Campaign, Control, Outcome, Setting
from soak.clients import Client, connect
from soak.lane import Lane, side_by_side
from soak.ledger import ACKNOWLEDGED, UNRECORDED
from soak.servers import DidNotStart, Nursery, Server, nursery
from soak.shim import Breaker, Fault, find_compiler

LOAD_SECONDS: Final = 0.15
EXIT_SECONDS: Final = 15.0
LOG_FAILED_EXIT: Final = 3
CONTROL_ROUNDS: Final = 20
NO_VIEW: Final = {"MCP_AUDIT": "false"}
"""The faults are meant for the log; without the process that keeps its view, a round takes half the time."""


async def run(setting: Setting) -> Outcome:
    """Inject ``setting.count`` faults; then some where they must do harm."""
    outcome = Outcome(counts=dict.fromkeys(("while starting", "while loaded", "while leaving", "absorbed"), 0))
    if (compiler := find_compiler()) is None:
        outcome.notes.append("no C compiler: a limit on file sizes stood in for the shim, so only writes failed")
    async with nursery(setting.scratch) as place:
        await inject(setting, place, outcome, compiler)
        outcome.controls.append(await _control(place, setting, compiler))
    return outcome


async def inject(setting: Setting, place: Nursery, outcome: Outcome, compiler: str | None) -> None:
    """Inject faults until there were enough; those that had no occasion to strike do not count."""

    async def rounds(lane: Lane, another: Callable[[], bool]) -> None:
        breaker = Breaker(lane.scratch, compiler)
        until_fresh = lane.chance.randint(1, 20)
        while another():
            while not await _round(lane, breaker, breaker.any_fault(lane.chance)):
                lane.outcome.add("had no occasion", 1)
            until_fresh -= 1
            if not until_fresh:
                await lane.end()
                lane.fresh()
                until_fresh = lane.chance.randint(1, 20)

    await side_by_side(setting, place, outcome, rounds)


async def _round(lane: Lane, breaker: Breaker, fault: Fault) -> bool:
    """One server with one fault ahead of it; whether it struck."""
    environment = {**breaker.environment(fault, lane.path), **NO_VIEW}
    server = await lane.start(environment=environment, file_bytes=fault.file_bytes)
    clients: list[Client] = []
    phase = "starting"
    try:
        await server.ready()
        clients = await connect(server.port, lane.chance, lane.requests)
        phase = "loaded" if await _struck_under_load(server, breaker, fault) else "leaving"
    except DidNotStart:
        pass
    if phase == "leaving" or (fault.may_be_absorbed and phase == "loaded"):
        server.signal(signal.SIGTERM)
    began = time.monotonic()
    code = await lane.left(server, clients, EXIT_SECONDS)
    lane.outcome.most("longest way out, s", round(time.monotonic() - began, 2))
    struck = breaker.struck() or (breaker.library is None and code == LOG_FAILED_EXIT)
    _check_exit(lane, server, fault, phase, code, struck=struck)
    lane.judge(clients)
    if struck:
        lane.outcome.add(f"{fault.kind}", 1)
        lane.outcome.add(f"while {phase}", 1)
    return struck


async def _struck_under_load(server: Server, breaker: Breaker, fault: Fault) -> bool:
    until = time.monotonic() + LOAD_SECONDS * (4 if fault.file_bytes else 1)
    while time.monotonic() < until:
        if server.ended.done():
            return True
        if breaker.struck():
            await asyncio.sleep(0.03)  # what had no right to go on would go on now
            return True
        await asyncio.sleep(0.003)
    return False


def _check_exit(lane: Lane, server: Server, fault: Fault, phase: str, code: int | None, *, struck: bool) -> None:
    where = f"{lane.where}, {fault}, {phase}"
    if code is None:
        lane.outcome.violation(f"{where}: the server did not end")
    elif struck and code == 0 and fault.may_be_absorbed:
        lane.outcome.add("absorbed", 1)
    elif struck and code != LOG_FAILED_EXIT:
        lane.outcome.violation(f"{where}: the server ended with {code}: {server.tail()}")
    elif not struck and code != 0:
        lane.outcome.violation(f"{where}: without a fault the server ended with {code}: {server.tail()}")


async def _control(place: Nursery, setting: Setting, compiler: str | None) -> Control:
    """With ``async`` a fault must leave something that was done or acknowledged without being recorded."""
    chance = random.Random(setting.seed)
    lane = Lane(place, chance, setting.scratch / "control", Outcome())
    breaker = Breaker(lane.scratch, compiler)
    seen: dict[str, int] = {}
    rounds = 0
    while rounds < CONTROL_ROUNDS and not (ACKNOWLEDGED in seen and UNRECORDED in seen):
        rounds += 1
        lane.fresh()
        fault = breaker.any_fault(chance)
        if breaker.library is not None:
            fault = Fault("write", chance.randint(100, 400), 5, True, "-wal")
        environment = {**breaker.environment(fault, lane.path), **NO_VIEW}
        server = await lane.start("--durability", "async", environment=environment, file_bytes=fault.file_bytes)
        await server.ready()
        clients = await connect(server.port, chance, lane.requests)
        await _struck_under_load(server, breaker, fault)
        server.signal(signal.SIGTERM)
        await lane.left(server, clients, EXIT_SECONDS)
        for kind, times in lane.judge(clients).items():
            seen[kind] = seen.get(kind, 0) + times
    told = ", ".join(f"{times} {kind}" for kind, times in sorted(seen.items())) or "nothing"
    return Control(f"async durability, {rounds} faults", ACKNOWLEDGED in seen or UNRECORDED in seen, told)


FAULTS: Final = Campaign("faults", "faults", 2000, 16, run)
