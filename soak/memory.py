"""Replay a long log: it takes no more memory at its end than soon after its beginning.

``python -m soak.memory STORE [--keep]`` is the process that replays; with ``--keep`` it holds on to what it reads.
"""

import asyncio
import os
import sys
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

import msgspec
import orjson

from adapters.sqlite_log import SqliteLog, open_sqlite_log
from adapters.sqlite_reader import SqliteReader
from events.event import Origin, Step
from events.jsonrpc import decode
from events.observed import CallReturned, SessionClosed, SessionOpened
from events.record import pack, unpack
from operators.policy import Policy, dump
from pipeline.log import Record, Row
from replay.replay import verify
from replay.virtual import VirtualChain
from soak import processes
from soak.campaign import Campaign, Control, Outcome, Setting
from soak.mutate import META
from soak.servers import ROOT

CALLS: Final = 25
"""Calls in a session: each is two facts and two decisions, and two records."""

EVENTS: Final = 4 * CALLS + 2
FLAT: Final = 6 << 20
"""What a process may grow between a quarter and the end; allocators keep some."""


MOST_KEPT: Final = 50_000
"""Records that the process holds on to that must be noticed."""


class Grown(msgspec.Struct):
    """Resident bytes after a quarter of the log and at its end."""

    events: int = 0
    quarter: int = 0
    end: int = 0
    seconds: float = 0.0
    problem: str = ""


async def run(setting: Setting) -> Outcome:
    """Record about ``setting.count`` events, replay them, and replay them in a way that must be noticed."""
    outcome = Outcome()
    store = setting.scratch / "events.db"
    async with open_sqlite_log(store) as log:
        await _fill(log, -(-setting.count // EVENTS), setting)
    grown = await _replay(store)
    outcome.counts["events"] = grown.events
    outcome.counts["events a second"] = round(grown.events / grown.seconds)
    outcome.counts["after a quarter, MB"] = round(grown.quarter / 1e6, 1)
    outcome.counts["at the end, MB"] = round(grown.end / 1e6, 1)
    if grown.problem:
        outcome.violation(grown.problem)
    if grown.end - grown.quarter > FLAT:
        outcome.violation(f"it grew by {(grown.end - grown.quarter) / 1e6:.1f} MB")
    kept = await _replay(store, "--keep")
    caught = kept.end - kept.quarter > FLAT
    outcome.controls.append(Control("a replay that keeps", caught, f"{(kept.end - kept.quarter) / 1e6:.1f} MB more"))
    return outcome


async def _fill(log: SqliteLog, sessions: int, setting: Setting) -> None:
    """Write sessions that were decided by the live chain, each under ids and times of its own."""
    chain = VirtualChain(Policy())
    began = 1_700_000_000.0
    for number in range(sessions):
        at = began + number
        session = f"{int(at * 1000):012x}"
        session = f"{session[:8]}-{session[8:]}-7000-8000-{number:012x}"
        rows = [Row(session, version, state) for version, state in enumerate(_records(chain, session, at), 1)]
        log.append(rows, lambda _position: None)
        if log.waiting > 4 << 20 or not number % 50:
            while log.waiting:  # noqa: ASYNC110 # it has no event of its own
                await asyncio.sleep(0.002)
            setting.tell(number * EVENTS, "written")


def _records(chain: VirtualChain, session: str, at: float) -> Iterator[bytes]:
    opened = chain.decide(SessionOpened(Origin(session, None, at), "websocket", "192.0.2.1", "ada", dump(Policy())))
    pending: list[Step] = [opened]
    for call in range(CALLS):
        at += 0.01
        params = {"name": "echo", "arguments": {"text": f"the {call}th of {session}"}, "_meta": META}
        raw = orjson.dumps({"jsonrpc": "2.0", "id": call, "method": "tools/call", "params": params})
        yield pack([*pending, chain.decide(decode(raw, session, at))])
        pending = []
        yield pack([chain.decide(CallReturned(Origin(session, call, at), b'{"content":[]}'))])
    yield pack([chain.decide(SessionClosed(Origin(session, None, at), "the client left"))])


async def _replay(store: Path, *flags: str) -> Grown:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "soak.memory", str(store), *flags, cwd=ROOT, stdout=-1
    )
    out, _ = await process.communicate()
    return msgspec.json.decode(out, type=Grown)


def grow(store: Path, *, keep: bool) -> Grown:
    """Replay a log and look at this process's memory on the way."""
    found = Grown()
    kept: list[list[Step]] = []
    with SqliteReader(store) as reader:
        last = reader.last()

        def watched(records: Iterable[Record]) -> Iterator[Record]:
            for record in records:
                if keep and record.position > last // 4 and len(kept) < MOST_KEPT:
                    kept.append(unpack(record.state, record.session))
                if record.position == last // 4:
                    found.quarter = processes.resident(os.getpid())
                yield record

        began = time.perf_counter()
        for verdict in verify(watched(reader.records())):
            found.events += verdict.events
            if not verdict.holds:
                found.problem = f"a session does not replay: {verdict}"
        found.seconds = time.perf_counter() - began
    found.end = processes.resident(os.getpid())
    return found


MEMORY: Final = Campaign("memory", "events", 1_000_000, 20_000, run)

if __name__ == "__main__":
    sys.stdout.buffer.write(msgspec.json.encode(grow(Path(sys.argv[1]), keep="--keep" in sys.argv)))
