"""Metrics that those who write servers record themselves."""

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from adapters.prometheus import BUCKETS, OTHER

MOST_METRICS: Final = 500
MOST_SERIES: Final = 1000
"""Sets of label values that are told apart for one metric; what comes on top counts under ``other``."""

MOST_SERIES_IN_ALL: Final = 10_000
LONGEST_NAME: Final = 100
LONGEST_LABEL: Final = 200
"""Characters of a label's value; the rest is cut off."""

OWN: Final = "mcp_"
"""What the names of the server's own metrics begin with."""

_NAME: Final = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")  # Prometheus, data model
_LABEL: Final = re.compile(r"(?!__)[a-zA-Z_][a-zA-Z0-9_]*")
_RESERVED_LABELS: Final = frozenset({"le", "quantile"})


class MetricError(ValueError):
    """A metric is not recorded as it should be; the text says what is wrong."""


class _Family(NamedTuple):
    """A metric with its series. ``kind`` is the class that ``prometheus_client`` has for it."""

    kind: type[Counter] | type[Gauge] | type[Histogram]
    labels: tuple[str, ...]
    metric: Any
    seen: set[tuple[str, ...]]


class Metrics:
    """Counters, histograms and gauges, made when they are first recorded.

    A metric keeps the kind and the names of its labels that it had the first time. However many values a label is
    given, only so many series are kept: the others count together under ``other``, and
    ``mcp_metrics_overflow_total`` says for which metric that happened.

    All methods raise :class:`MetricError` for a name, a label or a value that cannot be.

    Attributes:
        registry: Where they are, for ``prometheus_client``.
    """

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._families: dict[str, _Family] = {}
        self._series = 0
        text = "Values that came when their metric had as many series as it may have"
        self._overflow = Counter("mcp_metrics_overflow", text, ("metric",), registry=self.registry)

    async def counter(self, name: str, value: float = 1, labels: Mapping[str, object] | None = None) -> None:
        """Add ``value``, which is not negative, to a counter."""
        self.add(name, value, labels)

    async def histogram(
        self,
        name: str,
        value: float,
        labels: Mapping[str, object] | None = None,
        buckets: Sequence[float] = BUCKETS,
    ) -> None:
        """Count ``value`` in a histogram. ``buckets`` are upper bounds; those of the first time count."""
        self.observe(name, value, labels, buckets)

    async def gauge(self, name: str, value: float, labels: Mapping[str, object] | None = None) -> None:
        """Set a gauge to ``value``."""
        self.set(name, value, labels)

    def add(self, name: str, value: float = 1, labels: Mapping[str, object] | None = None) -> None:
        """As :meth:`counter`, for code that does not await."""
        if not _number(name, value) >= 0:
            raise MetricError(f"a counter only grows; {name!r} cannot take {value!r}")
        self._series_of(Counter, name.removesuffix("_total"), labels).inc(value)

    def observe(
        self,
        name: str,
        value: float,
        labels: Mapping[str, object] | None = None,
        buckets: Sequence[float] = BUCKETS,
    ) -> None:
        """As :meth:`histogram`, for code that does not await."""
        number = _number(name, value)  # first, so that a mistake makes no metric
        self._series_of(Histogram, name, labels, buckets).observe(number)

    def set(self, name: str, value: float, labels: Mapping[str, object] | None = None) -> None:
        """As :meth:`gauge`, for code that does not await."""
        number = _number(name, value)
        self._series_of(Gauge, name, labels).set(number)

    def _series_of(
        self,
        kind: type[Counter] | type[Gauge] | type[Histogram],
        name: str,
        labels: Mapping[str, object] | None,
        buckets: Sequence[float] = BUCKETS,
    ) -> Any:
        given = labels or {}
        family = self._families.get(name)
        if family is None:
            family = self._families[name] = self._make(kind, name, tuple(given), buckets)
        if family.kind is not kind:
            raise MetricError(f"{name!r} is a {_word(family.kind)} already, and cannot be a {_word(kind)} too")
        if given.keys() != set(family.labels):
            had = ", ".join(family.labels) or "none"
            raise MetricError(f"{name!r} has the labels {had}; it cannot be given {', '.join(given) or 'none'}")
        return family.metric.labels(*self._values(name, family, given)) if given else family.metric

    def _values(self, name: str, family: _Family, given: Mapping[str, object]) -> tuple[str, ...]:
        values = tuple(str(given[label])[:LONGEST_LABEL] for label in family.labels)
        if values in family.seen:
            return values
        if len(family.seen) >= MOST_SERIES or self._series >= MOST_SERIES_IN_ALL:
            self._overflow.labels(name).inc()
            return (OTHER,) * len(values)
        family.seen.add(values)
        self._series += 1
        return values

    def _make(
        self,
        kind: type[Counter] | type[Gauge] | type[Histogram],
        name: str,
        labels: tuple[str, ...],
        buckets: Sequence[float],
    ) -> _Family:
        if name.startswith(OWN):
            raise MetricError(f"{name!r}: names that begin with {OWN} are those of the server itself")
        if len(self._families) >= MOST_METRICS:
            raise MetricError(f"there are {MOST_METRICS} metrics already; tell things apart by labels, not by names")
        if not _NAME.fullmatch(name) or len(name) > LONGEST_NAME:
            rule = f"up to {LONGEST_NAME} letters, digits, _ and :, and no digit first"
            raise MetricError(f"{name[:LONGEST_NAME]!r} is no name of a metric: {rule}")
        for label in labels:
            if not _LABEL.fullmatch(label) or label in _RESERVED_LABELS:
                raise MetricError(f"{label[:LONGEST_NAME]!r} is no name of a label: letters, digits and _")
        options: dict[str, Any] = {"buckets": buckets} if kind is Histogram else {}
        try:
            metric = kind(name, f"{name}, as the server's author records it", labels, registry=self.registry, **options)
        except ValueError as error:
            raise MetricError(f"{name!r} cannot be recorded: {error}") from error
        return _Family(kind, labels, metric, set())


def _number(name: str, value: float) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise MetricError(f"{name!r} takes a finite number, not {value!r}")
    return value


def _word(kind: type) -> str:
    return kind.__name__.lower()
