"""Concurrency: so many at once, each until it is given back."""

from typing import ClassVar, Final

from msgspec import Struct

from operators.limits.exact import Answer

HERTZ: Final = 1_000_000
RETRY_AFTER: Final = 1.0
"""Seconds after which it may be worth trying again: when a permit comes back nobody knows."""

Permits = dict[str, int]
"""Who holds a permit, and the tick at which it lapses; never changed, only replaced."""


class Concurrency(Struct, frozen=True, gc=False):
    """Lets so many run at once.

    A permit that nobody gives back, because the process that held it is gone, lapses.

    Attributes:
        capacity: Permits that are out at most.
        lease: Ticks after which a permit lapses.
    """

    kind: ClassVar[str] = "permits"
    hertz: ClassVar[int] = HERTZ

    capacity: int
    lease: int

    @classmethod
    def of(cls, permits: int, lease: float) -> "Concurrency":
        """``permits`` at once, none for longer than ``lease`` seconds."""
        return cls(permits, round(lease * HERTZ))

    def acquire(self, permits: Permits | None, holder: str, at: float) -> tuple[Permits | None, Answer]:
        """Take a permit, or leave all as it is. Who holds one already keeps it, from now on for the whole lease."""
        now = int(at * HERTZ + 0.5)
        held = {other: lapses for other, lapses in (permits or {}).items() if lapses > now}
        if len(held) < self.capacity or holder in held:
            held[holder] = max(now + self.lease, held.get(holder, 0))
            return held, Answer(float(self.capacity - len(held)), None)
        return permits, Answer(0.0, min(RETRY_AFTER, (min(held.values()) - now) / HERTZ))

    def release(self, permits: Permits, holder: str) -> Permits:
        """Give a permit back; who holds none gives none."""
        return {other: lapses for other, lapses in permits.items() if other != holder}

    def used(self, permits: Permits, at: float) -> float:
        """The share of the permits that is out, from 0 to 1."""
        now = int(at * HERTZ + 0.5)
        return sum(lapses > now for lapses in permits.values()) / self.capacity
