"""What every cache does, whatever it keeps its results in."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from adapters.cache_entries import size_of
from adapters.cache_items import size_in_redis
from mcp_server.cache import Storage
from operators.answer_from_cache import cache_key
from tests.adapters.cache_desk import Visitor, fresh_namespace, get, opened, put, until
from tests.facts import admitted

KINDS = ["memory", "redis", "hybrid"]


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
async def cache(kind: str, redis_url: str) -> AsyncIterator[Storage]:
    async with opened(kind, redis_url) as made:
        yield made


async def test_what_was_kept_is_there_and_what_was_not_is_not(cache: Storage) -> None:
    assert await get(cache) is None
    assert await put(cache, payload=b"a value")
    for _ in range(3):
        assert await get(cache) == b"a value"
    assert await get(cache, "other") is None
    assert await put(cache, payload=b"another")
    assert await get(cache) == b"another"


@pytest.mark.parametrize("key", ["a b", "ü€😀", "line\nbreak", "{x}:item:", "\0", "k" * 1024])
async def test_keys_and_tags_may_have_any_characters(cache: Storage, key: str) -> None:
    await put(cache, key, b"\0\xff\r\n", tags=(key,))
    await put(cache, "other", b"2")
    assert await get(cache, key) == b"\0\xff\r\n"
    assert await cache.delete_tag(key) == 1
    assert (await get(cache, key), await get(cache, "other")) == (None, b"2")


async def test_a_result_is_kept_for_its_time(cache: Storage) -> None:
    await put(cache, "short", ttl=0.02)
    await put(cache, "long", ttl=60)
    await until(lambda: _missing(cache, "short"))
    assert await get(cache, "long") == b"1"


async def test_a_result_that_ended_is_found_anew(cache: Storage) -> None:
    await put(cache, ttl=0.02)
    await until(lambda: _missing(cache, "k"))
    one, other = Visitor(cache), Visitor(cache)
    assert await one.is_to_find_it()
    one.fill(b"new")
    assert await other.payload() == b"new"


async def test_a_result_tells_its_age(cache: Storage) -> None:
    await put(cache)
    kept = await Visitor(cache).told()
    assert kept is not None
    assert 0 <= kept.age < 10


@pytest.mark.parametrize("kind", KINDS)
async def test_the_least_recently_used_go_first(kind: str, redis_url: str) -> None:
    async with opened(kind, redis_url, 3, 10**6) as cache:
        for key in "abc":
            await put(cache, key)
        assert await get(cache, "a") == b"1"
        await put(cache, "d")
        assert await Visitor(cache, "a").payload() == b"1"
        await put(cache, "e")
        assert [await get(cache, key) is not None for key in "abcde"] == [True, False, False, True, True]
        figures = cache.stats()
        assert (figures.entries, figures.evictions) == (3, 2)


@pytest.mark.parametrize("kind", KINDS)
async def test_results_have_a_size_together(kind: str, redis_url: str) -> None:
    size = size_of if kind == "memory" else size_in_redis
    one = size("a", b"x" * 100)
    async with opened(kind, redis_url, 100, 3 * one) as cache:
        for key in "abc":
            assert await put(cache, key, b"x" * 100)
        assert (cache.stats().entries, cache.stats().bytes) == (3, 3 * one)
        assert await put(cache, "d", b"x" * 101)  # costs two of the others
        assert (cache.stats().entries, cache.stats().bytes) == (2, 2 * one + 1)
        assert [await get(cache, key) is not None for key in "abcd"] == [False, False, True, True]


@pytest.mark.parametrize("kind", KINDS)
async def test_what_exceeds_the_size_alone_is_not_kept_and_costs_no_other(kind: str, redis_url: str) -> None:
    async with opened(kind, redis_url, 100, 5000) as cache:
        await put(cache, "small")
        await put(cache, "big", b"old")
        assert not await put(cache, "big", b"x" * 5000)
        assert [await get(cache, key) for key in ("small", "big")] == [b"1", None]
        one, other = Visitor(cache, "big"), Visitor(cache, "big")
        assert await one.is_to_find_it()
        one.fill(b"y" * 5000)
        assert await other.payload() == b"y" * 5000
        assert await get(cache, "big") is None


async def test_a_result_is_dropped_by_its_key(cache: Storage) -> None:
    await put(cache)
    assert await cache.delete("k")
    assert not await cache.delete("k")
    assert await get(cache) is None
    assert (cache.stats().entries, cache.stats().bytes) == (0, 0)


async def test_results_are_dropped_by_any_of_their_tags(cache: Storage) -> None:
    await put(cache, "a", tags=("red", "round"))
    await put(cache, "b", tags=("red",))
    await put(cache, "c", tags=("round",))
    await put(cache, "d")
    assert [await get(cache, key) for key in "abcd"] == [b"1"] * 4
    assert await cache.delete_tag("red") == 2
    assert await cache.delete_tag("red") == 0
    assert [await get(cache, key) is not None for key in "abcd"] == [False, False, True, True]
    cache.invalidate("round")
    assert [await get(cache, key) is not None for key in "cd"] == [False, True]


async def test_a_new_result_has_its_own_tags_alone(cache: Storage) -> None:
    await put(cache, tags=("old",))
    await put(cache, tags=("new",))
    assert await cache.delete_tag("old") == 0
    assert await get(cache) == b"1"
    assert await cache.delete_tag("new") == 1


async def test_a_tag_can_have_many_results(cache: Storage) -> None:
    keys = [f"key {number}" for number in range(1200)]
    await asyncio.gather(*(put(cache, key, tags=("all",)) for key in keys))
    assert await cache.delete_tag("all") == 1200
    assert cache.stats().entries == 0


async def test_everything_is_dropped_at_once(cache: Storage) -> None:
    for number in range(700):
        await put(cache, f"key {number}", tags=("t",))
    assert await get(cache, "key 0") == b"1"
    assert await cache.clear() == 700
    assert await get(cache, "key 0") is None
    assert (cache.stats().entries, cache.stats().bytes) == (0, 0)
    await put(cache, "key 0", b"new", tags=("t",))
    assert await get(cache, "key 0") == b"new"
    assert await cache.delete_tag("t") == 1


async def test_the_first_who_asks_finds_the_result_and_the_others_get_it(cache: Storage) -> None:
    visitors = [Visitor(cache) for _ in range(5)]
    assert await visitors[0].is_to_find_it()
    visitors[0].fill(b"found")
    assert [await one.payload() for one in visitors[1:]] == [b"found"] * 4
    assert await get(cache) == b"found"


async def test_when_the_finder_gives_up_the_next_who_waits_is_to_find_it(cache: Storage) -> None:
    one, two, three = (Visitor(cache) for _ in range(3))
    assert await one.is_to_find_it()
    one.release()
    assert await two.is_to_find_it()
    two.release()
    two.release()
    assert await three.is_to_find_it()
    three.fill()
    assert await Visitor(cache).payload() == b"1"


async def test_who_stops_waiting_hears_nothing(cache: Storage) -> None:
    one, two, three = (Visitor(cache) for _ in range(3))
    assert await one.is_to_find_it()
    two.release()
    one.fill(b"found")
    assert await three.payload() == b"found"
    assert not two.answer.done()


async def test_when_everyone_has_given_up_the_next_who_asks_is_the_first(cache: Storage) -> None:
    one, two = Visitor(cache), Visitor(cache)
    assert await one.is_to_find_it()
    two.release()
    one.release()
    assert await Visitor(cache).is_to_find_it()


async def test_who_leaves_before_the_answer_came_keeps_nobody_waiting(cache: Storage) -> None:
    one = Visitor(cache)
    one.release()
    two = Visitor(cache)
    two.release()
    assert await Visitor(cache).is_to_find_it()


async def test_a_result_without_time_is_shared_and_not_kept(cache: Storage) -> None:
    one, other = Visitor(cache), Visitor(cache)
    assert await one.is_to_find_it()
    one.fill(b"found", ttl=0.0)
    assert await other.payload() == b"found"
    assert await Visitor(cache).is_to_find_it()


@pytest.mark.parametrize("change", ["delete", "tag", "clear"])
async def test_what_was_dropped_while_it_was_found_is_found_anew(cache: Storage, change: str) -> None:
    one, two = Visitor(cache), Visitor(cache)
    assert await one.is_to_find_it()
    match change:
        case "delete":
            await cache.delete("k")
        case "tag":
            await cache.delete_tag("t")
        case _:
            await cache.clear()
    one.fill(b"old", tags=("s", "t"))
    assert await two.is_to_find_it()
    assert await get(cache) is None
    two.fill(b"new", tags=("s", "t"))
    assert await Visitor(cache).payload() == b"new"


async def test_dropping_another_tag_costs_nothing(cache: Storage) -> None:
    one, two = Visitor(cache), Visitor(cache)
    assert await one.is_to_find_it()
    await cache.delete_tag("other")
    await cache.delete("other")
    one.fill(b"found", tags=("t",))
    assert await two.payload() == b"found"
    assert await get(cache) == b"found"


async def test_what_is_put_while_it_is_found_goes_to_those_who_wait_and_stays(cache: Storage) -> None:
    one, two = Visitor(cache), Visitor(cache)
    assert await one.is_to_find_it()
    await put(cache, payload=b"put")
    assert await two.payload() == b"put"
    one.fill(b"found")
    assert await get(cache) == b"put"


async def test_an_answer_that_fails_costs_no_other(cache: Storage) -> None:
    one = Visitor(cache)
    assert await one.is_to_find_it()

    def fails(_: object) -> None:
        raise RuntimeError("a bug")

    cache.look("k", ("a session", 0), 0.0, fails)
    two = Visitor(cache)
    one.fill(b"found")
    assert await two.payload() == b"found"


async def test_when_it_closes_nobody_waits_any_more(kind: str, redis_url: str) -> None:
    async with opened(kind, redis_url) as cache:
        one, two = Visitor(cache), Visitor(cache)
        assert await one.is_to_find_it()
        unanswered = Visitor(cache, "another")
    assert await two.told() is None
    assert await unanswered.told() is None


async def test_the_figures_tell_hits_misses_and_what_was_shared(cache: Storage) -> None:
    one, two = Visitor(cache), Visitor(cache)
    assert await one.is_to_find_it()
    one.fill()
    await two.told()
    await Visitor(cache).told()
    await get(cache)
    await get(cache, "missing")
    figures = cache.stats()
    assert (figures.hits, figures.shared, figures.misses) == (2, 1, 2)
    assert figures.hit_ratio == 0.6
    assert figures.online
    assert figures.failures == 0


async def test_namespaces_share_nothing(kind: str, redis_url: str) -> None:
    async with (
        opened(kind, redis_url, namespace=fresh_namespace()) as ours,
        opened(kind, redis_url, namespace=fresh_namespace()) as theirs,
    ):
        await put(ours, payload=b"ours", tags=("t",))
        assert await get(theirs) is None
        await put(theirs, payload=b"theirs", tags=("t",))
        await theirs.delete_tag("t")
        await theirs.clear()
        assert await get(ours) == b"ours"


async def test_principals_share_nothing_unless_the_rule_is_public(cache: Storage) -> None:
    asked = admitted(1, name="read")
    for principal in ("alice", "bob"):
        visitor = Visitor(cache, cache_key(asked, principal))
        assert await visitor.is_to_find_it()
        visitor.fill(principal.encode())
    assert await Visitor(cache, cache_key(asked, "alice")).payload() == b"alice"
    assert await Visitor(cache, cache_key(asked, "bob")).payload() == b"bob"


async def _missing(cache: Storage, key: str) -> bool:
    return await get(cache, key) is None
