"""What the caches in Redis do beyond the contract: several processes, and a Redis that fails."""

import asyncio
import math
import os
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import redis.asyncio
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.cache_items import Item, pack, size_in_redis
from adapters.cache_link import CacheUnreachable, masked
from adapters.redis_cache import RedisCache
from pipeline.questions import Kept
from tests.adapters.cache_desk import Visitor, fresh_namespace, get, opened, put, until
from tests.adapters.cache_oracle import Oracle
from tests.adapters.cache_proxy import Proxy
from tests.servers import redis_server

KINDS = ["redis", "hybrid"]
ROOT = Path(__file__).parents[2]


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
async def raw(redis_url: str) -> "AsyncIterator[redis.asyncio.Redis]":
    async with redis.asyncio.Redis.from_url(redis_url) as client:
        yield client


@pytest.fixture
async def proxy(redis_url: str) -> AsyncIterator[Proxy]:
    async with Proxy(redis_url).serve() as made:
        yield made


def prefix(namespace: str) -> str:
    return f"mcp:cache:{{{namespace}}}:"


async def online(cache: RedisCache) -> bool:
    return cache.stats().online


async def offline(cache: RedisCache) -> bool:
    return not cache.stats().online


# Several processes.


async def test_one_finder_among_all_processes(kind: str, redis_url: str) -> None:
    name = fresh_namespace()
    async with opened(kind, redis_url, namespace=name) as ours, opened(kind, redis_url, namespace=name) as theirs:
        one = Visitor(ours)
        assert await one.is_to_find_it()
        others = [Visitor(theirs) for _ in range(3)]
        await until(lambda: _waits(theirs))
        one.fill(b"found")
        assert [await other.payload() for other in others] == [b"found"] * 3


async def test_when_the_finder_gives_up_another_process_is_woken_before_the_lease_ends(
    kind: str, redis_url: str
) -> None:
    name = fresh_namespace()
    async with (
        opened(kind, redis_url, namespace=name, lease=600) as ours,
        opened(kind, redis_url, namespace=name, lease=600) as theirs,
    ):
        one = Visitor(ours)
        assert await one.is_to_find_it()
        other = Visitor(theirs)
        await until(lambda: _waits(theirs))
        one.release()
        assert await other.is_to_find_it()


async def test_when_a_process_closes_others_need_not_wait_for_its_leases(kind: str, redis_url: str) -> None:
    name = fresh_namespace()
    async with opened(kind, redis_url, namespace=name, lease=600) as theirs:
        async with opened(kind, redis_url, namespace=name, lease=600) as ours:
            assert await Visitor(ours).is_to_find_it()
            other = Visitor(theirs)
            await until(lambda: _waits(theirs))
        assert await other.is_to_find_it()


async def test_when_the_finder_is_killed_another_process_goes_on(kind: str, redis_url: str) -> None:
    name = fresh_namespace()
    async with opened(kind, redis_url, namespace=name) as cache:
        finder = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "tests.adapters.dying_cache", redis_url, name, "k", "0.5"),
            cwd=ROOT,
            stdout=asyncio.subprocess.PIPE,
        )
        assert finder.stdout is not None
        assert await finder.stdout.readline() == b"finding\n"
        visitors = [Visitor(cache), Visitor(cache)]
        await until(lambda: _waits(cache))
        finder.kill()
        await finder.wait()
        assert await visitors[0].is_to_find_it()
        visitors[0].fill(b"found")
        assert await visitors[1].payload() == b"found"


async def test_a_lease_is_renewed_while_its_process_lives(
    kind: str, redis_url: str, raw: "redis.asyncio.Redis"
) -> None:
    name = fresh_namespace()
    lock = prefix(name) + "lock:k"

    least = 10**9

    async def renewed() -> bool:
        nonlocal least
        left = await raw.pttl(lock)
        assert left > 0, "it ended"
        grown, least = left > least, min(left, least)
        return grown

    async with opened(kind, redis_url, namespace=name, lease=0.6) as cache:
        one = Visitor(cache)
        assert await one.is_to_find_it()
        for _ in range(3):
            least = 10**9
            await until(renewed)
        one.fill(b"found")
        assert await get(cache) == b"found"
        assert not await raw.exists(lock)


