"""Servers that share their limits and their cache through a real Redis."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import count

import pytest
from pydantic import SecretStr

from adapters.memory_cache import MemoryCache
from adapters.memory_limits import MemoryLimits
from adapters.memory_log import MemoryLog
from events import codes
from mcp_server.app import App
from mcp_server.config import Settings, SettingsError
from mcp_server.shared import shared
from operators.policy import Limit
from tests.adapters.cache_desk import until
from tests.adapters.cache_proxy import Proxy
from tests.peers import Peer, Room
from tests.serving import Tools, soon, text_of

NAMES = map("shared-{}".format, count())
TWO = Limit("two", "server", requests=2, window=3600.0)


class SharingRoom(Room):
    """A server whose limits and cache are those that its settings name."""

    def __init__(self, app: App, tools: Tools, log: MemoryLog) -> None:
        self.app, self.tools, self.log = app, tools, log


@asynccontextmanager
async def room(url: str, namespace: str, **settings: object) -> AsyncIterator[SharingRoom]:
    used = {"redis_url": SecretStr(url), "redis_namespace": namespace, "prompts_enabled": False, **settings}
    found = Settings(store="memory:", drain_timeout=0.2, **used)  # type: ignore[arg-type]
    tools, log = Tools(), MemoryLog()
    async with shared(found) as backends:
        app = App(found, tools.server.catalogue(), log, shared=backends)
        yield SharingRoom(app, tools, log)
        await soon(app.drain())


async def echoes(peer: Peer, room: Room, number: int) -> int | None:
    """The error that a call was answered with; None for a result."""
    peer.call(number, "echo", text="x")
    await room.quiet()
    code: int | None = peer.answers(number)[0].get("error", {}).get("code")
    return code


async def test_two_servers_share_a_limit(redis_url: str) -> None:
    name = next(NAMES)
    async with room(redis_url, name, limits=(TWO,)) as one, room(redis_url, name, limits=(TWO,)) as other:
        peers = one.peer(), other.peer()
        assert await echoes(peers[0], one, 1) is None
        assert await echoes(peers[1], other, 1) is None
        assert [await echoes(peers[0], one, 2), await echoes(peers[1], other, 2)] == [codes.RATE_LIMITED] * 2
        assert one.app.limits_state()[0]["used"] == [{"key": "", "share": 1.0}]


async def test_servers_of_different_names_share_nothing(redis_url: str) -> None:
    async with (
        room(redis_url, next(NAMES), limits=(TWO,)) as one,
        room(redis_url, next(NAMES), limits=(TWO,)) as other,
    ):
        peers = one.peer(), other.peer()
        for number in (1, 2):
            assert await echoes(peers[0], one, number) is None
            assert await echoes(peers[1], other, number) is None


async def test_a_result_that_one_server_found_answers_callers_of_another(redis_url: str) -> None:
    name = next(NAMES)
    async with room(redis_url, name) as one, room(redis_url, name) as other:
        peers = one.peer(), other.peer()
        one.tools.gates["a"].set()
        peers[0].call(1, "find", gate="a")
        await one.quiet()
        peers[1].call(1, "find", gate="a")
        await other.quiet()
        assert text_of(peers[1].answers(1)[0]) == text_of(peers[0].answers(1)[0])
        assert (one.tools.done, other.tools.done) == (["a"], [])
        assert other.app.shared.cache.stats().backend == "hybrid"


@pytest.mark.parametrize(("when_away", "code"), [("local", None), ("fail_closed", codes.RATE_LIMITED)])
async def test_without_redis_a_server_serves_and_says_so(
    unused_tcp_port: int, when_away: str, code: int | None
) -> None:
    url = f"redis://127.0.0.1:{unused_tcp_port}"
    async with room(url, next(NAMES), limits=(TWO,), limits_when_away=when_away) as found:
        assert await echoes(found.peer(), found, 1) == code
        report = found.app.operations._away()
        assert report[0].startswith("limits are not shared")
        assert len(report) == 2
        assert found.app.shared.limits_state() == (False, 1)


async def test_a_redis_that_comes_up_after_the_server_is_shared_from_then_on(redis_url: str) -> None:
    name = next(NAMES)
    async with Proxy(redis_url).serve() as way:
        way.cut()
        async with room(way.url, name) as one, room(redis_url, name) as other:
            assert not one.app.shared.cache.stats().online
            one.tools.gates["a"].set()
            other.tools.gates["a"].set()
            peers = one.peer(), other.peer()
            peers[0].call(1, "find", gate="a")
            await one.quiet()
            way.restore()
            await until(lambda: asyncio.sleep(0, one.app.shared.cache.stats().online))
            for number in (2, 3):
                peers[0].call(number, "find", gate="a")
                await one.quiet()
            peers[1].call(1, "find", gate="a")
            await other.quiet()
            assert text_of(peers[1].answers(1)[0]) == text_of(peers[0].answers(2)[0])
    assert (one.tools.done, other.tools.done) == (["a", "a"], [])


@pytest.mark.parametrize("url", ["http://host", "no url", "redis://:se/cret@host:6379"])
async def test_a_url_that_cannot_be_read_is_a_wrong_setting_and_is_not_repeated(url: str) -> None:
    with pytest.raises(SettingsError, match=r"^redis_url: it cannot be read; write redis://") as told:
        async with shared(Settings(redis_url=SecretStr(url))):
            pass
    assert "'se'" not in str(told.value)
    assert told.value.__context__ is None


async def test_what_one_server_drops_another_finds_anew(redis_url: str) -> None:
    name = next(NAMES)
    async with room(redis_url, name) as one, room(redis_url, name) as other:
        for each in (one, other):
            each.tools.gates["a"].set()
        near, far = one.peer(), other.peer()
        for number in (1, 2):  # the second time from its own copy
            for peer, here in ((near, one), (far, other)):
                peer.call(number, "find", gate="a")
                await here.quiet()
        assert (one.tools.done, other.tools.done) == (["a"], [])
        assert other.app.shared.cache.stats().near_entries == 1
        one.app.forget("tools/call")
        await until(lambda: asyncio.sleep(0, not other.app.shared.cache.stats().near_entries))
        far.call(3, "find", gate="a")
        await other.quiet()
        assert (one.tools.done, other.tools.done) == (["a"], ["a"])


async def test_without_its_url_nothing_is_shared() -> None:
    async with shared(Settings(limits=(TWO,))) as found:
        assert (type(found.limits), type(found.cache)) == (MemoryLimits, MemoryCache)
        assert found.limits_state() == (True, 0)
