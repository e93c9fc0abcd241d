"""Token bucket: a store that fills at a steady rate, from which requests take."""

from fractions import Fraction
from math import inf
from typing import ClassVar

from msgspec import Struct

from operators.limits.exact import Answer, fraction, rate_in_ticks, wait

Level = tuple[float, float]
"""Units that are in the bucket, and the tick at which they were."""


class TokenBucket(Struct, frozen=True, gc=False):
    """Lets pass a burst at once, and after it as much as flows in.

    A bucket that nobody has touched is full, so None is its state. Time that goes back is taken as time that stands.

    All numbers are whole, and doubles nevertheless: up to 2**53 these are as exact, and take two thirds of the time of
    integers that are longer than 30 bits. What flows in over a long time is more, and then the bucket is full anyway.

    Attributes:
        refill: Units that flow in each tick.
        token: Units in a token.
        capacity: Units in a full bucket.
        hertz: Ticks in a second.
    """

    kind: ClassVar[str] = "bucket"

    refill: float
    token: float
    capacity: float
    hertz: float

    @classmethod
    def of(cls, per_second: float | Fraction, burst: float) -> "TokenBucket":
        """A bucket of ``burst`` tokens that fills with ``per_second`` a second.

        Raises:
            ValueError: They cannot be counted exactly; see :func:`rate_in_ticks`.
        """
        refill, token, hertz = rate_in_ticks(fraction(per_second), burst)
        return cls(float(refill), float(token), float(round(fraction(burst) * token)), float(hertz))

    def units(self, cost: float) -> int:
        """What ``cost`` tokens are, to the nearest unit."""
        return int(cost * self.token + 0.5)

    def take(self, level: Level | None, cost: float, at: float) -> tuple[Level | None, Answer]:
        """Take ``cost`` tokens at ``at`` seconds, or leave the bucket as it is."""
        now = (at * self.hertz + 0.5) // 1.0
        if level is None:
            held = self.capacity
        else:
            held, since = level
            if now > since:
                held += (now - since) * self.refill
                if held > self.capacity:  # noqa: PLR1730 - a call of min would cost a tenth of the step
                    held = self.capacity
            else:
                now = since
        token = self.token
        left = held - (token if cost == 1.0 else self.units(cost))
        if left >= 0.0:
            return (left, now), Answer(left / token, None)
        return level, Answer(held / token, self._wait(held - left, left, now, at))

    def used(self, level: Level, at: float) -> float:
        """The share of the bucket that is gone, from 0 to 1: at 0 the state may be forgotten."""
        held, since = level
        passed = max(0.0, (at * self.hertz + 0.5) // 1.0 - since)
        return max(0.0, self.capacity - held - passed * self.refill) / self.capacity

    def _wait(self, units: float, left: float, now: float, at: float) -> float:
        """Seconds from ``at`` until ``left``, the below-zero rest of the bucket at the tick ``now``, is made good."""
        if units > self.capacity:
            return inf
        return wait(at, now - left // self.refill, self.hertz)