async def test_a_finder_whose_lease_was_lost_keeps_nothing(
    kind: str, redis_url: str, raw: "redis.asyncio.Redis"
) -> None:
    name = fresh_namespace()
    async with opened(kind, redis_url, namespace=name) as ours, opened(kind, redis_url, namespace=name) as theirs:
        one = Visitor(ours)
        assert await one.is_to_find_it()
        await raw.delete(prefix(name) + "lock:k")
        other = Visitor(theirs)
        assert await other.is_to_find_it()
        one.fill(b"late")
        assert await get(ours) is None
        other.fill(b"found")
        assert await get(ours) == b"found"


@pytest.mark.parametrize("change", ["put", "delete", "tag", "clear"])
async def test_every_process_sees_a_change(kind: str, redis_url: str, change: str) -> None:
    name = fresh_namespace()
    async with opened(kind, redis_url, namespace=name) as ours, opened(kind, redis_url, namespace=name) as theirs:
        await put(ours, payload=b"old", tags=("t",))
        for cache in (ours, theirs, ours, theirs):
            assert await get(cache) == b"old"
        match change:
            case "put":
                await put(ours, payload=b"new")
            case "delete":
                await ours.delete("k")
            case "tag":
                await ours.delete_tag("t")
            case _:
                await ours.clear()
        new = b"new" if change == "put" else None
        assert await get(ours) == new
        await until(lambda: _is(theirs, new))


async def test_what_another_process_drops_while_it_is_found_is_not_kept(kind: str, redis_url: str) -> None:
    name = fresh_namespace()
    async with opened(kind, redis_url, namespace=name) as ours, opened(kind, redis_url, namespace=name) as theirs:
        for key, drop in (("a", theirs.delete("a")), ("b", theirs.delete_tag("t")), ("c", theirs.clear())):
            one = Visitor(ours, key)
            assert await one.is_to_find_it()
            await drop
            one.fill(b"old", tags=("t",))
            assert await get(theirs, key) is None
            assert await get(ours, key) is None


# Near copies.


async def test_a_copy_is_read_without_redis_and_dropped_when_another_process_changes_it(
    redis_url: str, proxy: Proxy
) -> None:
    name = fresh_namespace()
    async with opened("hybrid", proxy.url, namespace=name) as near, opened("hybrid", redis_url, namespace=name) as far:
        await put(near, payload=b"old")
        await until(lambda: _near_hit(near))
        before = near.stats().near_hits
        assert await get(near) == b"old"
        assert near.stats().near_hits == before + 1
        kept: list[Kept | None] = []
        near.look("k", ("a session", 0), 0.0, kept.append)
        assert kept  # answered at once
        await put(far, payload=b"new")
        await until(lambda: _is(near, b"new"))


async def test_copies_are_dropped_when_the_connection_is_lost(proxy: Proxy) -> None:
    async with opened("hybrid", proxy.url) as cache:
        await put(cache)
        await until(lambda: _near_hit(cache))
        proxy.cut()
        await until(lambda: offline(cache))
        assert cache.stats().near_entries == 0
        assert await get(cache) is None


async def test_a_connection_that_falls_silent_is_given_up(proxy: Proxy) -> None:
    async with opened("hybrid", proxy.url, pulse=0.1, timeout=0.2) as cache:
        await put(cache)
        await until(lambda: _near_hit(cache))
        proxy.silence()
        await until(lambda: offline(cache))
        assert cache.stats().near_entries == 0
        proxy.cut()
        proxy.restore()
        await until(lambda: online(cache))
        assert await get(cache) == b"1"


