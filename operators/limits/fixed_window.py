"""Fixed window: so much in each minute of the clock, say."""

from math import inf
from typing import ClassVar

from msgspec import Struct

from operators.limits.exact import PART, Answer, wait, window_in_ticks

Count = tuple[int, int]
"""The tick of the last request, and the parts that passed in its window."""


class FixedWindow(Struct, frozen=True, gc=False):
    """Lets pass so much in each window; windows follow one another from the epoch on.

    Cheap and easy to explain; around the end of a window twice the limit may pass. Time that goes back is taken as
    time that stands.

    Attributes:
        capacity: Parts of a request that pass in a window.
        window: Its length in ticks.
        hertz: Ticks in a second.
    """

    kind: ClassVar[str] = "fixed"

    capacity: int
    window: int
    hertz: int

    @classmethod
    def of(cls, requests: float, seconds: float) -> "FixedWindow":
        """A window of ``seconds`` in which ``requests`` pass."""
        ticks, hertz = window_in_ticks(seconds, 1)
        return cls(round(requests * PART), ticks, hertz)

    def units(self, cost: float) -> int:
        """What a cost is, in parts of a request."""
        return int(cost * PART + 0.5)

    def take(self, count: Count | None, cost: float, at: float) -> tuple[Count | None, Answer]:
        """Count ``cost`` requests at ``at`` seconds, or none."""
        now = int(at * self.hertz + 0.5)
        used = 0
        if count is not None:
            now, used = max(now, count[0]), count[1]
            if now // self.window != count[0] // self.window:
                used = 0
        parts = self.units(cost)
        if used + parts <= self.capacity:
            return (now, used + parts), Answer((self.capacity - used - parts) / PART, None)
        until = (now // self.window + 1) * self.window
        late = inf if parts > self.capacity else wait(at, until, self.hertz)
        return count, Answer((self.capacity - used) / PART, late)

    def used(self, count: Count, at: float) -> float:
        """The share of the window that is gone, from 0 to 1: at 0 the state may be forgotten."""
        now = int(at * self.hertz + 0.5)
        return count[1] / self.capacity if now // self.window <= count[0] // self.window else 0.0
