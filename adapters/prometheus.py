"""Figures for Prometheus."""

from bisect import bisect_left
from collections.abc import Callable, Iterator
from typing import Final

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric

from events.outcome import CACHED, OK, TOOL_ERROR

BUCKETS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
"""Upper bounds of the latency buckets, in seconds."""

MOST_NAMES: Final = 1000
"""Tools, prompts and resources that are told apart. Names that nothing answered to are never told apart."""


class PrometheusMeter:
    """Counts in plain memory; turns into metrics only when it is asked, so that counting costs next to nothing.

    Args:
        gauges: For each metric its help and what reads it.
    """

    def __init__(self, gauges: dict[str, tuple[str, Callable[[], float]]]) -> None:
        self._gauges = gauges
        self._requests: dict[tuple[str, str, str], int] = {}
        self._names: set[tuple[str, str]] = set()
        self._seconds: dict[str, tuple[list[int], list[float]]] = {}
        self._open = 0
        self._opened = 0

    def answered(self, method: str, name: str, outcome: str, seconds: float) -> None:
        """A request ended after ``seconds``."""
        if name and (method, name) not in self._names:
            if outcome in (OK, CACHED, TOOL_ERROR) and len(self._names) < MOST_NAMES:
                self._names.add((method, name))
            else:
                name = ""
        key = (method, name, outcome)
        self._requests[key] = self._requests.get(key, 0) + 1
        series = self._seconds.get(method)
        if series is None:
            series = self._seconds[method] = ([0] * (len(BUCKETS) + 1), [0.0])
        series[0][bisect_left(BUCKETS, seconds)] += 1
        series[1][0] += seconds

    def sessions(self, change: int) -> None:
        """A session opened or closed."""
        self._open += change
        self._opened += max(0, change)

    def collect(self) -> Iterator[Metric]:
        """All figures, as ``prometheus_client`` wants them from a collector."""
        requests = CounterMetricFamily(
            "mcp_requests", "Requests that ended, by how", labels=("method", "name", "outcome")
        )
        for labels, count in self._requests.items():
            requests.add_metric(labels, count)
        yield requests
        latency = HistogramMetricFamily("mcp_request_seconds", "From arrival to answer", labels=("method",))
        for method, (counts, total) in self._seconds.items():
            latency.add_metric((method,), _cumulative(counts), total[0])
        yield latency
        yield GaugeMetricFamily("mcp_sessions_open", "Sessions that are open", self._open)
        yield CounterMetricFamily("mcp_sessions_opened", "Sessions that were opened", self._opened)
        for name, (text, read) in self._gauges.items():
            yield GaugeMetricFamily(name, text, read())


def _cumulative(counts: list[int]) -> list[tuple[str, float]]:
    buckets, total = [], 0
    for bound, count in zip((*map(str, BUCKETS), "+Inf"), counts, strict=True):
        total += count
        buckets.append((bound, float(total)))
    return buckets
