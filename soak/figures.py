"""What the metrics of a server must say: that each is there, and that they equal what a load did."""

import json
import math
import re
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping
from functools import partial
from typing import Any, Final

import yaml

from events.outcome import CACHED, OK, TOOL_ERROR
from soak.prometheus_server import DEPLOY, Sample
from soak.servers import ROOT
from soak.tally import Tally

FOR_AUTHORS: Final = frozenset(
    {"mcp_monitored_requests_total", "mcp_monitored_request_duration_seconds", "mcp_metrics_overflow_total"}
)
"""Metrics that have data only where a server's author records something; the server of a campaign has none."""

_PARTS: Final = ("_bucket", "_count", "_sum", "_created")


def documented() -> set[str]:
    """The metrics that ``docs/operating.md`` lists."""
    return set(re.findall(r"^\| `(mcp_\w+)` \|", (ROOT / "docs" / "operating.md").read_text(), re.MULTILINE))


def dashboard(instance: str, interval: str) -> list[tuple[str, str]]:
    """The queries of the dashboard with the titles of their panels, as Grafana would send them."""
    board = json.loads((DEPLOY / "grafana" / "dashboards" / "mcp-server.json").read_text())
    filled = {"$instance": re.escape(instance).replace("\\", "\\\\"), "$__rate_interval": interval}
    found = []
    for panel in board["panels"]:
        for target in panel.get("targets", ()):
            expression = target["expr"]
            for name, value in filled.items():
                expression = expression.replace(name, value)
            found.append((panel["title"], expression))
    return found


def alert_rules() -> dict[str, str]:
    """The expressions of the alerts, by name."""
    groups = yaml.safe_load((DEPLOY / "alerts.yml").read_text())["groups"]
    return {rule["alert"]: rule["expr"] for group in groups for rule in group["rules"]}


def missing(samples: Collection[Sample], names: Collection[str]) -> list[str]:
    """Which of the metrics have no data. A histogram's samples count for its name."""
    there = {sample.labels["__name__"] for sample in samples}
    there |= {name.removesuffix(part) for name in there for part in _PARTS}
    return sorted(set(names) - there)


def shows_nothing(answer: Collection[Sample]) -> bool:
    """Whether a query's answer has no number in it."""
    return all(math.isnan(sample.value) for sample in answer)


def differences(samples: Collection[Sample], tally: Tally) -> Iterator[str]:
    """Where the counters say something else than the load's own count."""
    by_method = Counter[str]()
    for (method, _), count in tally.ended.items():
        by_method[method] += count
    of = partial(_compared, samples)
    yield from of("mcp_requests_total", ("method", "outcome"), tally.ended)
    # Whether a refused call is told apart by its tool depends on whether one was answered before: those are left out.
    yield from of("mcp_requests_total", ("name", "outcome"), tally.named, _is_answered)
    yield from of("mcp_request_duration_seconds_count", ("method",), _keyed(by_method))
    yield from of("mcp_errors_total", ("code",), _keyed(tally.errors))
    yield from of("mcp_emitted_total", ("kind",), {("chunk",): tally.chunks})
    yield from of("mcp_sessions_opened_total", (), {(): tally.sessions})
    for gauge in ("mcp_sessions_open", "mcp_requests_in_flight", "mcp_log_waiting_bytes", "mcp_log_failed"):
        yield from of(gauge, (), {(): 0})


def total(samples: Collection[Sample], name: str) -> float:
    """The sum of all samples of that name."""
    return sum(sample.value for sample in samples if sample.labels["__name__"] == name)


def _keyed(counts: Mapping[Any, int]) -> dict[tuple[str, ...], int]:
    return {(str(key),): count for key, count in counts.items()}


def _compared(
    samples: Collection[Sample],
    metric: str,
    labels: tuple[str, ...],
    expected: Mapping[Any, float],
    counts: Callable[[Sample], bool] = lambda _: True,
) -> Iterator[str]:
    """Compare the samples of a metric, added up by some labels, with what they should be by the same labels."""
    found: dict[tuple[str, ...], float] = {}
    for sample in samples:
        if sample.labels["__name__"] == metric and counts(sample):
            key = tuple(sample.labels.get(label, "") for label in labels)
            found[key] = found.get(key, 0.0) + sample.value
    for key in sorted({*found, *expected}):
        if found.get(key, 0.0) != expected.get(key, 0.0):
            told = " ".join(f"{label}={value!r}" for label, value in zip(labels, key, strict=True))
            yield f"{metric} {told} is {found.get(key, 0):g}, and the load did {expected.get(key, 0):g}"


def _is_answered(sample: Sample) -> bool:
    return bool(sample.labels.get("name")) and sample.labels["outcome"] in (OK, CACHED, TOOL_ERROR)
