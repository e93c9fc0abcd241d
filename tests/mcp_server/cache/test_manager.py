import asyncio
import logging
import math
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from typing import Any

import pytest
import redis.asyncio

from mcp_server.cache import CacheBackendType, CacheConfig, CacheManager, CacheUnavailable, NotCacheable
from mcp_server.performance import Level, MemoryOptimizer, Thresholds
from tests.adapters.cache_desk import fresh_namespace, until
from tests.adapters.cache_proxy import Proxy

NOBODY = "redis://me:secret@127.0.0.1:1"


@pytest.fixture(params=CacheBackendType)
def config(request: pytest.FixtureRequest, redis_url: str) -> CacheConfig:
    return CacheConfig(request.param, redis_url=redis_url, namespace=fresh_namespace(), negative_ttl=0.05)


@pytest.fixture
async def cache(config: CacheConfig) -> AsyncIterator[CacheManager]:
    async with CacheManager(config) as manager:
        yield manager


class Factory:
    """Makes a value when it is let, and counts how often."""

    def __init__(self, value: Any = 1, fails: bool = False) -> None:
        self.value, self.fails = value, fails
        self.calls = 0
        self.begun, self.may_end = asyncio.Event(), asyncio.Event()

    async def __call__(self) -> Any:
        self.calls += 1
        self.begun.set()
        await self.may_end.wait()
        if self.fails:
            raise LookupError("the source is down")
        return self.value


async def test_values_come_back_as_they_were(cache: CacheManager) -> None:
    value = {"data": "value", "list": [1, 2.0, True, None, {"ü": "😀"}]}
    assert await cache.set("key", value, ttl=1800)
    assert await cache.get("key") == value
    assert await cache.get("other") is None
    assert await cache.get("other", "default") == "default"
    assert await cache.delete("key")
    assert await cache.get("key") is None


async def test_changing_what_was_got_changes_nothing_that_is_kept(cache: CacheManager) -> None:
    given = [1]
    await cache.set("key", given)
    given.append(2)
    (await cache.get("key")).append(3)
    assert await cache.get("key") == [1]


async def test_nothing_there_is_told_from_not_known_and_kept_for_a_shorter_time(cache: CacheManager) -> None:
    unknown = object()

    async def forgotten() -> bool:
        return await cache.get("key", unknown) is unknown

    assert await forgotten()
    await cache.set("key", None)
    assert await cache.get("key", unknown) is None
    assert cache.stats().negative_hits == 1
    await until(forgotten)


async def test_tags_namespaces_and_clear(cache: CacheManager, config: CacheConfig) -> None:
    await cache.set("a", 1, tags=["red", "round"])
    await cache.set("b", 2, tags=["red"])
    await cache.set("c", 3)
    assert await cache.delete_tag("round") == 1
    assert await cache.delete_tag("red") == 1
    assert [await cache.get(key) for key in "abc"] == [None, None, 3]
    assert await cache.clear() == 1
    assert cache.stats().entries == 0


async def test_a_value_is_made_once_for_all_who_ask(cache: CacheManager) -> None:
    factory = Factory({"made": 1})
    asking = [asyncio.create_task(cache.get_or_set("key", factory)) for _ in range(10)]
    await factory.begun.wait()
    factory.may_end.set()
    assert await asyncio.gather(*asking) == [{"made": 1}] * 10
    assert await cache.get_or_set("key", factory) == {"made": 1}
    assert factory.calls == 1
    assert await cache.get("key") == {"made": 1}


async def test_a_factory_may_be_a_plain_function_and_its_value_may_have_tags(cache: CacheManager) -> None:
    assert await cache.get_or_set("key", lambda: [1], ttl=60, tags=["t"]) == [1]
    assert await cache.delete_tag("t") == 1
    assert await cache.get_or_set("key", lambda: [2]) == [2]


async def test_that_nothing_is_there_is_found_once_too(cache: CacheManager) -> None:
    factory = Factory(None)
    factory.may_end.set()
    for _ in range(2):
        assert await cache.get_or_set("key", factory, ttl=60) is None
    assert factory.calls == 1


async def test_when_a_factory_fails_its_caller_hears_it_and_the_next_tries(cache: CacheManager) -> None:
    bad, good = Factory(fails=True), Factory("good")
    first = asyncio.create_task(cache.get_or_set("key", bad))
    await bad.begun.wait()
    second = asyncio.create_task(cache.get_or_set("key", good))
    good.may_end.set()
    bad.may_end.set()
    with pytest.raises(LookupError):
        await first
    assert await asyncio.wait_for(second, 10) == "good"


