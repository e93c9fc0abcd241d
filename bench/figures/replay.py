"""How fast recorded sessions are replayed and every decision checked, and whether memory stays flat meanwhile.

The log is recorded first: this server under load, many sessions one after another. The replay is the command that
users run, its start-up included.
"""

import subprocess
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Any

import orjson
import psutil

from bench import process
from bench.figure import Figures, Goal, Result, Setting, judged
from bench.figures import throughput
from bench.load import Load
from bench.process import CannotMeasure

EVENTS_A_CALL = 4
SESSIONS_AT_ONCE = 200
CALLS_A_SESSION = 125


def record(setting: Setting, events: int) -> Path:
    """A log with at least so many events."""
    with throughput.start("ours", setting.scratch) as server:
        calls = SESSIONS_AT_ONCE * CALLS_A_SESSION
        load = Load(
            transport="websocket", port=0, connections=SESSIONS_AT_ONCE, in_flight=4, handshake=True, requests=calls
        )  # fmt: skip
        for done in range(0, events, calls * EVENTS_A_CALL):
            setting.say(f"recording a log to replay: {done:,} of {events:,} events")
            process.put_load(server, load)
    return setting.scratch / "events.db"


def replay(store: Path, output: Path) -> dict[str, Any]:
    """Replay a log in a process of its own, and watch its memory."""
    command = [process.command("mcp-rewind"), "replay", "--all", "--store", process.url(store), "--json"]
    sizes = []
    began = time.perf_counter()
    with output.open("wb") as sink:
        child = psutil.Popen(command, stdout=sink, stderr=subprocess.PIPE)
        child.cpu_affinity([process.SERVER_CORE])
        while child.poll() is None:
            sizes.append(_resident(child))
            time.sleep(0.02)
        seconds = time.perf_counter() - began
        problem = child.stderr.read().decode(errors="replace")
    verdicts = [orjson.loads(line) for line in output.read_bytes().splitlines()]
    if child.returncode or not verdicts or not all(verdict["holds"] for verdict in verdicts):
        raise CannotMeasure(f"the replay ended with {child.returncode}: {problem[-400:].strip()}")
    return {
        "events": sum(verdict["events"] for verdict in verdicts),
        "sessions": len(verdicts),
        "seconds": seconds,
        "early_mb": sizes[len(sizes) // 5] / 1e6,
        "largest_mb": max(sizes) / 1e6,
    }


def _resident(child: psutil.Process) -> int:
    try:
        return int(child.memory_info().rss)
    except psutil.NoSuchProcess:
        return 0


def measure(setting: Setting, names: Sequence[str]) -> list[Result]:
    store = record(setting, 200_000 if setting.quick else 1_000_000)
    rounds = []
    for number in range(3):
        setting.say(f"replay, round {number + 1}")
        rounds.append(replay(store, setting.scratch / "verdicts"))
    rates = [one["events"] / one["seconds"] for one in rounds]
    growth = [one["largest_mb"] / one["early_mb"] for one in rounds]
    what = f"{rounds[0]['events']:,} events in {rounds[0]['sessions']:,} sessions"
    largest = median(one["largest_mb"] for one in rounds)
    words = f"{what} in {median(one['seconds'] for one in rounds):.1f} s, start-up included"
    flat = f"the largest, {largest:.0f} MB, against what a fifth of the same replay took"
    results = {
        "replay-rate": judged("replay-rate", rates, Goal(40_000, 100_000, "/s"), words, rounds_in_full=rounds),
        "replay-memory": judged("replay-memory", growth, Goal(1.1, 1.02, "x", rising=False), flat),
    }
    return [results[name] for name in names]


REPLAY = Figures(("replay-rate", "replay-memory"), measure)
