"""Figures for Prometheus."""

from collections.abc import Callable, Iterator
from typing import Final

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric

from adapters.metrics_histogram import Histogram
from adapters.secret_patterns import KINDS
from events.codes import NAMES
from events.outcome import CACHED, INPUT_REQUIRED, OK, TASK, TOOL_ERROR
from operators.methods import LEGACY_METHODS, MODERN_METHODS

BUCKETS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
"""Upper bounds of the latency buckets, in seconds."""

MOST_NAMES: Final = 1000
"""Tools, prompts and resources that are told apart. Names that nothing answered to are never told apart."""

MOST_METHODS: Final = 100
"""Methods that are told apart: those of MCP, and others that something answered to."""

OTHER: Final = "other"
"""The label of what is not told apart."""

_ANSWERED: Final = frozenset({OK, CACHED, TOOL_ERROR, INPUT_REQUIRED, TASK})


class PrometheusMeter:
    """Counts in plain memory; turns into metrics only when it is asked, so that counting costs next to nothing.

    What a client can choose (methods, names, codes) becomes a label only when something here answered to it, so that
    no client can fill the metrics.

    Args:
        gauges: For each metric its help and what reads it.

    Attributes:
        muted: Whether what is told was counted before, by a server that ran before this one.
    """

    def __init__(self, gauges: dict[str, tuple[str, Callable[[], float]]]) -> None:
        self._gauges = gauges
        self.muted = False
        self._requests: dict[tuple[str, str, str], int] = {}
        self._methods = {"", *LEGACY_METHODS, *MODERN_METHODS}
        self._names: set[tuple[str, str]] = set()
        self._seconds: dict[str, Histogram] = {}
        self._errors: dict[int, int] = {}
        self._sent: dict[str, int] = {}
        self._redacted = dict.fromkeys(KINDS, 0)
        self._open = 0
        self._opened = 0

    def answered(self, method: str, name: str, outcome: str, seconds: float) -> None:
        """A request ended after ``seconds``."""
        if self.muted:
            return
        if method not in self._methods:
            if outcome in _ANSWERED and len(self._methods) < MOST_METHODS:
                self._methods.add(method)
            else:
                method = OTHER
        if name and (method, name) not in self._names:
            if outcome in _ANSWERED and len(self._names) < MOST_NAMES:
                self._names.add((method, name))
            else:
                name = ""
        key = (method, name, outcome)
        self._requests[key] = self._requests.get(key, 0) + 1
        series = self._seconds.get(method)
        if series is None:
            series = self._seconds[method] = Histogram(BUCKETS)
        series.add(seconds)

    def failed(self, code: int) -> None:
        """A request was answered with an error."""
        if self.muted:
            return
        known = code if code in NAMES else 0  # a tool may choose any
        self._errors[known] = self._errors.get(known, 0) + 1

    def emitted(self, kind: str) -> None:
        """A part of a result, a progress report or a log message went to a client."""
        if self.muted:
            return
        self._sent[kind] = self._sent.get(kind, 0) + 1

    def redacted(self, kind: str) -> None:
        """A secret of that kind gave way in something that is stored."""
        self._redacted[kind] += 1

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
        latency = HistogramMetricFamily("mcp_request_duration_seconds", "From arrival to answer", labels=("method",))
        for method, series in self._seconds.items():
            latency.add_metric((method,), series.buckets(), series.total)
        yield latency
        errors = CounterMetricFamily("mcp_errors", "JSON-RPC errors that were answered", labels=("code", "error"))
        for code, count in self._errors.items():
            errors.add_metric((str(code or OTHER), NAMES.get(code, OTHER)), count)
        yield errors
        sent = CounterMetricFamily(
            "mcp_emitted", "What went to clients beside answers: chunk, stream, progress, log, update", labels=("kind",)
        )
        for kind, count in self._sent.items():
            sent.add_metric((kind,), count)
        yield sent
        redacted = CounterMetricFamily(
            "mcp_redacted_values", "Secrets that gave way in what is stored", labels=("kind",)
        )
        for kind, count in self._redacted.items():
            redacted.add_metric((kind,), count)
        yield redacted
        yield GaugeMetricFamily("mcp_sessions_open", "Sessions that are open", self._open)
        yield CounterMetricFamily("mcp_sessions_opened", "Sessions that were opened", self._opened)
        for name, (text, read) in self._gauges.items():
            yield GaugeMetricFamily(name, text, read())
