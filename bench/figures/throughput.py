"""Calls a second, and how long each takes: this server, recording durably, beside others that do not record.

Every round measures each server in turn, and a ratio is that of one round: what slows the machine for a while slows
both sides of it. Their processor time is measured too, and tells when somebody else was on the server's core.
"""

import contextlib
import json
import tempfile
import threading
import urllib.request
from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import median
from typing import Any

from bench import process
from bench.figure import Figures, Goal, Result, Setting, judged
from bench.load import Load, Measured
from bench.process import Server

Rounds = dict[str, list[Measured]]

PEERS = {
    "bare_http": ("bare_http",),
    "bare_ws": ("bare_ws",),
    "mcp": ("mcp_sdk", "as-documented"),
    "mcp_tuned": ("mcp_sdk", "h11"),
    "mcp_httptools": ("mcp_sdk", "httptools"),
    "fastmcp": ("fastmcp_server", "h11"),
}
"""The files in ``bench/servers``, and what they are told."""

EVERYTHING = {"rate_limit_requests": 10**6, "rate_limit_window": 1.0}
"""The guide's settings for a limit, with numbers that never refuse the load: it is asked for every call."""

HTTP_32 = Load(transport="http", port=0, connections=32)
HTTP_32_AGAIN = Load(transport="http", port=0, connections=32, asked=10)
HTTP_32_LEGACY = Load(transport="http", port=0, connections=32, handshake=True)
WEBSOCKET_32x16 = Load(transport="websocket", port=0, connections=32, in_flight=16, handshake=True)
WEBSOCKET_32x1 = Load(transport="websocket", port=0, connections=32, in_flight=1, handshake=True)


def start(name: str, folder: Path) -> contextlib.AbstractContextManager[Server]:
    """Run one server; ours record into a new log in ``folder``."""
    port = process.free_port()
    if name == "ours":
        command = process.ours(port, folder / "events.db")
    elif name == "ours_full":
        return _with_everything(folder, port)
    else:
        file, *more = PEERS[name]
        command = process.script(file, port, *more)
    return process.serving(name, command, folder, port)


@contextlib.contextmanager
def _with_everything(folder: Path, port: int) -> Iterator[Server]:
    metrics = process.free_port()
    config = folder / "config.json"
    config.write_text(json.dumps({**EVERYTHING, "log_file": str(folder / "server.log"), "metrics_port": metrics}))
    command = process.ours(port, folder / "events.db", "ours_full", "--config", str(config))
    with process.serving("ours_full", command, folder, port) as server, _scraped(f"http://127.0.0.1:{metrics}/metrics"):
        yield server


@contextlib.contextmanager
def _scraped(url: str) -> Iterator[None]:
    """Read the metrics every second, as a Prometheus in a hurry would."""
    over, scrapes = threading.Event(), 0

    def scrape() -> None:
        nonlocal scrapes
        while not over.wait(1.0):
            with urllib.request.urlopen(url, timeout=10) as response:
                scrapes += b"mcp_requests_total" in response.read()

    scraper = threading.Thread(target=scrape, daemon=True)
    scraper.start()
    try:
        yield
    finally:
        over.set()
        scraper.join()
    if not scrapes:
        raise process.CannotMeasure("ours_full: no scrape of its metrics brought the figures of requests")


def in_turns(setting: Setting, names: Sequence[str], load: Load) -> Rounds:
    """Put the same load on each server in turn, several times over."""
    rounds: Rounds = {name: [] for name in names}
    with contextlib.ExitStack() as stack:
        servers = {}
        for name in names:
            folder = tempfile.mkdtemp(prefix=f"{name}-", dir=setting.scratch)
            servers[name] = stack.enter_context(start(name, Path(folder)))
        for number in range(setting.rounds):
            for name, server in servers.items():
                setting.say(f"{load.transport} {load.connections} x {load.in_flight}, round {number + 1}: {name}")
                rounds[name].append(process.put_load(server, adapted(load, name, setting.window), setting.tries))
    return rounds


def adapted(load: Load, name: str, window: float) -> Load:
    """The load as a certain server takes it: the bare one has no handshake of MCP's."""
    handshake = load.handshake and not name.startswith("bare")
    return Load(
        transport=load.transport,
        port=0,
        connections=load.connections,
        in_flight=load.in_flight,
        handshake=handshake,
        asked=load.asked,
        seconds=window,
    )