async def test_when_the_one_who_makes_it_is_cancelled_the_next_tries(cache: CacheManager) -> None:
    slow, good = Factory(), Factory("good")
    first = asyncio.create_task(cache.get_or_set("key", slow))
    await slow.begun.wait()
    waits = asyncio.create_task(cache.get_or_set("key", slow))
    second = asyncio.create_task(cache.get_or_set("key", good))
    good.may_end.set()
    await asyncio.sleep(0)
    waits.cancel()
    first.cancel()
    assert await asyncio.wait_for(second, 10) == "good"
    await asyncio.wait({first, waits})


async def test_a_factory_that_makes_no_json_value_is_refused_and_keeps_nobody_waiting(cache: CacheManager) -> None:
    with pytest.raises(NotCacheable, match="value is a set"):
        await cache.get_or_set("key", lambda: {1})
    assert await cache.get_or_set("key", lambda: 1) == 1


async def test_what_is_set_while_it_is_made_stays(cache: CacheManager) -> None:
    factory = Factory("made")
    making = asyncio.create_task(cache.get_or_set("key", factory))
    await factory.begun.wait()
    await cache.set("key", "set")
    factory.may_end.set()
    assert await making == "made"
    assert await cache.get("key") == "set"


async def test_what_is_set_can_be_too_big(redis_url: str) -> None:
    for kind in CacheBackendType:
        config = CacheConfig(kind, max_memory_mb=0.01, redis_url=redis_url, namespace=fresh_namespace())
        async with CacheManager(config) as cache:
            await cache.set("key", "old")
            assert not await cache.set("key", "x" * 20_000)
            assert await cache.get("key") is None


@pytest.mark.parametrize("key", ["", "k" * 1025, "ü" * 600, "\ud800", 1, None, b"key"])
async def test_what_is_no_key_is_refused(cache: CacheManager, key: Any) -> None:
    for use in (cache.get(key), cache.set(key, 1), cache.delete(key), cache.get_or_set(key, lambda: 1)):
        with pytest.raises(ValueError, match="a key must be a string of 1 to 1024 bytes"):
            await use


async def test_what_is_no_time_or_tag_is_refused(cache: CacheManager) -> None:
    for ttl in (0, -1, float("inf"), 10**9, True):
        with pytest.raises(ValueError, match="ttl must be above 0 seconds"):
            await cache.set("key", 1, ttl=ttl)
        with pytest.raises(ValueError, match="ttl must be above 0 seconds"):
            await cache.get_or_set("key", lambda: 1, ttl=ttl)
    with pytest.raises(ValueError, match=r"tags must be a list of strings: write \['red'\]"):
        await cache.set("key", 1, tags="red")
    with pytest.raises(ValueError, match="a value can have 32 tags, not 33"):
        await cache.set("key", 1, tags=[f"{number}" for number in range(33)])
    with pytest.raises(ValueError, match="a tag must be a string"):
        await cache.delete_tag("")


async def test_it_must_be_open(config: CacheConfig) -> None:
    cache = CacheManager(config)
    with pytest.raises(RuntimeError, match=r"await cache\.initialize\(\)"):
        await cache.get("key")
    await cache.initialize()
    await cache.initialize()
    await cache.set("key", 1)
    await cache.close()
    await cache.close()
    with pytest.raises(RuntimeError):
        cache.stats()


async def test_the_figures(cache: CacheManager, config: CacheConfig) -> None:
    await cache.set("key", 1)
    await cache.get("key")
    await cache.get("other")
    figures = cache.stats()
    assert (figures.backend, figures.entries, figures.hit_ratio) == (config.backend_type, 1, 0.5)
    assert figures.bytes > 300
    assert (figures.online, figures.warning) == (True, "")


async def test_memory_gives_back_a_share_when_asked(config: CacheConfig) -> None:
    async with CacheManager(CacheConfig(CacheBackendType.MEMORY)) as cache:
        for number in range(10):
            await cache.set(f"{number}", number)
        before = cache.stats().bytes
        assert cache.shrink(0.5) == before / 2
        assert cache.stats().entries == 5


async def test_it_holds_less_while_memory_is_scarce() -> None:
    memory = MemoryOptimizer(gc_frequency=math.inf)
    cache = CacheManager(CacheConfig(CacheBackendType.MEMORY, max_memory_mb=0.01))
    memory.on_level(cache.on_pressure)
    memory.thresholds = Thresholds(0.001, 0.002, 100, 0)
    await memory.observe()  # before it is open
    assert memory.level is Level.HIGH
    async with cache:
        for number in range(100):
            await cache.set(f"{number}", number)
        assert 0 < cache.stats().bytes <= 0.001 * 2**20
        memory.thresholds = Thresholds(99.8, 99.9, 100, 0)
        await memory.observe()
        for number in range(100):
            await cache.set(f"{number}", number)
        assert cache.stats().bytes > 0.009 * 2**20


