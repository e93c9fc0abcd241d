"""Whole numbers in place of seconds and tokens, so that no algorithm rounds, here or in Redis.

Time is counted in ticks, of a microsecond where that fits. Amounts are counted in units so small that a tick brings a
whole number of them. Every product stays below 2**53: up to there the doubles of Lua are exact too.
"""

import math
from fractions import Fraction
from typing import Final

from msgspec import Struct

EXACT: Final = 2**51
"""The largest amount that is allowed; sums of four such amounts are exact in a double."""

HERTZ: Final = (1_000_000, 100_000, 10_000, 1_000, 100, 10)
"""Ticks in a second, the finest first. A coarser one is taken only where the finest does not fit."""

SHORTEST_WINDOW: Final = 100
"""Ticks that a window has at least."""

PART: Final = 1000
"""Parts of a request that a cost may have: costs and limits of windows are counted in thousandths."""


class Answer(Struct, frozen=True, gc=False):
    """What a limit says.

    Attributes:
        remaining: How much it would still let pass at this moment, in requests of cost 1.
        retry_after: Seconds until the same request passes if nobody else takes: to the tick, and not before. None
            when it passes now; infinite when it never will, because it costs more than the limit ever holds.
    """

    remaining: float
    retry_after: float | None


def wait(at: float, until: float, hertz: float) -> float:
    """The seconds from ``at`` to the tick ``until``, such that adding them to ``at`` gives that tick again.

    The difference of two doubles of similar size is exact, and a tick is wider than the grid of doubles for the next
    two hundred years, so the sum is nearer to that tick than to any other.
    """
    return max(0.0, until / hertz - at)


def fraction(number: float | Fraction) -> Fraction:
    """A number as people write it: 0.1 is a tenth, though the double next to it is not."""
    return number if isinstance(number, Fraction) else Fraction(repr(number))


def rate_in_ticks(per_second: Fraction, most: float) -> tuple[int, int, int]:
    """A rate in whole numbers: units that a tick brings, units in a token, and ticks in a second.

    Args:
        per_second: Tokens a second.
        most: Tokens that there may be at once.

    Raises:
        ValueError: The rate is too slow or too fast for so many tokens. (One that is taken is off by less than a
            millionth, and exact when it is, say, so many a second, a minute or a day.)
    """
    for hertz in HERTZ:
        finest = min(EXACT // (math.ceil(most) * hertz), EXACT // math.ceil(per_second))
        near = per_second.limit_denominator(finest) if finest else Fraction(0)
        if abs(near - per_second) * 1_000_000 <= per_second:
            return near.numerator, near.denominator * hertz, hertz
    raise ValueError(f"{float(per_second):g} a second with up to {most:g} at once cannot be counted exactly")


def window_in_ticks(seconds: float, most: int) -> tuple[int, int]:
    """A window in ticks, and ticks in a second, such that ``most`` times the window is still exact.

    Raises:
        ValueError: Too much is to pass in so long a window, or the window is shorter than 0.1 ms.
    """
    for hertz in HERTZ:
        ticks = round(fraction(seconds) * hertz)
        if ticks >= SHORTEST_WINDOW and ticks * most <= EXACT:
            return ticks, hertz
    raise ValueError(f"so many in {seconds:g} s cannot be counted exactly")
