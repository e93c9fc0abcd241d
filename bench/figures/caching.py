"""How fast the cache is beside what one would write oneself: ``cachetools`` in memory, and raw Redis commands.

In memory: the values are the JSON of results, with a lifetime and bounds on number and bytes. ``cachetools.TTLCache``
gets the same values, the same lifetime and a bound on their number. It knows no tags, and nobody waits there for a
result that somebody else is finding. Redis: a read is one command here and there; a write keeps the tags too.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from statistics import median

import cachetools
import uvloop
from redis.asyncio import Redis

from adapters.memory_cache import MemoryCache
from adapters.redis_cache import RedisCache
from bench import redis
from bench.figure import Figures, Result, Setting, judged
from bench.pinned import pinned

KEYS = [f"tools/list {number}" for number in range(10_000)]
PAYLOAD = b'{"content":[{"type":"text","text":"' + b"x" * 200 + b'"}],"isError":false}'
ASKER = ("session", 1)
AT = 1.79e9
TOGETHER = 64
"""Commands that wait for Redis at once."""


def in_memory(name: str, rounds: int) -> Result:
    """Ours against cachetools, by reads or by writes."""
    ours, theirs = MemoryCache(len(KEYS), 1 << 30), cachetools.TTLCache[str, bytes](len(KEYS), 3600.0)

    def put(key: str) -> None:
        ours.fill(key, ASKER, PAYLOAD, 3600.0, AT)

    def look(key: str) -> None:
        ours.look(key, ASKER, AT, _ignore)

    def keep(key: str) -> None:
        theirs[key] = PAYLOAD

    for key in KEYS:
        put(key)
        keep(key)
    mine, other = (look, theirs.__getitem__) if name.endswith("get") else (put, keep)
    pairs = [(_rate(mine), _rate(other)) for _ in range(rounds)]
    return _judged(name, pairs, "cachetools")


def _ignore(_kept: object) -> None:
    pass


def _rate(act: Callable[[str], object]) -> float:
    began = time.perf_counter()
    for key in KEYS:
        act(key)
    return len(KEYS) / (time.perf_counter() - began)


async def in_redis(url: str, setting: Setting, names: Sequence[str]) -> list[Result]:
    """Ours against the bare commands, reads or writes."""
    raw, ours = Redis.from_url(url), RedisCache(url, namespace="bench")
    await ours.start()
    keys = KEYS[: 1000 if setting.quick else 5000]
    for key in keys:
        await ours.put(key, PAYLOAD, 3600.0, AT)
        await raw.set(f"raw {key}", PAYLOAD, ex=3600)
    acts: dict[str, tuple[Callable[[str], Awaitable[object]], Callable[[str], Awaitable[object]]]] = {
        "cache-redis-get": (lambda key: ours.get(key, AT), lambda key: raw.get(f"raw {key}")),
        "cache-redis-set": (
            lambda key: ours.put(key, PAYLOAD, 3600.0, AT, ("tools/list",)),
            lambda key: raw.set(f"raw {key}", PAYLOAD, ex=3600),
        ),
    }
    results = []
    for name in names:
        mine, other = acts[name]
        pairs = []
        for number in range(setting.rounds):
            setting.say(f"{name}, round {number + 1}")
            pairs.append((await _rate_together(mine, keys), await _rate_together(other, keys)))
        results.append(_judged(name, pairs, "raw commands"))
    await ours.close()
    await raw.aclose()
    return results


async def _rate_together(act: Callable[[str], Awaitable[object]], keys: Sequence[str]) -> float:
    waiting = iter(keys)

    async def work() -> None:
        for key in waiting:
            await act(key)

    began = time.perf_counter()
    await asyncio.gather(*(work() for _ in range(TOGETHER)))
    return len(keys) / (time.perf_counter() - began)


def _judged(name: str, pairs: Sequence[tuple[float, float]], other: str) -> Result:
    ours, theirs = (median(each) for each in zip(*pairs, strict=True))
    words = f"{ours:,.0f}/s against {theirs:,.0f}/s of {other}"
    return judged(name, [mine / theirs for mine, theirs in pairs], None, words, ours=ours, theirs=theirs)


def measure(setting: Setting, names: Sequence[str]) -> list[Result]:
    with pinned():
        setting.say("cache: in memory")
        results = [in_memory(name, setting.rounds * 3) for name in names if "redis" not in name]
        if shared := [name for name in names if "redis" in name]:
            with redis.serving(setting.scratch) as url:
                results += uvloop.run(in_redis(url, setting, shared))
    return results


CACHE = Figures(("cache-memory-get", "cache-memory-set", "cache-redis-get", "cache-redis-set"), measure)
