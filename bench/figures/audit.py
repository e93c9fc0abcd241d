"""How long a question to the audit takes, with a million calls in it and any one filter.

The log is made up (see ``bench/history.py``), the view is built by the command that users run, and every filter is
asked for many values: frequent ones, rare ones and some that nothing has. The slowest filter counts.
"""

import subprocess
import time
from collections.abc import Sequence
from itertools import islice
from pathlib import Path
from random import Random
from typing import Any

import psutil
import uvloop

from adapters.audit_reader import AuditReader
from adapters.audit_schema import view_path
from adapters.sqlite_log import open_sqlite_log
from bench import history, process
from bench.figure import Figures, Goal, Result, Setting, judged
from bench.figures.append import store
from bench.process import CannotMeasure
from pipeline.journal import IN_FLIGHT

SEED = 20260728
LIMIT = 100
"""Calls that one question gives at most; the command gives 50 unless it is told otherwise."""

Question = dict[str, Any]


async def write(path: Path, calls: int) -> None:
    source = history.rows(calls, SEED)
    async with open_sqlite_log(path) as log:
        for child in psutil.Process().children():
            child.cpu_affinity(process.CORES)
        while group := list(islice(source, 2000)):
            await store(log, [group[:1000], group[1000:]][: 1 + (len(group) > 1000)], IN_FLIGHT)


def build(path: Path) -> float:
    """Build the view; the seconds that it takes."""
    command = [process.command("mcp-rewind"), "audit", "--rebuild", "--store", process.url(path), "--limit", "1"]
    began = time.perf_counter()
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise CannotMeasure(f"the audit view could not be built: {done.stderr[-400:].strip()}")
    return time.perf_counter() - began


def questions(sessions: Sequence[str], each: int) -> dict[str, list[Question]]:
    """For each filter, what to ask."""
    random = Random(SEED)

    def some(column: str, values: Sequence[str]) -> list[Question]:
        return [{"equal": {column: random.choice(values)}} for _ in range(each)]

    def window() -> Question:
        since = history.BEGAN + random.random() * history.SECONDS
        return {"equal": {}, "since": since, "until": since + 10 ** random.uniform(0, 6)}

    return {
        "principal": some("principal", [*history.PRINCIPALS, "nobody"]),
        "session": some("session", [*sessions, "01900000-0000-7000-8000-000000000000"]),
        "method": some("method", [*history.METHODS, "prompts/list"]),
        "name": some("name", [*history.TOOLS, history.RARE, "no_such_tool"]),
        "outcome": some("outcome", list(history.OUTCOMES)),
        "time": [window() for _ in range(each)],
        "latency": [{"equal": {}, "slower": 10 ** random.uniform(0, 4.5)} for _ in range(each)],
    }


def ask(reader: AuditReader, asked: dict[str, list[Question]]) -> dict[str, list[float]]:
    """Milliseconds that each question took.

    Raises:
        CannotMeasure: A filter never found anything, so what it took means nothing.
    """
    times: dict[str, list[float]] = {name: [] for name in asked}
    found = dict.fromkeys(asked, 0)
    for number in range(len(next(iter(asked.values())))):
        for name, list_of in asked.items():
            began = time.perf_counter()
            found[name] += len(list(reader.calls(**list_of[number], limit=LIMIT)))
            times[name].append((time.perf_counter() - began) * 1000)
    if empty := [name for name, number in found.items() if not number]:
        raise CannotMeasure(f"the audit found nothing by {', '.join(empty)}")
    return times


def p95(times: Sequence[float]) -> float:
    return sorted(times)[int(len(times) * 0.95)]


def measure(setting: Setting, _names: Sequence[str]) -> list[Result]:
    calls = 100_000 if setting.quick else 1_000_000
    path = setting.scratch / "events.db"
    setting.say(f"audit: making up a log of {calls:,} calls")
    uvloop.run(write(path, calls))
    setting.say("audit: building the view")
    seconds = build(path)
    rounds: dict[str, list[float]] = {}
    with AuditReader(view_path(path)) as reader:
        sessions = [row["session"] for row in reader.sessions(limit=2000)]
        asked = questions(sessions, 100)
        for number in range(setting.rounds):
            setting.say(f"audit: asking, round {number + 1}")
            for name, times in ask(reader, asked).items():
                rounds.setdefault(name, []).append(p95(times))
    medians = {name: sorted(values)[len(values) // 2] for name, values in rounds.items()}
    slowest = max(medians, key=medians.__getitem__)
    listed = ", ".join(f"{name} {value:.2f}" for name, value in medians.items())
    words = f"of the filter {slowest!r}, among {calls:,} calls; all in ms: {listed}; built in {seconds:.1f} s"
    goal = Goal(50.0, 10.0, "ms", rising=False)
    return [judged("audit-p95", rounds[slowest], goal, words, filters=medians, calls=calls, build_seconds=seconds)]


AUDIT = Figures(("audit-p95",), measure)