@pytest.mark.parametrize("kind", [CacheBackendType.REDIS, CacheBackendType.HYBRID])
async def test_two_managers_on_one_redis_share_values_and_their_changes(kind: CacheBackendType, redis_url: str) -> None:
    config = CacheConfig(kind, redis_url=redis_url, namespace=fresh_namespace())
    async with CacheManager(config) as one, CacheManager(config) as other:
        await one.set("key", "old", tags=["t"])
        for cache in (other, one, other):
            assert await cache.get("key") == "old"

        async def changed() -> bool:
            return bool(await other.get("key") != "old")

        await one.delete_tag("t")
        await until(changed)
        factory = Factory("made")
        asking = [asyncio.create_task(each.get_or_set("key", factory)) for each in (one, other) for _ in range(3)]
        await factory.begun.wait()
        factory.may_end.set()
        assert await asyncio.gather(*asking) == ["made"] * 6
        assert factory.calls == 1


@pytest.mark.parametrize("kind", [CacheBackendType.REDIS, CacheBackendType.HYBRID])
async def test_while_redis_is_away_nothing_raises_and_values_are_made(kind: CacheBackendType, redis_url: str) -> None:
    async with Proxy(redis_url).serve() as way:
        config = CacheConfig(kind, redis_url=way.url, namespace=fresh_namespace())
        async with CacheManager(config) as cache:
            await cache.set("key", 1)
            way.cut()

            async def away() -> bool:
                return not cache.stats().online

            await until(away)
            assert await cache.get("key", "default") == "default"
            assert await cache.get_or_set("key", lambda: 2) == 2
            assert not await cache.set("key", 3)
            assert (await cache.delete("key"), await cache.clear()) == (False, 0)


async def test_what_something_else_put_under_a_key_is_a_miss(redis_url: str) -> None:
    from adapters.redis_cache import RedisCache

    config = CacheConfig(CacheBackendType.REDIS, redis_url=redis_url, namespace=fresh_namespace())
    storage = RedisCache(redis_url, config.namespace)
    await storage.start()
    await storage.put("key", b"no JSON", 60.0, 0.0)
    async with CacheManager(config) as cache:
        assert await cache.get("key", "default") == "default"
        assert await cache.get_or_set("key", lambda: "made") == "made"
        assert await cache.get("key") == "made"
    await storage.close()


@pytest.mark.parametrize("kind", [CacheBackendType.REDIS, CacheBackendType.HYBRID])
async def test_a_redis_that_cannot_be_reached_is_told_with_the_remedy(kind: CacheBackendType) -> None:
    cache = CacheManager(CacheConfig(kind, redis_url=NOBODY))
    with pytest.raises(CacheUnavailable) as told:
        await cache.initialize()
    text = str(told.value)
    assert text.startswith("Redis at redis://127.0.0.1:1 cannot be reached: ")
    assert "REDIS_URL" in text
    assert "fallback=True" in text
    assert "secret" not in text


async def test_where_it_is_allowed_memory_serves_and_says_so(caplog: pytest.LogCaptureFixture) -> None:
    config = CacheConfig(CacheBackendType.HYBRID, redis_url=NOBODY, fallback=True)
    with caplog.at_level(logging.WARNING):
        async with CacheManager(config) as cache:
            await cache.set("key", 1)
            assert await cache.get("key") == 1
            figures = cache.stats()
    assert (figures.backend, figures.online) == ("memory", False)
    assert "serving from this process's memory" in figures.warning
    assert "The cache serves from this process's memory" in caplog.text
    assert "secret" not in caplog.text + figures.warning


async def test_a_client_that_is_cancelled_at_the_start_leaves_nothing_behind(redis_url: str) -> None:
    cache = CacheManager(CacheConfig(CacheBackendType.REDIS, redis_url=redis_url))
    before = asyncio.all_tasks()
    starting = asyncio.create_task(cache.initialize())
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    starting.cancel()
    await asyncio.wait({starting})
    assert asyncio.all_tasks() == before


@pytest.mark.skipif("REDIS_URL" in os.environ, reason="others connect to that server too")
async def test_after_closing_no_connection_is_left(redis_url: str) -> None:
    async with redis.asyncio.Redis.from_url(redis_url) as client:
        before = len(await client.client_list())
        for kind in (CacheBackendType.REDIS, CacheBackendType.HYBRID):
            async with CacheManager(CacheConfig(kind, redis_url=redis_url, namespace=fresh_namespace())) as cache:
                await cache.set("key", 1)
                assert len(await client.client_list()) == before + 2

        async def closed() -> bool:
            return len(await client.client_list()) == before

        await until(closed)


def test_importing_the_cache_does_not_import_redis() -> None:
    code = "import sys, mcp_server.cache; sys.exit('redis' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
