"""Sliding window with a log: so much in any stretch of a given length, to the tick."""

from bisect import bisect_left, bisect_right
from math import inf
from typing import ClassVar, Final, NamedTuple

from msgspec import Struct

from operators.limits.exact import PART, Answer, wait, window_in_ticks

MOST_LOGGED: Final = 10_000
"""Requests that a log may hold; a counter takes less memory and time where more are to pass."""


class Log(NamedTuple):
    """What passed lately.

    Attributes:
        times: The ticks at which something passed, in order.
        totals: For each, the parts that have passed up to then.
        before: The parts that had passed before the first of them.
    """

    times: tuple[int, ...]
    totals: tuple[int, ...]
    before: int


class SlidingWindowLog(Struct, frozen=True, gc=False):
    """Lets pass so much in any window, wherever it begins: a request counts until the window has passed after it.

    Remembers every request that counts. Time that goes back is taken as time that stands.

    Attributes:
        capacity: Parts of a request that pass in a window.
        window: Its length in ticks.
        hertz: Ticks in a second.
    """

    kind: ClassVar[str] = "log"

    capacity: int
    window: int
    hertz: int

    @classmethod
    def of(cls, requests: float, seconds: float) -> "SlidingWindowLog":
        """A window of ``seconds`` in which ``requests`` pass.

        Raises:
            ValueError: They are more than a log may hold.
        """
        if requests > MOST_LOGGED:
            raise ValueError(f"a log holds at most {MOST_LOGGED} requests; sliding_window_counter takes more")
        ticks, hertz = window_in_ticks(seconds, 1)
        return cls(round(requests * PART), ticks, hertz)

    def units(self, cost: float) -> int:
        """What a cost is, in parts of a request."""
        return int(cost * PART + 0.5)

    def take(self, log: Log | None, cost: float, at: float) -> tuple[Log | None, Answer]:
        """Log ``cost`` requests at ``at`` seconds, or none."""
        now = int(at * self.hertz + 0.5)
        times, totals, before = log or Log((), (), 0)
        if times and now < times[-1]:
            now = times[-1]
        gone = bisect_right(times, now - self.window)
        if gone:
            before, times, totals = totals[gone - 1], times[gone:], totals[gone:]
        total = totals[-1] if totals else before
        left, parts = self.capacity - (total - before), self.units(cost)
        if parts <= left:
            passed = Log((*times, now), (*totals, total + parts), before)
            return passed, Answer((left - parts) / PART, None)
        if parts > self.capacity:
            return log, Answer(left / PART, inf)
        freeing = bisect_left(totals, before + parts - left)
        return log, Answer(left / PART, wait(at, times[freeing] + self.window, self.hertz))

    def used(self, log: Log, at: float) -> float:
        """The share of the window that is gone, from 0 to 1: at 0 the state may be forgotten."""
        gone = bisect_right(log.times, int(at * self.hertz + 0.5) - self.window)
        before = log.totals[gone - 1] if gone else log.before
        return (log.totals[-1] - before) / self.capacity
