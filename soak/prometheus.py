"""A Prometheus scrapes a server under load: nothing fails, nothing is missing, and the counters equal what was done."""

import asyncio
import contextlib
import shutil
import signal
import socket
import time
from collections import Counter
from collections.abc import AsyncIterator, Collection
from typing import Final

import aiohttp
from prometheus_client.parser import text_string_to_metric_families

from adapters.sqlite_reader import SqliteReader
from soak.campaign import Campaign, Control, Outcome, Setting
from soak.figures import FOR_AUTHORS, alert_rules, dashboard, differences, documented, missing, shows_nothing, total
from soak.prometheus_server import Prometheus, QueryFailed, Sample, prometheus
from soak.servers import Server, nursery
from soak.tally import LIMITS, Tally, load

SHORT_INTERVAL: Final = 1.0
"""Seconds between two scrapes when a few seconds are all there is; a full run has the configuration's own."""

MISNAMED: Final = "mcp_request_total"
DOWN: Final = "McpServerDown"
EXPECTED: Final = {"McpManyErrors"}
"""Alerts that the load gives rise to: many of its requests cannot be answered."""

OF_THE_MACHINE: Final = {"McpAnswersAreSlow", "McpAuditFallsBehind", "McpCommitsAreSlow", "McpMemoryIsShort"}
"""Alerts that may rise where others keep the machine busy."""

ABSENT: Final = (
    "There is no program 'prometheus' on PATH. The metrics were read without it: what Prometheus itself makes of the "
    "target, of the alert rules and of the dashboard's queries was NOT checked."
)


async def run(setting: Setting) -> Outcome:
    """Load a server for ``setting.count`` seconds while it is scraped."""
    outcome, tally, store = Outcome(), Tally(), setting.scratch / "events.db"
    with socket.create_server(("127.0.0.1", 0)) as free:
        metrics = free.getsockname()[1]
    environment = {"MCP_METRICS_PORT": str(metrics), "MCP_LIMITS": LIMITS}
    async with nursery(setting.scratch) as place:
        server = await place.start("--store", f"sqlite:///{store}", environment=environment)
        await server.ready()
        program = shutil.which("prometheus")
        if program is None:
            outcome.notes.append(ABSENT)
            await _read_directly(server, metrics, setting, tally, outcome)
        else:
            target = f"127.0.0.1:{metrics}"
            interval = SHORT_INTERVAL if setting.short else None
            async with prometheus(program, target, setting.scratch, interval) as watching:
                await _watch(watching, server, target, setting, tally, outcome)
        if server.ended.done() and server.ended.result() != -signal.SIGKILL:
            outcome.violation(f"the server ended with {server.ended.result()}: {server.tail()}")
    outcome.counts["requests"] = tally.ended.total()
    outcome.counts["ways in which they ended"] = len({word for _, word in tally.ended})
    if tally.problem:
        outcome.violation(tally.problem)
    return outcome


async def _read_directly(server: Server, port: int, setting: Setting, tally: Tally, outcome: Outcome) -> None:
    """Without Prometheus: read what it would read."""
    await _load(server, setting, tally)
    samples = await _fetched(port)
    if samples is None:
        outcome.violation("the metrics cannot be read")
        return
    _judge(samples, tally, setting, outcome)
    await server.kill()
    gone = await _fetched(port) is None
    outcome.controls.append(Control("the server is killed", gone, "its metrics cannot be read" if gone else "NOTHING"))


async def _fetched(port: int) -> list[Sample] | None:
    try:
        async with aiohttp.ClientSession() as client, client.get(f"http://127.0.0.1:{port}/metrics") as response:
            text = await response.text()
    except aiohttp.ClientError:
        return None
    return [
        Sample({"__name__": sample.name, **sample.labels}, sample.value)
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    ]


async def _watch(
    watching: Prometheus, server: Server, target: str, setting: Setting, tally: Tally, outcome: Outcome
) -> None:
    """Load, have everything scraped, ask Prometheus about it, and kill the server."""
    try:
        began = time.time()
        await watching.scraped_since(began)
        await _load(server, setting, tally)
        if not await watching.scraped_since(time.time()):
            outcome.violation("the server was not scraped any more after the load")
        await _judge_scrapes(watching, target, time.time() - began, outcome)
        _judge(await watching.query('{__name__=~"mcp_.+", job="mcp-server"}'), tally, setting, outcome)
        await _judge_queries(watching, target, outcome)
        await _judge_rules(watching, outcome)
        await server.kill()
        outcome.controls.append(await _noticed_down(watching, setting))
    except QueryFailed as problem:
        outcome.violation(str(problem))


async def _load(server: Server, setting: Setting, tally: Tally) -> None:
    """Load the server, and wait until all of it is written down."""
    async with _telling(setting):
        await load(server.port, setting.count, setting.seed, tally)
    for _ in range(100):
        samples = await _fetched(server.port) or ()
        if samples and not total(samples, "mcp_sessions_open") + total(samples, "mcp_log_waiting_bytes"):
            return
        await asyncio.sleep(0.1)


