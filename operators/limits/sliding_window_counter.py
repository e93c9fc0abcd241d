"""Sliding window with two counters: nearly the log, for the price of the fixed window."""

from math import inf
from typing import ClassVar

from msgspec import Struct

from operators.limits.exact import PART, Answer, wait, window_in_ticks

Counts = tuple[int, int, int]
"""The tick of the last request, the parts that passed in its window, and those that passed in the window before."""


class SlidingWindowCounter(Struct, frozen=True, gc=False):
    """Lets pass so much in a window, taking what passed in the window before for evenly spread over it.

    Of the window before counts the share that a window which ends now still covers. Time that goes back is taken as
    time that stands.

    Attributes:
        capacity: Parts of a request that pass in a window.
        window: Its length in ticks.
        hertz: Ticks in a second.
    """

    kind: ClassVar[str] = "counter"

    capacity: int
    window: int
    hertz: int

    @classmethod
    def of(cls, requests: float, seconds: float) -> "SlidingWindowCounter":
        """A window of ``seconds`` in which ``requests`` pass.

        Raises:
            ValueError: They cannot be counted exactly; see :func:`window_in_ticks`.
        """
        capacity = round(requests * PART)
        return cls(capacity, *window_in_ticks(seconds, capacity))

    def units(self, cost: float) -> int:
        """What a cost is, in parts of a request."""
        return int(cost * PART + 0.5)

    def take(self, counts: Counts | None, cost: float, at: float) -> tuple[Counts | None, Answer]:
        """Count ``cost`` requests at ``at`` seconds, or none."""
        now, here, before = self._moved(counts, int(at * self.hertz + 0.5))
        window, parts = self.window, self.units(cost)
        left = (self.capacity - here) * window - before * (window - now % window)
        if parts * window <= left:
            return (now, here + parts, before), Answer((left - parts * window) / (window * PART), None)
        late = inf if parts > self.capacity else wait(at, self._free(now, here, before, parts), self.hertz)
        return counts, Answer(max(0, left) / (window * PART), late)

    def used(self, counts: Counts, at: float) -> float:
        """The share of the window that is gone, from 0 to 1: at 0 the state may be forgotten."""
        now, here, before = self._moved(counts, int(at * self.hertz + 0.5))
        return (here + before * (1 - now % self.window / self.window)) / self.capacity

    def _moved(self, counts: Counts | None, now: int) -> Counts:
        """The counts as they are at ``now``."""
        if counts is None:
            return now, 0, 0
        since, here, before = counts
        if now <= since:
            return counts
        passed = now // self.window - since // self.window
        if passed == 0:
            return now, here, before
        return now, 0, here if passed == 1 else 0

    def _free(self, now: int, here: int, before: int, parts: int) -> int:
        """The first tick at which ``parts`` fit, when nothing else passes."""
        start = now - now % self.window
        if here + parts > self.capacity:  # not in this window: in the next one, when enough of this has slid out
            start, here, before = start + self.window, 0, here
        return start + self.window - (self.capacity - here - parts) * self.window // before
