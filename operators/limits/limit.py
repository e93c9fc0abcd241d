"""A limit as people write it down: whom it covers, what a request costs, how much may pass."""

import math
from collections.abc import Mapping
from enum import StrEnum
from fractions import Fraction
from typing import Final, TypeAlias

from msgspec import Struct

from operators.limits.concurrency import Concurrency
from operators.limits.exact import fraction
from operators.limits.fixed_window import FixedWindow
from operators.limits.leaky_bucket import LeakyBucket
from operators.limits.sliding_window_counter import SlidingWindowCounter
from operators.limits.sliding_window_log import SlidingWindowLog
from operators.limits.token_bucket import TokenBucket

Rate: TypeAlias = TokenBucket | LeakyBucket | FixedWindow | SlidingWindowLog | SlidingWindowCounter
"""What limits how much passes in a time."""

Rule: TypeAlias = Rate | Concurrency
"""The arithmetic of a limit."""


class Algorithm(StrEnum):
    """How a rate is kept."""

    TOKEN_BUCKET = "token_bucket"  # noqa: S105 - no password
    LEAKY_BUCKET = "leaky_bucket"
    FIXED_WINDOW = "fixed_window"
    SLIDING_WINDOW_LOG = "sliding_window_log"
    SLIDING_WINDOW_COUNTER = "sliding_window_counter"


PARTS: Final = ("principal", "session", "address", "method", "tool", "server")
"""What a limit may tell apart."""

EVERY_METHOD: Final = "*"

MOST_PERMITS: Final = 10_000

_BUCKETS: Final = (Algorithm.TOKEN_BUCKET, Algorithm.LEAKY_BUCKET)