@contextlib.asynccontextmanager
async def _telling(setting: Setting) -> AsyncIterator[None]:
    async def tell() -> None:
        for second in range(setting.count):
            setting.tell(second, "seconds of load")
            await asyncio.sleep(1)

    telling = asyncio.create_task(tell())
    try:
        yield
    finally:
        telling.cancel()


async def _judge_scrapes(watching: Prometheus, target: str, seconds: float, outcome: Outcome) -> None:
    (found,) = (await watching.ask("targets"))["activeTargets"]
    if (found["health"], found["lastError"], found["labels"]["instance"]) != ("up", "", target):
        outcome.violation(f"the target is {found['health']}: {found['lastError']}")
    window = f"[{round(seconds * 1000)}ms]"
    scrapes = await watching.number(f'count_over_time(up{{job="mcp-server"}}{window})') or 0.0
    failed = scrapes - (await watching.number(f'sum_over_time(up{{job="mcp-server"}}{window})') or 0.0)
    outcome.counts["scrapes"] = int(scrapes)
    if failed or scrapes < 2:
        outcome.violation(f"of {scrapes:g} scrapes {failed:g} failed")


def _judge(samples: Collection[Sample], tally: Tally, setting: Setting, outcome: Outcome) -> None:
    """Hold what was scraped against the documentation, the load and the log; and show that a mistake would be seen."""
    names = documented()
    outcome.counts["metrics"] = len(names)
    outcome.counts["series"] = len(samples)
    for name in missing(samples, names - FOR_AUTHORS):
        outcome.violation(f"{name} has no data")
    for words in differences(samples, tally):
        outcome.violation(words)
    with SqliteReader(setting.scratch / "events.db") as reader:
        recorded = reader.last()
    counted = total(samples, "mcp_commit_records_sum")
    outcome.counts["records"] = recorded
    if counted != recorded:
        outcome.violation(f"mcp_commit_records_sum is {counted:g}, and the log holds {recorded} records")
    seen = missing(samples, {*names, MISNAMED} - FOR_AUTHORS) == [MISNAMED]
    outcome.controls.append(Control("a misnamed metric", seen, f"{MISNAMED} has no data" if seen else "NOTHING"))
    tally.ended["ping", "ok"] += 1
    off = list(differences(samples, tally))
    tally.ended["ping", "ok"] -= 1
    outcome.controls.append(Control("a count that is off by one", bool(off), "; ".join(off) or "NOTHING"))


async def _judge_queries(watching: Prometheus, target: str, outcome: Outcome) -> None:
    """Each query of the dashboard is carried out, and shows something."""
    queries = dashboard(target, f"{max(60, round(4 * watching.interval))}s")
    for title, query in queries:
        if shows_nothing(await watching.query(query)):
            outcome.violation(f"the panel {title!r} shows nothing: {query}")
    outcome.counts["queries of the dashboard"] = len(queries)
    if await watching.ask("label/instance/values", **{"match[]": "mcp_log_failed"}) != [target]:
        outcome.violation("the dashboard's list of instances is not the one server")
    empty = shows_nothing(await watching.query(f"sum(rate({MISNAMED}[1m]))"))
    outcome.controls.append(Control("a panel that asks for it", empty, "it shows nothing" if empty else "NOTHING"))


async def _judge_rules(watching: Prometheus, outcome: Outcome) -> None:
    """Each alert is looked at without an error, and only those rise that have a reason."""
    looks = 20  # at the alerts that are expected: rules are looked at once in an interval
    while looks and not EXPECTED.issubset(await watching.alerts()):
        looks -= 1
        await asyncio.sleep(watching.interval / 5)
    groups = (await watching.ask("rules"))["groups"]
    states = {rule["name"]: rule for group in groups for rule in group["rules"]}
    for name in alert_rules():
        rule = states.get(name)
        if rule is None or rule["health"] != "ok" or rule.get("lastError"):
            outcome.violation(f"the alert {name} is not well: {rule}")
        elif name in OF_THE_MACHINE and rule["state"] != "inactive":
            outcome.notes.append(f"The alert {name} is {rule['state']}: the machine is busy.")
        elif (rule["state"] != "inactive") != (name in EXPECTED):
            outcome.violation(f"the alert {name} is {rule['state']}: {rule['alerts']}")
    outcome.counts["alerts"] = len(states)
    outcome.counts["alerts by state"] = str(dict(Counter(rule["state"] for rule in states.values())))


async def _noticed_down(watching: Prometheus, setting: Setting) -> Control:
    """A server that is gone: in a full run until the alert fires, in a short one until it is about to."""
    wanted = {"pending", "firing"} if setting.short else {"firing"}
    state, began = "", time.monotonic()
    while time.monotonic() < began + 4 * watching.interval + 90:
        down = await watching.number('up{job="mcp-server"}') == 0
        state = (await watching.alerts()).get(DOWN, "inactive")
        if down and state in wanted:
            words = f"the target is down, and {DOWN} is {state} after {time.monotonic() - began:.0f} s"
            return Control("the server is killed", True, words)
        await asyncio.sleep(min(1.0, watching.interval / 5))
    return Control("the server is killed", False, f"NOTHING: {DOWN} is {state}")


PROMETHEUS: Final = Campaign("prometheus", "seconds of load", 120, 3, run)
