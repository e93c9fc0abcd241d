"""What each algorithm means, worked out anew from everything that ever passed, in fractions and without haste."""

from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import NamedTuple

Taken = Sequence[tuple[int, Fraction]]
"""What passed: the microsecond and the cost, in order."""

SECOND = 1_000_000


class Oracle(NamedTuple):
    """``remaining`` says how much may pass at a microsecond, after all that has; ``most`` how much at once ever."""

    most: Fraction
    remaining: Callable[[Taken, int], Fraction]


def token_bucket(rate: Fraction, burst: Fraction) -> Oracle:
    """Tokens a second, tokens in all: the level is followed from take to take."""

    def remaining(taken: Taken, now: int) -> Fraction:
        level, since = burst, 0
        for moment, cost in taken:
            level = min(burst, level + rate * (moment - since) / SECOND) - cost
            since = moment
        return min(burst, level + rate * (now - since) / SECOND)

    return Oracle(burst, remaining)


def gcra(rate: Fraction, burst: Fraction) -> Oracle:
    """Virtual scheduling (ITU-T I.371, annex A): what comes too long before its theoretical arrival time fails."""
    increment = SECOND / rate

    def remaining(taken: Taken, now: int) -> Fraction:
        theoretical = Fraction(0)
        for moment, cost in taken:
            theoretical = max(theoretical, Fraction(moment)) + cost * increment
        return burst - max(Fraction(0), theoretical - now) / increment

    return Oracle(burst, remaining)


def fixed_window(requests: Fraction, window: int) -> Oracle:
    def remaining(taken: Taken, now: int) -> Fraction:
        return requests - sum(cost for moment, cost in taken if moment // window == now // window)

    return Oracle(requests, remaining)


def sliding_window_log(requests: Fraction, window: int) -> Oracle:
    def remaining(taken: Taken, now: int) -> Fraction:
        return requests - sum(cost for moment, cost in taken if now - window < moment <= now)

    return Oracle(requests, remaining)


def sliding_window_counter(requests: Fraction, window: int) -> Oracle:
    def remaining(taken: Taken, now: int) -> Fraction:
        here, before = (
            sum((cost for moment, cost in taken if moment // window == now // window - back), Fraction(0))
            for back in (0, 1)
        )
        return requests - here - before * (1 - Fraction(now % window, window))

    return Oracle(requests, remaining)
