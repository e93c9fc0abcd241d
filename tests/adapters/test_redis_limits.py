"""The limits in a real Redis: the same verdicts as in memory, and what Redis adds to them."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from itertools import count
from typing import Any

import pytest
from hypothesis import given, settings
from redis.asyncio import Redis

from adapters import redis_limits
from adapters.redis_limits import RedisLimits, WhenAway
from operators.policy import Limit
from pipeline.questions import Limiter, Verdict
from tests.adapters import limits_contract as contract
from tests.adapters.limits_contract import FAST, LIMITS, LOG, PLACES, SLOW, History, asked, histories

NAMES = map("limits-{}".format, count())
KEY = (("slow", "a"),)


@asynccontextmanager
async def shared(url: str, limits: Sequence[Limit] = LIMITS, **options: Any) -> AsyncIterator[RedisLimits]:
    limiter = RedisLimits(url, limits, **{"prefix": next(NAMES), "timeout": 20.0, **options})
    try:
        yield limiter
    finally:
        await limiter.close()


@asynccontextmanager
async def timed(url: str) -> AsyncIterator[Callable[[Sequence[Limit]], Limiter]]:
    """Makes limiters that go by the time of the question."""
    made: list[RedisLimits] = []

    def make(limits: Sequence[Limit]) -> Limiter:
        made.append(RedisLimits(url, limits, prefix=next(NAMES), timeout=20.0, server_time=False))
        return made[-1]

    try:
        yield make
    finally:
        for limiter in made:
            assert (limiter.available, limiter.fallbacks) == (True, 0)
            await limiter.close()


def test_it_says_what_the_algorithms_say(redis_url: str) -> None:
    @given(histories)
    @settings(max_examples=50)
    def agrees(history: History) -> None:
        async def live() -> None:
            async with timed(redis_url) as make:
                await contract.check_history(make, history)

        asyncio.run(live())

    agrees()


@pytest.mark.parametrize(
    "check",
    [
        contract.check_refusal_takes_nothing,
        contract.check_slowest_is_named,
        contract.check_what_is_told_is_done_in_order,
    ],
)
async def test_it_keeps_the_contract(redis_url: str, check: Any) -> None:
    async with timed(redis_url) as make:
        await check(make)


async def test_a_log_is_searched_for_the_moment_when_enough_is_free(redis_url: str) -> None:
    many = Limit("many", requests=450, window=60, algorithm="sliding_window_log")
    async with timed(redis_url) as make:
        limiter = make((many,))
        for number in range(450):
            await asked(limiter, [("many", "")], 50.0 + number / 1000)
        assert await asked(limiter, [("many", "")], 51.0, (400.0,)) == Verdict("many", 0.0, 59.399)


async def test_servers_share_what_passes_by_the_clock_of_redis(redis_url: str) -> None:
    slow = (Limit("slow", "principal", per_second=0.001, burst=2),)
    async with shared(redis_url, slow, prefix="pair") as one, shared(redis_url, slow, prefix="pair") as other:
        said = [await asked(limiter, KEY, at) for limiter, at in ((one, 0.0), (other, 4e9), (one, 8e9), (other, 0.0))]
        assert [verdict.retry_after is None for verdict in said] == [True, True, False, False]
        assert 900 < (said[2].retry_after or 0.0) <= 1000


async def test_a_limit_whose_numbers_change_begins_anew(redis_url: str) -> None:
    for limit in (SLOW, Limit("slow", requests=1, window=60, algorithm="sliding_window_log"), SLOW):
        async with shared(redis_url, (limit,), prefix="changing") as limiter:
            assert (await asked(limiter, KEY, 0.0)).retry_after is None


async def test_keys_expire_and_are_together_in_a_cluster(redis_url: str) -> None:
    async with shared(redis_url, prefix="expiring") as limiter, Redis.from_url(redis_url) as redis:
        for limit in LIMITS:
            assert (await asked(limiter, [(limit.name, "\ud800 +")], 0.0)).retry_after is None
        keys = [key async for key in redis.scan_iter(match="{expiring}:*")]
        assert len(keys) == len(LIMITS)
        for key in keys:
            assert 0 < await redis.pttl(key) <= 2 * 86_400_000 + 2000


async def test_a_script_that_redis_forgot_is_told_again(redis_url: str) -> None:
    async with shared(redis_url, (FAST, PLACES)) as limiter, Redis.from_url(redis_url) as redis:
        for _ in range(2):
            await redis.script_flush()
            await contract.check_what_is_told_is_done_in_order(lambda _: limiter)
        assert limiter.fallbacks == 0


async def test_many_questions_at_once_are_answered_each(redis_url: str) -> None:
    many = Limit("many", requests=500, window=600, algorithm="sliding_window_log")
    async with shared(redis_url, (many,)) as limiter:
        said = await asyncio.gather(*(asked(limiter, [("many", "")], 0.0) for _ in range(700)))
    assert sum(verdict.retry_after is None for verdict in said) == 500
    assert limiter.asked == 700


async def test_the_keys_of_which_most_is_used_are_known(redis_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(redis_limits, "MOST_HEARD", 3)
    hourly = Limit("hourly", requests=4, window=3600, algorithm="sliding_window_log")
    async with shared(redis_url, (hourly, PLACES)) as limiter:
        for key in "abcabdc":
            await asked(limiter, [("hourly", key)], 0.0)
        await asked(limiter, [("places", "")], 0.0)
        assert limiter.most_used(0.0, 2) == [(("hourly", "c"), 0.5), (("places", ""), 0.5)]
        assert limiter.most_used(0.0)[2:] == [(("hourly", "d"), 0.25)]


async def test_a_key_that_holds_something_else_lets_nothing_pass_unlimited(
    redis_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    async with shared(redis_url, (LOG,), prefix="foreign") as limiter, Redis.from_url(redis_url) as redis:
        await asked(limiter, [("log", "")], 0.0)
        async for key in redis.scan_iter(match="{foreign}:*"):
            await redis.set(key, "something else")
        said = [await asked(limiter, [("log", "")], 0.0) for _ in range(4)]
    assert [verdict.retry_after is None for verdict in said] == [True, True, True, False]
    assert "Redis holds something else under the key of a limit; see those of log" in caplog.text


class Line:
    """The way to a Redis, which can be cut, and mended."""

    def __init__(self, url: str) -> None:
        host, _, port = url.removeprefix("redis://").split("/")[0].rpartition(":")
        self._there = (host, int(port))
        self._ends: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self.cut = False
        self.mute = False

    @asynccontextmanager
    async def open(self) -> AsyncIterator[str]:
        server = await asyncio.start_server(self._carry, "127.0.0.1", 0)
        try:
            yield f"redis://127.0.0.1:{server.sockets[0].getsockname()[1]}/0"
        finally:
            server.close()
            self.break_off()
            await asyncio.gather(*self._tasks, return_exceptions=True)
            await server.wait_closed()

    def break_off(self) -> None:
        for end in self._ends:
            end.close()

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.cut:
            writer.close()
            return
        there_reader, there_writer = await asyncio.open_connection(*self._there)
        self._ends |= {writer, there_writer}
        pumps = (self._pump(reader, there_writer), self._pump(there_reader, writer, answers=True))
        self._tasks |= {asyncio.create_task(pump) for pump in pumps}

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, answers: bool = False) -> None:
        try:
            while data := await reader.read(65536):
                if not (answers and self.mute):
                    writer.write(data)
        except OSError:
            pass
        finally:
            writer.close()


@pytest.mark.parametrize("when_away", WhenAway)
async def test_when_redis_is_away_limits_hold_and_when_it_is_back_they_are_shared_again(
    redis_url: str, when_away: WhenAway, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "adapters.redis_limits")
    line = Line(redis_url)
    async with line.open() as url, shared(url, (SLOW,), when_away=when_away, pause=0.01) as limiter:
        assert (await asked(limiter, KEY, 0.0)).retry_after is None
        line.cut = True
        line.break_off()
        said = [await asked(limiter, KEY, 0.0) for _ in range(5)]
        passed = [verdict.retry_after is None for verdict in said]
        assert passed == ([True, True, False, False, False] if when_away is WhenAway.LOCAL else [False] * 5)
        assert all(verdict.retry_after is None or verdict.retry_after > 0 for verdict in said)
        assert (limiter.available, limiter.fallbacks, limiter.asked) == (False, 5, 1)
        line.cut = False
        async with asyncio.timeout(20):
            while limiter.asked == 1:
                await asked(limiter, KEY, 0.0)
                await asyncio.sleep(0)
        assert limiter.available
    told = [record.getMessage() for record in caplog.records]
    assert [message.partition(" (")[0] for message in told] == [
        "Redis is away",
        "Redis is back: limits are shared again",
    ]


async def test_a_redis_that_does_not_answer_is_away_and_places_it_may_have_given_are_freed(redis_url: str) -> None:
    line = Line(redis_url)
    place = (("places", "a"),)
    async with line.open() as url, shared(url, (PLACES,), timeout=0.2, pause=0.01, prefix="mute") as limiter:
        line.mute = True
        for number in range(2):
            assert (await asked(limiter, place, 0.0, asker=("s", number))).retry_after is None  # by itself
        assert (limiter.available, limiter.fallbacks) == (False, 2)
        line.mute = False
        line.break_off()
        async with Redis.from_url(redis_url) as redis, asyncio.timeout(20):
            # Redis tells nobody when a key goes.
            while not limiter.available or [key async for key in redis.scan_iter(match="{mute}:*")]:  # noqa: ASYNC110
                await asyncio.sleep(0.001)


async def test_who_asked_nothing_while_redis_was_away_asks_it_as_if_nothing_had_been(redis_url: str) -> None:
    line = Line(redis_url)
    async with line.open() as url, shared(url, (SLOW,), when_away=WhenAway.FAIL_CLOSED) as limiter:
        assert (await asked(limiter, KEY, 0.0)).retry_after is None
        (connection,) = limiter._redis.connection_pool._available_connections
        line.break_off()
        async with asyncio.timeout(20):
            # The connection tells nobody that its end has come.
            while not await connection.can_read():  # noqa: ASYNC110
                await asyncio.sleep(0.001)
        assert (await asked(limiter, KEY, 0.0)).retry_after is None
        assert (limiter.available, limiter.fallbacks, limiter.asked) == (True, 0, 2)


async def test_a_limiter_that_never_finds_redis_holds_its_limits() -> None:
    async with shared("redis://127.0.0.1:1/0", (SLOW,)) as limiter:
        said = [await asked(limiter, KEY, 0.0) for _ in range(3)]
    assert [verdict.retry_after is None for verdict in said] == [True, True, False]


async def test_after_its_end_a_limiter_still_limits(redis_url: str) -> None:
    async with shared(redis_url, (SLOW,), when_away=WhenAway.FAIL_CLOSED) as limiter:
        pass
    assert (await asked(limiter, KEY, 0.0)).retry_after == 1.0
