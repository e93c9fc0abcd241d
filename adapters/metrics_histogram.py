"""A histogram in plain integers."""

from bisect import bisect_left
from collections.abc import Sequence


class Histogram:
    """Counts values by the buckets that they fall into, without a lock: for the event loop's own thread.

    Args:
        bounds: Upper bounds of the buckets, in increasing order; a bound belongs to its bucket.
    """

    __slots__ = ("_bounds", "_counts", "total")

    def __init__(self, bounds: Sequence[float]) -> None:
        self._bounds = bounds
        self._counts = [0] * (len(bounds) + 1)
        self.total = 0.0

    def add(self, value: float) -> None:
        """Count a value."""
        self._counts[bisect_left(self._bounds, value)] += 1
        self.total += value

    def buckets(self) -> list[tuple[str, float]]:
        """For each bound how many values did not exceed it, as ``prometheus_client`` wants them."""
        found, total = [], 0
        for bound, count in zip((*map(str, self._bounds), "+Inf"), self._counts, strict=True):
            total += count
            found.append((bound, float(total)))
        return found