async def test_a_copy_does_not_outlive_its_time_when_redis_was_changed_past_the_cache(
    redis_url: str, raw: "redis.asyncio.Redis"
) -> None:
    name = fresh_namespace()
    async with opened("hybrid", redis_url, namespace=name, near_ttl=0.1) as cache:
        await put(cache)
        await until(lambda: _near_hit(cache))
        await raw.delete(prefix(name) + "item:k")
        await until(lambda: _is(cache, None))


# A Redis that fails.


async def test_while_redis_is_away_every_look_up_is_a_miss_and_is_found_once(kind: str, proxy: Proxy) -> None:
    async with opened(kind, proxy.url) as cache:
        await put(cache)
        proxy.cut()
        await until(lambda: offline(cache))
        failures = cache.stats().failures
        one, two = Visitor(cache), Visitor(cache)
        assert one.answer.result() is None  # at once
        assert cache.stats().failures == failures + 1
        one.fill(b"found")
        assert await two.payload() == b"found"
        assert await get(cache) is None
        assert not await put(cache, "other")
        assert not await cache.delete("k")
        assert (await cache.delete_tag("t"), await cache.clear()) == (0, 0)
        assert "Redis is away" in cache.stats().warning


async def test_nobody_waits_for_a_redis_that_went_away(kind: str, redis_url: str, proxy: Proxy) -> None:
    name = fresh_namespace()
    async with opened(kind, redis_url, namespace=name) as far, opened(kind, proxy.url, namespace=name) as cache:
        assert await Visitor(far).is_to_find_it()
        asked, waiting = Visitor(cache, "other"), Visitor(cache)
        assert await asked.is_to_find_it()
        await until(lambda: _waits(cache))
        unanswered = Visitor(cache, "third")
        proxy.cut()
        assert await unanswered.is_to_find_it()
        assert await waiting.is_to_find_it()
        asked.fill(b"found")
        waiting.release()


@pytest.mark.parametrize("change", ["put", "delete", "tag", "clear", "none"])
async def test_what_changed_while_redis_was_away_is_not_served_when_it_is_back(
    kind: str, redis_url: str, proxy: Proxy, change: str
) -> None:
    async with opened(kind, proxy.url) as cache:
        await put(cache, payload=b"old", tags=("t",))
        proxy.cut()
        await until(lambda: offline(cache))
        match change:
            case "put":
                assert not await put(cache, payload=b"new")
            case "delete":
                await cache.delete("k")
            case "tag":
                cache.invalidate("t")
            case "clear":
                await cache.clear()
        proxy.restore()
        await until(lambda: online(cache))
        assert await get(cache) == (b"old" if change == "none" else None)  # without a change it is still there


