import asyncio
from itertools import count
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcp_server.performance.rate_limiter import RateLimitAlgorithm, RateLimiter, RateLimiterConfig, RateLimitResult

NAMES = map("limiter-{}".format, count())


def test_without_a_word_it_is_a_token_bucket_of_a_hundred_a_minute() -> None:
    config = RateLimiterConfig()
    assert config == RateLimiterConfig(RateLimitAlgorithm.TOKEN_BUCKET, 100, 60.0, None)
    assert config.capacity == 100


@pytest.mark.parametrize("algorithm", RateLimitAlgorithm)
@pytest.mark.parametrize("redis", [False, True], ids=["memory", "redis"])
async def test_so_many_pass_and_the_next_is_told_when(
    algorithm: RateLimitAlgorithm, redis: bool, redis_url: str
) -> None:
    url = redis_url if redis else None
    config = RateLimiterConfig(algorithm, 3, 3600.0, redis_url=url, name=next(NAMES))
    async with RateLimiter(config) as limiter:
        passing = 1 if algorithm == "leaky_bucket" else 3
        for number in range(passing):
            assert await limiter.check_limit("user") == RateLimitResult(True, passing - 1 - number, 0.0, passing)
        refused = await limiter.check_limit("user")
        assert (refused.allowed, refused.remaining, refused.limit) == (False, 0, passing)
        assert 0 < refused.retry_after <= 7200
        assert (await limiter.check_limit("another")).allowed


async def test_a_burst_may_be_larger_than_what_flows_in() -> None:
    async with RateLimiter(RateLimiterConfig(RateLimitAlgorithm.TOKEN_BUCKET, 100, 60.0, 120)) as limiter:
        allowed = [(await limiter.check_limit("user_123")).allowed for _ in range(130)]
    assert sum(allowed) in (120, 121)  # one may have flowed in meanwhile


@given(st.lists(st.tuples(st.sampled_from([0.5, 1.0, 2.0]), st.sampled_from([0.0, 0.25, 1.0])), max_size=20))
def test_it_says_what_the_limit_of_a_server_says(history: list[tuple[float, float]]) -> None:
    async def live() -> None:
        config, now = RateLimiterConfig("sliding_window_log", 3, 2.0), 1000.0
        rule: Any = config.limit().rule()
        state = None
        async with RateLimiter(config) as limiter:
            for cost, pause in history:
                now += pause
                limiter._clock = lambda: now  # noqa: B023 - it is read before the time goes on
                result = await limiter.check_limit("user", cost)
                state, answer = rule.take(state, cost, now)
                expected = answer.retry_after or 0.0
                assert result == RateLimitResult(answer.retry_after is None, int(answer.remaining), expected, 3)

    asyncio.run(live())


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ({"max_requests": 0}, "max_requests must be above 0, not 0"),
        ({"window_seconds": -1.0}, "window_seconds must be above 0, not -1.0"),
        ({"burst_limit": 0.5}, "burst_limit must be at least 1, not 0.5"),
        (
            {"algorithm": RateLimitAlgorithm.FIXED_WINDOW, "burst_limit": 5},
            "burst_limit is for token_bucket and leaky_bucket, not for fixed_window",
        ),
        ({"algorithm": "guessing"}, "algorithm must be one of token_bucket, leaky_bucket"),
        ({"when_away": "open"}, "when_away must be local or fail_closed, not 'open'"),
    ],
)
def test_a_mistake_is_told_with_its_field(fields: dict[str, object], problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        RateLimiterConfig(**fields)  # type: ignore[arg-type]  # as a settings file would


async def test_it_is_to_be_started_and_forgets_when_it_is_stopped() -> None:
    limiter = RateLimiter(RateLimiterConfig(max_requests=1))
    with pytest.raises(RuntimeError, match="not started"):
        await limiter.check_limit("user")
    await limiter.start()
    await limiter.start()
    assert [(await limiter.check_limit("user")).allowed for _ in range(2)] == [True, False]
    await limiter.stop()
    await limiter.stop()
    with pytest.raises(RuntimeError, match="not started"):
        await limiter.check_limit("user")
    await limiter.start()
    assert (await limiter.check_limit("user")).allowed
    await limiter.stop()


@pytest.mark.parametrize("cost", [0, -1, 4, float("nan")])
async def test_a_cost_that_makes_no_sense_is_refused(cost: float) -> None:
    async with RateLimiter(RateLimiterConfig(max_requests=3)) as limiter:
        with pytest.raises(ValueError, match="cost must be above 0 and at most 3"):
            await limiter.check_limit("user", cost)


async def test_when_redis_is_away_it_still_limits() -> None:
    for when_away, passing in (("local", 2), ("fail_closed", 0)):
        config = RateLimiterConfig(max_requests=2, redis_url="redis://127.0.0.1:1/0", when_away=when_away)
        async with RateLimiter(config) as limiter:
            assert sum([(await limiter.check_limit("user")).allowed for _ in range(5)]) == passing
