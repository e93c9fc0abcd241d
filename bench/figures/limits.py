"""How many checks of a limit a second: the arithmetic alone, and asked of a Redis that servers share.

The arithmetic is one step of a token bucket, of many buckets in turn. Redis is asked as the server asks it: whatever
waits goes out together, so there are as many checks on their way as there would be requests.
"""

import asyncio
import time
from collections.abc import Sequence

import uvloop

from adapters.redis_limits import RedisLimits
from bench import redis
from bench.figure import Figures, Goal, Result, Setting, judged
from bench.pinned import pinned
from operators.limits.limit import Limit
from operators.limits.token_bucket import Level, TokenBucket
from pipeline.questions import Verdict

KEYS = 1000
WAITING = 256
"""Checks that wait for Redis at once."""


def steps(count: int) -> float:
    """Steps a second, the buckets being half empty most of the time."""
    bucket = TokenBucket.of(1000.0, 100.0)
    levels: list[Level | None] = [None] * KEYS
    take, at = bucket.take, 1.79e9
    began = time.perf_counter()
    for _ in range(count // KEYS):
        at += 0.001
        for key in range(KEYS):
            levels[key], _ = take(levels[key], 1.0, at)
    return count // KEYS * KEYS / (time.perf_counter() - began)


async def shared(url: str, count: int) -> float:
    """Checks a second, each answered by Redis."""
    limits = RedisLimits(url, [Limit("calls", "session", per_second=1e6, burst=1e6)], timeout=5.0)
    room, began = asyncio.Semaphore(WAITING), time.perf_counter()

    def answered(_verdict: Verdict) -> None:
        room.release()

    for number in range(count):
        await room.acquire()
        limits.take([("calls", f"s{number % KEYS}")], [1.0], ("s", number), time.time(), answered)
    for _ in range(WAITING):
        await room.acquire()
    seconds = time.perf_counter() - began
    assert limits.fallbacks == 0, "Redis did not answer every time"
    await limits.close()
    return count / seconds


def measure(setting: Setting, names: Sequence[str]) -> list[Result]:
    results = []
    with pinned():
        if "limiter-step" in names:
            setting.say("limiter: one step of a token bucket")
            rates = [steps(200_000 if setting.quick else 1_000_000) for _ in range(setting.rounds)]
            words = f"{KEYS} buckets in turn, a thousandth of a second apart"
            results.append(judged("limiter-step", rates, Goal(1e6, 2e6, "/s"), words))
        if "limiter-redis" in names:
            with redis.serving(setting.scratch) as url:
                rates = []
                for number in range(setting.rounds):
                    setting.say(f"limiter: asking Redis, round {number + 1}")
                    rates.append(uvloop.run(shared(url, 10_000 if setting.quick else 60_000)))
            words = f"{WAITING} checks on their way at once, over {KEYS} buckets"
            results.append(judged("limiter-redis", rates, Goal(20_000, 40_000, "/s"), words))
    return results


LIMITS = Figures(("limiter-step", "limiter-redis"), measure)