async def test_more_changes_than_can_be_remembered_drop_everything(
    kind: str, proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("adapters.cache_store.MOST_OWED", 3)
    async with opened(kind, proxy.url) as cache:
        await put(cache)
        proxy.cut()
        await until(lambda: offline(cache))
        for number in range(5):
            await cache.delete(f"key {number}")
        proxy.restore()
        await until(lambda: online(cache))
        assert await get(cache) is None


@pytest.mark.skipif("REDIS_URL" in os.environ, reason="that server is not ours to end")
async def test_a_redis_that_ends_and_another_in_its_place(kind: str, tmp_path: Path) -> None:
    with redis_server(tmp_path) as first:
        async with Proxy(first).serve() as way, opened(kind, way.url) as cache:
            await put(cache)
            one = Visitor(cache, "found while it is away")
            assert await one.is_to_find_it()
            with redis_server(tmp_path) as second:
                way.lead_to(second)
                way.cut()
                await until(lambda: offline(cache))
                one.fill()
                way.restore()
                await until(lambda: online(cache))
                assert await get(cache) is None
                one = Visitor(cache)
                assert await one.is_to_find_it()
                one.fill(b"new")
                assert await get(cache) == b"new"


@pytest.mark.skipif("REDIS_URL" in os.environ, reason="that server's settings are not ours")
async def test_a_redis_without_memory_keeps_nothing_and_can_still_be_read(kind: str, tmp_path: Path) -> None:
    with redis_server(tmp_path) as url:
        async with opened(kind, url) as cache, redis.asyncio.Redis.from_url(url) as client:
            await put(cache, "old")
            await put(cache, "replaced", b"old")
            await client.config_set("maxmemory", 1)
            assert await get(cache, "old") == b"1"
            assert not await put(cache, "new")
            assert not await put(cache, "replaced", b"new")
            one, two = Visitor(cache), Visitor(cache)
            assert await one.is_to_find_it()
            one.fill(b"found")
            assert await two.payload() == b"found"
            await client.config_set("maxmemory", 0)
            assert [await get(cache, key) for key in ("old", "new", "replaced")] == [b"1", None, None]
            assert cache.stats().online


async def test_scripts_that_were_flushed_are_sent_again(kind: str, redis_url: str, raw: "redis.asyncio.Redis") -> None:
    async with opened(kind, redis_url) as cache:
        await raw.script_flush()
        assert await put(cache)
        await raw.script_flush()
        assert await get(cache) == b"1"
        assert cache.stats().failures == 0


@pytest.mark.parametrize("part", ["about", "used", "ends", "tag:t"])
async def test_an_index_that_redis_evicted_brings_nothing_back(
    redis_url: str, raw: "redis.asyncio.Redis", part: str
) -> None:
    name = fresh_namespace()
    async with opened("redis", redis_url, 5, 10**6, namespace=name) as cache:
        for number in range(4):
            await put(cache, f"old {number}", tags=("t",))
        assert await raw.delete(prefix(name) + part) == 1
        await cache.delete_tag("t")
        assert [await get(cache, f"old {number}") for number in range(4)] == [None] * 4
        for number in range(9):
            await put(cache, f"new {number}", tags=("t",))
        assert [await get(cache, f"new {number}") is not None for number in range(9)] == [False] * 4 + [True] * 5
        assert cache.stats().entries == 5
        assert await cache.delete_tag("t") == 5
        assert cache.stats().bytes == 0


@pytest.mark.parametrize("item", [b"", b"no msgpack", pack(Item("another key", 60_000, (), b"of another"))])
async def test_what_was_not_kept_under_the_key_is_not_given_out(
    kind: str, redis_url: str, raw: "redis.asyncio.Redis", item: bytes
) -> None:
    name = fresh_namespace()
    async with opened(kind, redis_url, namespace=name) as cache:
        await put(cache)
        await raw.set(prefix(name) + "item:k", item, ex=60)
        one = Visitor(cache)
        assert await one.is_to_find_it()
        one.fill(b"found")
        assert await get(cache) == b"found"
        assert cache.stats().failures == 1


async def test_all_keys_of_a_namespace_end_by_themselves(redis_url: str, raw: "redis.asyncio.Redis") -> None:
    name = fresh_namespace()
    async with opened("redis", redis_url, namespace=name) as cache:
        for number in range(20):
            await put(cache, f"{number}", tags=(f"t{number % 3}",))
        await cache.delete_tag("t1")
        assert await Visitor(cache, "other").is_to_find_it()
        keys = [key async for key in raw.scan_iter(match=prefix(name).replace("{", "[{]") + "*", count=1000)]
        assert len(keys) > 15
        assert all([await raw.ttl(key) > 0 for key in keys])


async def test_the_memory_of_what_was_cleared_is_given_back(redis_url: str, raw: "redis.asyncio.Redis") -> None:
    name = fresh_namespace()
    async with opened("redis", redis_url, namespace=name) as cache:
        for number in range(600):
            await put(cache, f"{number}")
        await cache.clear()
        pattern = prefix(name).replace("{", "[{]") + "*"
        keys = [key async for key in raw.scan_iter(match=pattern, count=1000)]
        assert keys == [(prefix(name) + "gone").encode()]


@pytest.mark.skipif("REDIS_URL" in os.environ, reason="others use that server's memory too")
async def test_the_stated_size_is_about_what_redis_takes(tmp_path: Path) -> None:
    with redis_server(tmp_path) as url:
        async with (
            opened("redis", url, 10**6, 10**9) as cache,
            redis.asyncio.Redis.from_url(url) as client,
        ):
            for tags in (False, True):
                await cache.clear()
                before = (await client.info("memory"))["used_memory"]
                await asyncio.gather(
                    *(
                        put(cache, f"{number:064d}", bytes(300), tags=(f"{number:08d}",) * tags)
                        for number in range(5000)
                    )
                )
                taken = ((await client.info("memory"))["used_memory"] - before) / 5000
                stated = cache.stats().bytes / 5000
                assert 0.6 * stated < taken < 1.1 * stated, (taken, stated)


async def test_a_redis_that_is_not_there_is_told_at_the_start(kind: str) -> None:
    with pytest.raises(CacheUnreachable, match=r"Redis at redis://127\.0\.0\.1:1/0 cannot be reached: "):
        async with opened(kind, "redis://user:secret@127.0.0.1:1/0"):
            pass


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("redis://localhost:6379", "redis://localhost:6379"),
        ("rediss://me:secret@host:1/2?password=secret", "rediss://host:1/2"),
        ("redis://:se@cret@host", "redis://host"),
        ("redis://host?password=se@cret", "redis://..."),
        ("redis://:sec#ret@host", "redis://host"),
        ("redis://host/?x=#secret", "redis://..."),
        ("unix:///run/redis.sock?db=1", "unix:///run/redis.sock"),
    ],
)
def test_a_url_is_shown_without_secrets(url: str, shown: str) -> None:
    assert masked(url) == shown