def ratio(name: str, rounds: Rounds, peer: str, goal: Goal | None, ours: str = "ours") -> Result:
    """Ours against a peer, round by round."""
    pairs = list(zip(rounds[ours], rounds[peer], strict=True))
    values = [mine.per_second / other.per_second for mine, other in pairs]
    by_cpu = median(mine.per_cpu_second / other.per_cpu_second for mine, other in pairs)
    words = (
        f"{_rate(rounds[ours])} against {_rate(rounds[peer])}; for each second of the servers' own processor time "
        f"{by_cpu:.2f} x{_doubts(rounds)}"
    )
    return judged(name, values, goal, words, **{each: summary(rounds[each]) for each in (ours, peer)})


def summary(rounds: Sequence[Measured]) -> dict[str, Any]:
    """The medians of what one server did."""
    names = ("per_second", "per_cpu_second", "p50", "p99", "p999", "longest", "cpu", "server_cpu", "stolen")
    return {name: round(median(getattr(measured, name) for measured in rounds), 4) for name in names}


def _rate(rounds: Sequence[Measured]) -> str:
    return f"{median(measured.per_second for measured in rounds):,.0f}/s"


def _doubts(rounds: Rounds) -> str:
    """What a reader should know before believing the numbers."""
    doubts = ""
    if any(median(measured.cpu for measured in found) > 0.95 for found in rounds.values()):
        doubts += "; the load had no processor time to spare"
    if any(median(measured.stolen for measured in found) > process.UNDISTURBED for found in rounds.values()):
        doubts += "; the machine's host gave part of its processors to others"
    bare = [found for name, found in rounds.items() if not name.startswith("ours")]
    if any(median(measured.server_cpu for measured in found) < 0.9 for found in bare):
        doubts += "; something else ran on the server's core"
    return doubts


def http(setting: Setting, names: Sequence[str]) -> list[Result]:
    peers = {
        "http-vs-mcp": ("mcp", Goal(5.5, 10.0, "x")),
        "http-vs-mcp-tuned": ("mcp_tuned", None),
        "http-vs-mcp-httptools": ("mcp_httptools", None),
        "http-vs-fastmcp": ("fastmcp", None),
        "http-vs-bare": ("bare_http", Goal(0.45, 0.65, "x")),
    }
    wanted = {name: peers[name] for name in names}
    rounds = in_turns(setting, [*(peer for peer, _ in wanted.values()), "ours"], HTTP_32)
    return [ratio(name, rounds, peer, goal) for name, (peer, goal) in wanted.items()]


def http_legacy(setting: Setting, _names: Sequence[str]) -> list[Result]:
    rounds = in_turns(setting, ["mcp_tuned", "ours"], HTTP_32_LEGACY)
    return [ratio("http-legacy-vs-mcp-tuned", rounds, "mcp_tuned", None)]


def websocket(setting: Setting, _names: Sequence[str]) -> list[Result]:
    rounds = in_turns(setting, ["bare_ws", "ours"], WEBSOCKET_32x16)
    return [ratio("websocket-vs-bare", rounds, "bare_ws", Goal(0.28, 0.45, "x"))]


def websocket_latency(setting: Setting, _names: Sequence[str]) -> list[Result]:
    rounds = in_turns(setting, ["bare_ws", "ours"], WEBSOCKET_32x1)
    values = [measured.p99 for measured in rounds["ours"]]
    bare = median(measured.p99 for measured in rounds["bare_ws"])
    words = f"at {_rate(rounds['ours'])}; the bare server has {bare:.2f} ms at {_rate(rounds['bare_ws'])}"
    goal = Goal(8.0, 4.0, "ms", rising=False)
    details = {name: summary(found) for name, found in rounds.items()}
    return [judged("websocket-p99", values, goal, words + _doubts(rounds), **details)]


def everything(setting: Setting, _names: Sequence[str]) -> list[Result]:
    """With limits, cache, metrics and log file: nine of ten calls find their result in the cache, or none does."""
    again, new = (in_turns(setting, ["ours", "ours_full"], load) for load in (HTTP_32_AGAIN, HTTP_32))
    return [
        ratio("everything-on", again, "ours", Goal(0.85, 0.95, "x"), ours="ours_full"),
        ratio("everything-on-new", new, "ours", None, ours="ours_full"),
    ]


HTTP = Figures(("http-vs-mcp", "http-vs-mcp-tuned", "http-vs-mcp-httptools", "http-vs-fastmcp", "http-vs-bare"), http)
HTTP_LEGACY = Figures(("http-legacy-vs-mcp-tuned",), http_legacy)
WEBSOCKET = Figures(("websocket-vs-bare",), websocket)
WEBSOCKET_LATENCY = Figures(("websocket-p99",), websocket_latency)
EVERYTHING_ON = Figures(("everything-on", "everything-on-new"), everything)
