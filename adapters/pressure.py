"""How near memory is to its limit, in four levels that do not flap."""

from enum import IntEnum
from typing import Final, Protocol

from msgspec import Struct


class Level(IntEnum):
    """How scarce memory is, and what that asks of those who listen.

    Attributes:
        NORMAL: Nothing.
        ELEVATED: To give up what is easily found again.
        HIGH: To keep only what is in use.
        CRITICAL: To take no new work in; the kernel is about to end the process.
    """

    NORMAL = 0
    ELEVATED = 1
    HIGH = 2
    CRITICAL = 3

    def __str__(self) -> str:
        return self.name.lower()


class Thresholds(Struct, frozen=True):
    """From where on each level holds.

    Attributes:
        elevated: Percent of the limit, as are the others.
        high: More than ``elevated``.
        critical: More than ``high``, at most 100.
        margin: How many percent below its threshold use must fall for a level to end.

    Raises:
        ValueError: They are not in that order.
    """

    elevated: float = 70.0
    high: float = 80.0
    critical: float = 90.0
    margin: float = 5.0

    def __post_init__(self) -> None:
        if not 0 <= self.margin < self.elevated < self.high < self.critical <= 100:
            raise ValueError(
                f"thresholds must be 0 <= margin < elevated < high < critical <= 100, they are {self.margin:g}, "
                f"{self.elevated:g}, {self.high:g}, {self.critical:g}"
            )

    def next(self, level: Level, percent: float) -> Level:
        """The level that follows ``level`` when ``percent`` of the limit are used.

        It rises at once, by more than one if need be; it falls only as far as the margin allows.
        """
        return max(self._reached(percent), min(level, self._reached(percent + self.margin)))

    def _reached(self, percent: float) -> Level:
        return Level(sum(percent >= threshold for threshold in (self.elevated, self.high, self.critical)))


KEPT: Final = {Level.NORMAL: 1.0, Level.ELEVATED: 0.5, Level.HIGH: 0.1, Level.CRITICAL: 0.0}
"""The part of a cache that is kept."""


class Shrinking(Protocol):
    """What can be found again, and is kept in memory meanwhile."""

    def shrink(self, share: float) -> int:
        """Let ``share`` of what is held stay; the bytes that it freed."""

    def confine(self, share: float) -> None:
        """Hold no more than ``share`` of what may be held, until told otherwise."""


def relieve(cache: Shrinking, before: Level, level: Level) -> None:
    """Have ``cache`` give up a part when memory has become scarcer, and not take it again while that lasts."""
    if level > before:
        cache.shrink(KEPT[level])
    cache.confine(KEPT[level])


_SOONER: Final = {Level.NORMAL: 1.0, Level.ELEVATED: 2.0, Level.HIGH: 5.0, Level.CRITICAL: 10.0}
_SOONEST: Final = 0.5


def pause(level: Level, interval: float) -> float:
    """Seconds to the next reading: ``interval`` in normal times, less under pressure, never below half a second."""
    return max(interval / _SOONER[level], min(interval, _SOONEST))


def slope(points: "list[tuple[float, float]]") -> float:
    """By how much the second coordinate grows for each unit of the first: least squares; 0.0 for a single point."""
    if len(points) < 2:
        return 0.0
    middle_x = sum(x for x, _ in points) / len(points)
    middle_y = sum(y for _, y in points) / len(points)
    spread = sum((x - middle_x) ** 2 for x, _ in points)
    return sum((x - middle_x) * (y - middle_y) for x, y in points) / spread if spread else 0.0