NAMES = st.sampled_from("abcdef\u00fc")
TAGS = st.sets(st.sampled_from(["red", "round"])).map(tuple)
CHANGES = st.one_of(
    st.tuples(st.just("put"), NAMES, st.integers(0, 3000), TAGS),
    st.tuples(st.just("get"), NAMES),
    st.tuples(st.just("delete"), NAMES),
    st.tuples(st.just("tag"), st.sampled_from(["red", "round", "none"])),
    st.tuples(st.just("clear")),
)


@settings(max_examples=60, print_blob=False)
@given(changes=st.lists(CHANGES, min_size=10, max_size=50))
def test_redis_keeps_and_evicts_as_the_naive_cache_does(redis_url: str, changes: list[tuple[object, ...]]) -> None:
    asyncio.run(_compare(redis_url, changes))


async def _compare(url: str, changes: list[tuple[object, ...]]) -> None:
    bounds = (4, 4 * size_in_redis("a", b"", ("red",)) + 1000)
    oracle = Oracle(*bounds)
    async with opened("redis", url, *bounds) as cache:
        for change in changes:
            match change:
                case ("put", str(key), int(length), tuple(tags)):
                    payload = bytes(length)
                    size = size_in_redis(key, payload, tags)
                    kept = oracle.put(key, payload, size, math.inf, 0.0, tags)
                    assert await put(cache, key, payload, tags=tags) == kept
                case ("get", str(key)):
                    known = oracle.get(key, 0.0)
                    assert await get(cache, key) == (known and known[0])
                case ("delete", str(key)):
                    assert await cache.delete(key) == oracle.delete(key)
                case ("tag", str(tag)):
                    assert await cache.delete_tag(tag) == oracle.delete_tag(tag)
                case _:
                    assert await cache.clear() == oracle.clear()
            figures = cache.stats()
            if change[0] != "get":
                assert (figures.entries, figures.bytes) == (len(oracle.kept), oracle.size)
        assert cache.stats().evictions == oracle.evictions


async def _waits(cache: RedisCache) -> bool:
    """Whether it waits for another process."""
    return any(search.timer is not None for search in cache._searches.values())


async def _is(cache: RedisCache, payload: bytes | None, key: str = "k") -> bool:
    return await get(cache, key) == payload


async def _near_hit(cache: RedisCache) -> bool:
    before = cache.stats().near_hits
    assert await get(cache) is not None
    return cache.stats().near_hits > before
