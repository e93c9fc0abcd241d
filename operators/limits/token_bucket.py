"""Token bucket: a store that fills at a steady rate, from which requests take."""

from fractions import Fraction
from math import inf
from typing import ClassVar

from msgspec import Struct

from operators.limits.exact import Answer, fraction, rate_in_ticks, wait

Level = tuple[int, int]
"""Units that are missing from a full bucket, and the tick at which they were."""


class TokenBucket(Struct, frozen=True, gc=False):
    """Lets pass a burst at once, and after it as much as flows in.

    A bucket that nobody has touched is full, so None is its state. Time that goes back is taken as time that stands.

    Attributes:
        refill: Units that flow in each tick.
        token: Units in a token.
        capacity: Units in a full bucket.
        hertz: Ticks in a second.
    """

    kind: ClassVar[str] = "bucket"

    refill: int
    token: int
    capacity: int
    hertz: int

    @classmethod
    def of(cls, per_second: float | Fraction, burst: float) -> "TokenBucket":
        """A bucket of ``burst`` tokens that fills with ``per_second`` a second.

        Raises:
            ValueError: They cannot be counted exactly; see :func:`rate_in_ticks`.
        """
        refill, token, hertz = rate_in_ticks(fraction(per_second), burst)
        return cls(refill, token, round(fraction(burst) * token), hertz)

    def units(self, cost: float) -> int:
        """What ``cost`` tokens are, to the nearest unit."""
        return int(cost * self.token + 0.5)

    def take(self, level: Level | None, cost: float, at: float) -> tuple[Level | None, Answer]:
        """Take ``cost`` tokens at ``at`` seconds, or leave the bucket as it is."""
        now = int(at * self.hertz + 0.5)
        missing = 0
        if level is not None:
            missing, since = level
            if now > since:
                missing -= (now - since) * self.refill
                if missing < 0:  # noqa: PLR1730 - a call of max would cost a tenth of the step
                    missing = 0
            else:
                now = since
        wanted = missing + int(cost * self.token + 0.5)
        if wanted <= self.capacity:
            return (wanted, now), Answer((self.capacity - wanted) / self.token, None)
        return level, Answer((self.capacity - missing) / self.token, self._wait(wanted - missing, wanted, now, at))

    def used(self, level: Level, at: float) -> float:
        """The share of the bucket that is gone, from 0 to 1: at 0 the state may be forgotten."""
        missing, since = level
        passed = int(at * self.hertz + 0.5) - since
        return max(0, missing - max(0, passed) * self.refill) / self.capacity

    def _wait(self, cost: int, wanted: int, now: int, at: float) -> float:
        if cost > self.capacity:
            return inf
        return wait(at, now - (self.capacity - wanted) // self.refill, self.hertz)
