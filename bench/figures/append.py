"""How fast the log takes rows, beside raw inserts of the same rows into the same table.

Raw: one multi-row INSERT a group in autocommit, WAL, ``synchronous=FULL``, in this process and nothing around it.
Ours: through the event loop and the writer process, two groups on their way at once, as the journal does it.
"""

import asyncio
import sqlite3
import time
from collections.abc import Sequence
from itertools import chain, islice
from pathlib import Path

import psutil
import uvloop

from adapters.sqlite_log import SqliteLog, open_sqlite_log
from bench import process, rows
from bench.figure import Figures, Goal, Result, Setting, judged
from bench.pinned import pinned
from events.record import TOPIC
from pipeline.journal import IN_FLIGHT
from pipeline.log import Row

Group = list[Row]

SESSIONS = 200
GOALS = {"append-100": (100, Goal(0.6, 0.8, "x")), "append-1000": (1000, Goal(0.7, 0.85, "x"))}
TABLE = """
    CREATE TABLE stored_events (
        rowid INTEGER PRIMARY KEY, originator_id TEXT NOT NULL, originator_version INTEGER NOT NULL,
        topic TEXT NOT NULL, state BLOB NOT NULL, UNIQUE (originator_id, originator_version)
    )
"""


class Raw:
    """A database that is written with the standard library alone."""

    def __init__(self, path: Path) -> None:
        self.db = sqlite3.connect(path, isolation_level=None)
        self.db.execute("PRAGMA journal_mode = WAL")
        self.db.execute("PRAGMA synchronous = FULL")
        self.db.execute(TABLE)
        self.last = 0

    def store(self, groups: Sequence[Group]) -> float:
        """The seconds that it takes."""
        began = time.perf_counter()
        for group in groups:
            values = [
                (position, session, version, TOPIC, state)
                for position, (session, version, state) in enumerate(group, self.last + 1)
            ]
            places = ",".join(["(?,?,?,?,?)"] * len(group))
            self.db.execute(f"INSERT INTO stored_events VALUES {places}", list(chain.from_iterable(values)))
            self.last += len(group)
        return time.perf_counter() - began


async def store(log: SqliteLog, groups: Sequence[Group], under_way: int) -> float:
    """The seconds until all groups are durable, with so many of them on their way at once."""
    room = asyncio.Semaphore(under_way)

    def durable(_position: int) -> None:
        room.release()

    began = time.perf_counter()
    for group in groups:
        await room.acquire()
        log.append(group, durable)
        await asyncio.sleep(0)  # the log sends what one turn of the loop appends as one group
    for _ in range(under_way):
        await room.acquire()
    return time.perf_counter() - began


async def compare(setting: Setting, name: str, size: int) -> Result:
    goal = GOALS[name][1]
    ratios, raws, mine, singly = [], [], [], []
    source = rows.echo_rows(SESSIONS)
    raw = Raw(setting.scratch / f"{name}-raw.db")
    groups_a_round = 10_000 // size  # short rounds, and many: the disk's speed changes from one second to the next
    async with open_sqlite_log(setting.scratch / f"{name}-ours.db") as log:
        for child in psutil.Process().children():
            child.cpu_affinity(process.CORES)
        for number in range(setting.rounds * 3):
            setting.say(f"{name}, round {number + 1}")
            groups = [list(islice(source, size)) for _ in range(groups_a_round)]
            count = size * groups_a_round
            raws.append(count / raw.store(groups))
            half = groups_a_round // 2
            mine.append(half * size / await store(log, groups[:half], IN_FLIGHT))
            singly.append((count - half * size) / await store(log, groups[half:], 1))
            ratios.append(mine[-1] / raws[-1])
    details = {"raw": raws, "ours": mine, "ours_one_at_a_time": singly}
    words = f"{_rate(mine)} rows against {_rate(raws)}; one group at a time {_rate(singly)}"
    return judged(name, ratios, goal, words, **details)


def _rate(rates: Sequence[float]) -> str:
    return f"{sorted(rates)[len(rates) // 2]:,.0f}/s"


def measure(setting: Setting, names: Sequence[str]) -> list[Result]:
    with pinned():
        return [uvloop.run(compare(setting, name, GOALS[name][0])) for name in names]


APPEND = Figures(tuple(GOALS), measure)