class Limit(Struct, frozen=True, gc=False):
    """How much may pass, or how many may run at once.

    A rate is ``requests`` in ``window`` seconds; for a bucket it may also be given as ``per_second``. ``concurrent``
    limits what runs at once instead, and has no algorithm. Costs are counted in thousandths.

    Attributes:
        name: What refusals call it.
        per: Who shares it: ``principal``, ``session``, ``address``, ``method``, ``tool`` (or prompt, or resource),
            several of them as a list or joined by ``+``, or ``server`` for everyone.
        per_second: Tokens that come back each second.
        burst: Tokens that a full bucket holds. 0 is as many as ``requests`` for a token bucket, 1 for a leaky one.
        methods: The JSON-RPC methods that it covers; ``*`` is every one.
        algorithm: How the rate is kept.
        requests: What may pass in a window.
        window: Its length in seconds.
        tools: Patterns (``*`` and ``?`` as in file names) of the tools, prompts and resources that it covers; empty for
            all.
        cost: What a request for them costs, by name or pattern: the name counts before patterns, a longer pattern
            before a shorter one. 1 for what is not listed; what costs 0 is not covered.
        concurrent: Requests that may run at once.
        lease: Seconds after which a permit lapses that was not given back. To be longer than any call may take.
    """

    name: str
    per: str | tuple[str, ...] = "server"
    per_second: float = 0.0
    burst: float = 0.0
    methods: tuple[str, ...] = ("tools/call",)
    algorithm: str = Algorithm.TOKEN_BUCKET.value
    requests: float = 0.0
    window: float = 0.0
    tools: tuple[str, ...] = ()
    cost: Mapping[str, float] = {}
    concurrent: int = 0
    lease: float = 600.0

    def __post_init__(self) -> None:
        self._check_cover()
        self._check_numbers()
        if self.concurrent:
            self._check_concurrent()
        else:
            self._check_rate()

    @property
    def parts(self) -> tuple[str, ...]:
        """What it tells apart."""
        return tuple(self.per.split("+")) if isinstance(self.per, str) else self.per

    def rule(self) -> Rule:
        """Its arithmetic.

        Raises:
            ValueError: The rate cannot be counted exactly.
        """
        if self.concurrent:
            return Concurrency.of(self.concurrent, self.lease)
        match self.algorithm:
            case Algorithm.TOKEN_BUCKET:
                return TokenBucket.of(self._rate(), self.burst or self.requests)
            case Algorithm.LEAKY_BUCKET:
                return LeakyBucket.of(self._rate(), self.burst or 1.0)
            case Algorithm.FIXED_WINDOW:
                return FixedWindow.of(self.requests, self.window)
            case Algorithm.SLIDING_WINDOW_LOG:
                return SlidingWindowLog.of(self.requests, self.window)
        return SlidingWindowCounter.of(self.requests, self.window)

    def _rate(self) -> Fraction:
        return fraction(self.per_second) if self.per_second else fraction(self.requests) / fraction(self.window)

    def _check_cover(self) -> None:
        parts = self.parts
        if not parts or any(part not in PARTS for part in parts):
            known = "principal, session, address, method, tool or server, or several joined by +"
            raise self._wrong("per", f"must be {known}, not {self.per!r}")
        if len(set(parts)) < len(parts):
            raise self._wrong("per", f"names something twice: {self.per!r}")
        if "server" in parts and len(parts) > 1:
            raise self._wrong("per", f"server is everyone, and stands alone: {self.per!r}")
        if not self.methods or not all(self.methods):
            raise self._wrong("methods", "must name at least one method, or * for every one")
        if not all(self.tools):
            raise self._wrong("tools", "an empty pattern covers nothing")

    def _check_numbers(self) -> None:
        for field in ("per_second", "burst", "requests", "window", "concurrent", "lease"):
            value = getattr(self, field)
            if not math.isfinite(value) or value < 0:
                raise self._wrong(field, f"must be a number from 0 on, not {value!r}")
        for name, cost in self.cost.items():
            if not math.isfinite(cost) or cost < 0 or round(cost * 1000) / 1000 != cost:
                raise self._wrong("cost", f"of {name!r} must be a number of thousandths from 0 on, not {cost!r}")

    def _check_concurrent(self) -> None:
        for field in ("per_second", "burst", "requests", "window", "cost"):
            if getattr(self, field):
                raise self._wrong(field, "does not go with concurrent, which limits how many run and not how often")
        if self.algorithm != Algorithm.TOKEN_BUCKET:
            raise self._wrong("algorithm", "does not go with concurrent, which has none")
        if self.concurrent > MOST_PERMITS:
            raise self._wrong("concurrent", f"must be at most {MOST_PERMITS}")
        if self.lease < 1:
            raise self._wrong("lease", "must be at least 1 second")

    def _check_rate(self) -> None:
        if self.algorithm not in tuple(Algorithm):
            raise self._wrong("algorithm", f"must be one of {', '.join(Algorithm)}, not {self.algorithm!r}")
        if self.per_second and self.requests:
            raise self._wrong("per_second", "does not go with requests: give the rate once")
        if self.algorithm not in _BUCKETS:
            self._check_window()
        elif not self.per_second and not (self.requests and self.window):
            raise self._wrong("per_second", "must be above 0, or requests and window be given")
        most = self._most()
        if most < 1:
            raise self._wrong("burst" if self.algorithm in _BUCKETS else "requests", "must be at least 1")
        for name, cost in self.cost.items():
            if cost > most:
                raise self._wrong("cost", f"of {name!r} is {cost:g}, and more than {most:g} never pass at once")
        try:
            self.rule()
        except ValueError as error:
            raise self._wrong("per_second" if self.per_second else "requests", str(error)) from error

    def _check_window(self) -> None:
        for field in ("per_second", "burst"):
            if getattr(self, field):
                raise self._wrong(field, f"does not go with {self.algorithm}: give requests and window")
        for field in ("requests", "window"):
            if not getattr(self, field):
                raise self._wrong(field, f"must be above 0 for {self.algorithm}")

    def _most(self) -> float:
        """What may pass at once."""
        if self.algorithm == Algorithm.LEAKY_BUCKET:
            return self.burst or 1.0
        return self.burst or self.requests

    def _wrong(self, field: str, problem: str) -> ValueError:
        return ValueError(f"limit {self.name!r}: {field} {problem}")
