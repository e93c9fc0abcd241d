"""How the script in Redis is told of a limit, and how what it says is read."""

import zlib
from collections.abc import Callable
from math import inf
from typing import Final, NamedTuple

from operators.limits.concurrency import RETRY_AFTER, Concurrency
from operators.limits.exact import PART, Answer
from operators.limits.limit import Rule
from operators.limits.sliding_window_counter import SlidingWindowCounter
from operators.limits.token_bucket import TokenBucket
from operators.policy import Limit

PASSES: Final = -1
NEVER: Final = -2
STRANGE: Final = b"!"
"""What the script says of a request when a key holds something else."""


class Form(NamedTuple):
    """One limit, for the script.

    Attributes:
        number: Which of the limits it is, from 1.
        told: Its kind and its numbers.
        key: What its keys begin with. Other numbers give other keys: a state would be misread by another arithmetic.
        units: What a cost is in the script's units.
        divisor: What the script's units of what remains are to be divided by.
        hertz: Ticks in a second.
        longest: The longest wait that is told, in seconds.
        most: What remains when nothing is used.
    """

    number: int
    told: tuple[str, ...]
    key: str
    units: Callable[[float], int]
    divisor: float
    hertz: float
    longest: float
    most: float

    @classmethod
    def of(cls, number: int, limit: Limit, prefix: str) -> "Form":
        """The form of a limit; its keys begin with ``prefix`` as a hash tag."""
        rule = limit.rule()
        numbers = (1_000_000 // rule.hertz, rule.capacity, _third(rule))
        told = (rule.kind, *map(str, map(int, numbers)))
        key = f"{{{prefix}}}:limit:{limit.name}:{zlib.crc32(' '.join(told).encode()):08x}:"
        if isinstance(rule, Concurrency):
            return cls(number, told, key, lambda _: 1, 1, rule.hertz, RETRY_AFTER, rule.capacity)
        unit = rule.token if isinstance(rule, TokenBucket) else PART
        divisor = unit * rule.window if isinstance(rule, SlidingWindowCounter) else unit
        return cls(number, told, key, rule.units, divisor, rule.hertz, inf, rule.capacity / unit)

    def answer(self, remaining: int, wait: int) -> Answer:
        """What the script said of it."""
        left = remaining / self.divisor
        if wait == PASSES:
            return Answer(left, None)
        return Answer(left, inf if wait == NEVER else min(wait / self.hertz, self.longest))


def _third(rule: Rule) -> float:
    """What the script wants to know of a rule besides its capacity."""
    if isinstance(rule, Concurrency):
        return rule.lease
    return rule.refill if isinstance(rule, TokenBucket) else rule.window
