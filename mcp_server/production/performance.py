"""Requests that those who write servers tell of themselves: which are under way, how long they took, how they ended."""

import time
from collections.abc import Callable, Iterator
from typing import Any, Final

from msgspec import Struct
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric

from adapters.metrics_histogram import Histogram
from adapters.prometheus import BUCKETS, OTHER
from events.event import RequestId

MOST_ACTIVE: Final = 10_000
"""Requests that are remembered; when more are under way, the oldest are forgotten."""

MOST_SERIES: Final = 1000
"""Pairs of method and status that are told apart; what comes on top counts under ``other``."""

LONGEST: Final = 200
"""Characters of a method or a status."""

REPLACED: Final = "replaced"
"""How a request ended whose id was begun again."""


class Active(Struct, frozen=True, gc=False):
    """A request that is under way; ``since`` is a moment of the monitor's clock, in seconds."""

    id: RequestId
    method: str
    since: float


class PerformanceMonitor:
    """Counts and times requests by their ids, in plain memory.

    Whatever it is told, it raises nothing: an id that nobody began is counted when it ends, without a duration; one
    that is begun twice ends the first time as ``replaced``.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._active: dict[RequestId, Active] = {}
        self._ended: dict[tuple[str, str], int] = {}
        self._seconds: dict[str, Histogram] = {}
        self._forgotten = 0

    async def start_request(self, id: RequestId, method: str) -> None:
        """A request began."""
        self.start(id, method)

    async def end_request(self, id: RequestId, method: str, status: str) -> float | None:
        """It ended; gives the seconds that it took, None when nobody had said that it began."""
        return self.end(id, method, status)

    def start(self, id: RequestId, method: str) -> None:
        """As :meth:`start_request`, for code that does not await."""
        before = self._active.pop(id, None)
        if before is not None:
            self._count(before.method, REPLACED)
        elif len(self._active) >= MOST_ACTIVE:
            del self._active[next(iter(self._active))]
            self._forgotten += 1
        self._active[id] = Active(id, method[:LONGEST], self._clock())

    def end(self, id: RequestId, method: str, status: str) -> float | None:
        """As :meth:`end_request`, for code that does not await."""
        method = self._count(method[:LONGEST], status[:LONGEST])
        begun = self._active.pop(id, None)
        if begun is None:
            return None
        took = max(0.0, self._clock() - begun.since)
        series = self._seconds.get(method)
        if series is None:
            series = self._seconds[method] = Histogram(BUCKETS)
        series.add(took)
        return took

    def active(self, most: int = 1000) -> list[dict[str, Any]]:
        """What is under way, for ``/admin/requests``: the longest first, at most so many."""
        now = self._clock()
        found = sorted(self._active.values(), key=lambda each: each.since)[:most]
        return [{"id": each.id, "method": each.method, "seconds": round(now - each.since, 3)} for each in found]

    def __len__(self) -> int:
        return len(self._active)

    def collect(self) -> Iterator[Metric]:
        """The figures, for ``prometheus_client``."""
        ended = CounterMetricFamily(
            "mcp_monitored_requests", "Requests that a server's author told of", labels=("method", "status")
        )
        for labels, count in self._ended.items():
            ended.add_metric(labels, count)
        yield ended
        seconds = HistogramMetricFamily(
            "mcp_monitored_request_duration_seconds", "From their beginning to their end", labels=("method",)
        )
        for method, series in self._seconds.items():
            seconds.add_metric((method,), series.buckets(), series.total)
        yield seconds
        yield GaugeMetricFamily("mcp_monitored_requests_active", "Those that are under way", len(self._active))
        yield CounterMetricFamily(
            "mcp_monitored_requests_forgotten", "Those that never ended, and made room for others", self._forgotten
        )

    def _count(self, method: str, status: str) -> str:
        """Count an end; gives the method as it is told apart."""
        key = (method, status)
        if key not in self._ended and len(self._ended) >= MOST_SERIES:
            key = (OTHER, OTHER)
        self._ended[key] = self._ended.get(key, 0) + 1
        return key[0]
