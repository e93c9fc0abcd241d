"""A rate limiter for programs: the algorithms that limit the server's own requests, by any identifier."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final, Self, TypeAlias

from adapters.clock import wall_clock
from adapters.memory_limits import MemoryLimits
from operators.limits.limit import Algorithm, Limit
from pipeline.questions import Limiter, Verdict

RateLimitAlgorithm: TypeAlias = Algorithm
"""``TOKEN_BUCKET``, ``LEAKY_BUCKET``, ``FIXED_WINDOW``, ``SLIDING_WINDOW_LOG`` or ``SLIDING_WINDOW_COUNTER``."""

_BUCKETS: Final = (Algorithm.TOKEN_BUCKET, Algorithm.LEAKY_BUCKET)


@dataclass(frozen=True, slots=True)
class RateLimiterConfig:
    """How much may pass for each identifier.

    Attributes:
        algorithm: How it is counted.
        max_requests: Requests that pass in a window.
        window_seconds: The window.
        burst_limit: What a full bucket holds; as many as ``max_requests`` for a token bucket and 1 for a leaky one
            unless given. Windows have none.
        redis_url: The Redis that shares the limit among processes; None keeps it in this one.
        name: What the limit is called in Redis: limiters of one name share what passes.
        when_away: What holds while Redis is away: ``local``, this process by itself, or ``fail_closed``, nothing
            passes.

    Raises:
        ValueError: A field is wrong; says which.
    """

    algorithm: RateLimitAlgorithm | str = Algorithm.TOKEN_BUCKET
    max_requests: float = 100
    window_seconds: float = 60.0
    burst_limit: float | None = None
    redis_url: str | None = None
    name: str = "requests"
    when_away: str = "local"

    def __post_init__(self) -> None:
        for field in ("max_requests", "window_seconds"):
            if not getattr(self, field) > 0:
                raise ValueError(f"{field} must be above 0, not {getattr(self, field)!r}")
        if self.burst_limit is not None:
            if self.algorithm not in _BUCKETS:
                raise ValueError(f"burst_limit is for {' and '.join(_BUCKETS)}, not for {self.algorithm}")
            if not self.burst_limit >= 1:
                raise ValueError(f"burst_limit must be at least 1, not {self.burst_limit!r}")
        if self.when_away not in ("local", "fail_closed"):
            raise ValueError(f"when_away must be local or fail_closed, not {self.when_away!r}")
        self.limit()

    @property
    def capacity(self) -> float:
        """What passes at once when nothing has passed before."""
        if self.burst_limit is not None:
            return self.burst_limit
        return 1 if self.algorithm == Algorithm.LEAKY_BUCKET else self.max_requests

    def limit(self) -> Limit:
        """The same as a limit of a server's policy."""
        return Limit(
            self.name,
            "principal",
            burst=self.capacity if self.algorithm in _BUCKETS else 0.0,
            algorithm=self.algorithm,
            requests=self.max_requests,
            window=self.window_seconds,
        )


@dataclass(frozen=True, slots=True)
class RateLimitResult:
    """What became of one check.

    Attributes:
        allowed: Whether the request may go on. What was refused has taken nothing.
        remaining: Whole requests that would pass at this moment.
        retry_after: Seconds until this request would pass if nobody else asked; 0 when it was allowed.
        limit: What passes at once when nothing has passed before.
    """

    allowed: bool
    remaining: int
    retry_after: float
    limit: int


class RateLimiter:
    """Says of each request whether it may pass. Between :meth:`start` and :meth:`stop`, or in an ``async with``."""

    def __init__(self, config: RateLimiterConfig | None = None) -> None:
        self.config = config or RateLimiterConfig()
        self._clock = wall_clock()
        self._limiter: Limiter | None = None
        self._close: Callable[[], Awaitable[None]] | None = None

    async def start(self) -> None:
        """Begin with nothing counted, or with what is counted in Redis. Redis is not waited for."""
        if self._limiter is not None:
            return
        limit, config = self.config.limit(), self.config
        if config.redis_url is None:
            self._limiter = MemoryLimits((limit,))
        else:
            from adapters.redis_limits import RedisLimits, WhenAway

            shared = RedisLimits(config.redis_url, (limit,), when_away=WhenAway(config.when_away))
            self._limiter, self._close = shared, shared.close

    async def stop(self) -> None:
        """Let go of Redis, and forget what was counted in this process."""
        close, self._close, self._limiter = self._close, None, None
        if close is not None:
            await close()

    async def check_limit(self, identifier: str, cost: float = 1.0) -> RateLimitResult:
        """Take ``cost`` requests from what ``identifier`` has, if it has as many.

        Raises:
            ValueError: So much can never pass, or is not a number above 0.
            RuntimeError: The limiter is not started.
        """
        if self._limiter is None:
            raise RuntimeError("the rate limiter is not started: await limiter.start() first")
        if not 0 < cost <= self.config.capacity:
            raise ValueError(f"cost must be above 0 and at most {self.config.capacity:g}, not {cost!r}")
        verdict: asyncio.Future[Verdict] = asyncio.get_running_loop().create_future()

        def answer(said: Verdict) -> None:
            if not verdict.done():
                verdict.set_result(said)

        key = (self.config.name, identifier)
        self._limiter.take((key,), (cost,), ("", None), self._clock(), answer)
        said = await verdict
        late = said.retry_after
        return RateLimitResult(late is None, int(said.remaining), late or 0.0, int(self.config.capacity))

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()
