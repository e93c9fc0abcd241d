"""Decide again what was decided once, in a process that is as unlike the first as can be.

``python -m soak.remade STORE LOOP SECONDS [--clocked]``: replays every session of a log on the given event loop, with
the clock moved, and prints a :class:`Remade`. The seed of hashes and the time zone are the environment's.
"""

# ruff: noqa: E402 - the clock is moved before anyone can have read it
import datetime as dt
import sys
import time

MOVED = float(sys.argv[3]) if __name__ == "__main__" else 0.0

if MOVED:
    _real = time.time
    time.time = lambda: _real() + MOVED
    time.time_ns = lambda: int((_real() + MOVED) * 1e9)

    class _Moved(dt.datetime):
        @classmethod
        def now(cls, tz: dt.tzinfo | None = None) -> "_Moved":
            return cls.fromtimestamp(time.time(), tz)

    dt.datetime = _Moved  # type: ignore[misc]  # a class is no variable; here it must be

import asyncio
import hashlib
from collections.abc import Iterable, Iterator
from pathlib import Path

import msgspec
import uvloop

from adapters.sqlite_reader import SqliteReader
from events.event import SessionId
from events.observed import SessionClosed, SessionOpened
from events.record import pack, unpack_facts
from operators.policy import load
from pipeline.log import Record
from replay.replay import verify
from replay.virtual import VirtualChain
from soak.clocked import break_the_chain


class Remade(msgspec.Struct):
    """What came out.

    Attributes:
        digest: Of all the rows as they were made again.
        stored: Of the rows as they are in the log.
        different: Rows that came out differently.
        events: Facts and decisions.
        sessions: Sessions that ``verify`` judged.
        problems: What it found, and where.
        touched: What the replay did that is no business of a replay: files, sockets, processes.
    """

    digest: str = ""
    stored: str = ""
    different: int = 0
    rows: int = 0
    events: int = 0
    sessions: int = 0
    problems: list[str] = msgspec.field(default_factory=list)
    touched: list[str] = msgspec.field(default_factory=list)


_FORBIDDEN = ("open", "socket.", "subprocess.", "os.system", "os.exec", "os.fork", "os.putenv")


def remake(records: Iterable[Record]) -> Iterator[tuple[Record, bytes]]:
    """Each record, and the bytes that the live chain makes of its facts now."""
    chains: dict[SessionId, VirtualChain] = {}
    for record in records:
        facts = unpack_facts(record.state, record.session)
        if isinstance(opened := facts[0], SessionOpened):
            chains[record.session] = VirtualChain(load(opened.policy))
        chain = chains[record.session]
        yield record, pack([chain.decide(fact) for fact in facts])
        if isinstance(facts[-1], SessionClosed):
            del chains[record.session]


async def run(store: Path) -> Remade:
    """Make everything again, then have ``verify`` judge it as well."""
    found = Remade()
    watching = True

    def watch(event: str, arguments: tuple[object, ...]) -> None:
        if watching and event.startswith(_FORBIDDEN):
            found.touched.append(f"{event} {arguments}"[:200])

    with SqliteReader(store) as reader:
        records = list(reader.records())
    sys.addaudithook(watch)
    again, stored = hashlib.sha256(), hashlib.sha256()
    for record, state in remake(records):
        again.update(state)
        stored.update(record.state)
        found.rows += 1
        found.different += state != record.state
    for verdict in verify(records):
        found.sessions += 1
        found.events += verdict.events
        if verdict.divergence is not None:
            place = verdict.divergence
            found.problems.append(f"{place.session} at {place.position}, {place.difference.path}")
        elif verdict.problem:
            found.problems.append(f"{verdict.session}: {verdict.problem}")
    watching = False
    found.digest, found.stored = again.hexdigest(), stored.hexdigest()
    return found


def main() -> None:
    if "--clocked" in sys.argv:
        break_the_chain()
    factory = uvloop.new_event_loop if sys.argv[2] == "uvloop" else None
    with asyncio.Runner(loop_factory=factory) as runner:
        found = runner.run(run(Path(sys.argv[1])))
    sys.stdout.buffer.write(msgspec.json.encode(found) + b"\n")


if __name__ == "__main__":
    main()
