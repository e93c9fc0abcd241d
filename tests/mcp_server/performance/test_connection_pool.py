import asyncio
import contextlib
import logging
import random
import re
import traceback
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import aiosqlite
import pytest
from aiosqlitepool import (  # type: ignore[import-untyped]
    PoolConnectionAcquireTimeoutError,
    SQLiteConnectionPool,
)

from mcp_server.performance import (
    ConnectionPool,
    ConnectionPoolConfig,
    DatabaseUnreachable,
    PoolClosed,
    PoolExhausted,
)
from tests.mcp_server.performance.databases import Database, Sqlite, config, holding, until


async def insert(pool: ConnectionPool, database: Database, word: str) -> None:
    async with pool.get_connection() as conn:
        await conn.execute(f"INSERT INTO {database.table} VALUES ('{word}')")


async def insert_and_fail(pool: ConnectionPool, database: Database) -> None:
    async with pool.get_connection() as conn:
        await conn.execute(f"INSERT INTO {database.table} VALUES ('undone')")
        raise LookupError


async def test_a_statement_gives_a_cursor(database: Database) -> None:
    async with ConnectionPool(config(), database.url) as pool:
        await insert(pool, database, "a")
        async with pool.get_connection() as conn:
            result = await conn.execute(f"SELECT word FROM {database.table}")
            assert [tuple(row) for row in await result.fetchall()] == [("a",)]


async def test_a_pool_opens_with_its_first_connection_and_keeps_as_many_as_it_was_told(database: Database) -> None:
    pool = ConnectionPool(config(4, least=2), database.url)
    assert pool.statistics.size == 0
    await insert(pool, database, "a")
    await until(lambda: pool.statistics.size >= 2)  # psycopg makes one more for who comes before they are there
    async with holding(pool, 3):
        assert pool.statistics.in_use == 3
    assert pool.statistics.in_use == 0
    assert pool.statistics.idle >= 3
    await pool.close()
    assert pool.statistics.size == 0


async def test_what_a_block_did_is_kept_unless_it_raises(database: Database) -> None:
    async with ConnectionPool(config(1), database.url) as pool:
        await insert(pool, database, "kept")
        with pytest.raises(LookupError):
            await insert_and_fail(pool, database)
        await insert(pool, database, "last")
    assert await database.words() == ["kept", "last"]


async def test_what_a_cancelled_block_did_is_undone(database: Database) -> None:
    async with ConnectionPool(config(1), database.url) as pool:
        inserted = asyncio.Event()

        async def work() -> None:
            async with pool.get_connection() as conn:
                await conn.execute(f"INSERT INTO {database.table} VALUES ('undone')")
                inserted.set()
                await conn.execute(database.slow)

        working = asyncio.create_task(work())
        await inserted.wait()
        working.cancel()
        with pytest.raises(asyncio.CancelledError):
            await working
        await insert(pool, database, "last")  # over the same connection, or one in its place
        assert pool.statistics.in_use == 0
    assert await database.words() == ["last"]


async def test_a_failed_commit_is_told_and_leaves_a_usable_connection(database: Database) -> None:
    async with ConnectionPool(config(1), database.url) as pool:
        async with pool.get_connection() as conn:
            if isinstance(database, Sqlite):
                await conn.execute("PRAGMA foreign_keys = ON")
            await conn.execute(f"CREATE TABLE {database.table}_a (id integer PRIMARY KEY)")
            reference = f"REFERENCES {database.table}_a (id) DEFERRABLE INITIALLY DEFERRED"
            await conn.execute(f"CREATE TABLE {database.table}_b (id integer {reference})")
        with pytest.raises(Exception, match=r"(?i)foreign key"):
            async with pool.get_connection() as conn:
                await conn.execute(f"INSERT INTO {database.table}_b VALUES (1)")
        async with pool.get_connection() as conn:
            result = await conn.execute(f"SELECT count(*) FROM {database.table}_b")
            assert (await result.fetchone())[0] == 0
        assert pool.statistics.size == 1


async def test_who_comes_first_is_served_first(database: Database) -> None:
    async with ConnectionPool(config(1), database.url) as pool:
        served: list[int] = []

        async def use(number: int) -> None:
            async with pool.get_connection():
                served.append(number)

        async with holding(pool, 1):
            waiting = []
            for number in range(5):
                waiting.append(asyncio.create_task(use(number)))
                await until(lambda: pool.statistics.waiting == len(waiting))
        await asyncio.gather(*waiting)
        assert served == [0, 1, 2, 3, 4]
        assert pool.statistics.waiting == 0


async def test_an_exhausted_pool_says_what_is_in_use_how_long_was_waited_and_what_to_raise(database: Database) -> None:
    pool = ConnectionPool(config(2, timeout=0.5), database.url)
    async with holding(pool, 2):
        with pytest.raises(PoolExhausted) as caught:
            async with pool.get_connection():
                pass
    said = str(caught.value)
    assert re.search(r"came free in \d+\.\d s: 2 of 2 are in use, and 0 others wait", said)
    assert "Raise max_connections (pool_size + max_overflow), which is 2" in said
    assert "connection_timeout (pool_timeout), which is 0.5 s" in said
    assert (pool.statistics.timeouts, pool.statistics.waiting, pool.statistics.in_use) == (1, 0, 0)
    await insert(pool, database, "still works")
    await pool.close()


async def test_who_says_how_long_to_wait_waits_no_longer(database: Database) -> None:
    async with ConnectionPool(config(1, timeout=3600.0), database.url) as pool, holding(pool, 1):
        with pytest.raises(PoolExhausted):
            async with pool.get_connection(0.01):
                pass


async def test_a_crowd_that_is_too_large_is_refused_at_once(database: Database) -> None:
    async with ConnectionPool(config(1, max_waiting=1), database.url) as pool:
        async with holding(pool, 1):
            waiting = asyncio.create_task(insert(pool, database, "a"))
            await until(lambda: pool.statistics.waiting == 1)
            with pytest.raises(PoolExhausted, match="1 others wait, of 1 that may"):
                await insert(pool, database, "b")
        await waiting
    assert await database.words() == ["a"]


async def test_a_dead_connection_is_replaced_and_not_handed_out(database: Database) -> None:
    async with ConnectionPool(config(1), database.url) as pool:
        await database.kill(pool, 1)
        await insert(pool, database, "a")
        assert (pool.statistics.replaced, pool.statistics.size) == (1, 1)
    assert await database.words() == ["a"]


async def test_connections_that_died_together_are_replaced_together(database: Database) -> None:
    # psycopg's pool alone would wait 1, 2, 4 and 8 seconds between them.
    async with ConnectionPool(config(6, timeout=5.0), database.url) as pool:
        await database.kill(pool, 6)
        async with holding(pool, 6) as connections:
            for conn in connections:
                await conn.execute("SELECT 1")
        assert pool.statistics.replaced >= 6


async def test_a_connection_that_dies_in_use_fails_its_user_and_nobody_else(database: Database) -> None:
    async def use(failure: type[Exception] | None) -> None:
        async with pool.get_connection() as conn:
            await conn.close()
            if failure:
                raise failure
            await conn.execute("SELECT 1")

    async with ConnectionPool(config(1), database.url) as pool:
        with pytest.raises(LookupError):
            await use(LookupError)
        with pytest.raises(Exception, match=r"(?i)closed|no active connection"):
            await use(None)
        await insert(pool, database, "a")
        assert pool.statistics.in_use == 0
    assert await database.words() == ["a"]


async def test_a_connection_past_its_lifetime_is_replaced(database: Database) -> None:
    async with ConnectionPool(config(1, max_lifetime=0.2), database.url) as pool:
        async with pool.get_connection() as first:
            await asyncio.sleep(0.25)  # it grows old in use
        async with pool.get_connection() as second:
            assert second is not first
        await asyncio.sleep(0.25)  # this one grows old unused
        async with pool.get_connection() as third:
            assert third is not second
        assert pool.statistics.replaced >= 2
        assert pool.statistics.size == 1


async def test_connections_that_nobody_needs_are_closed_down_to_the_least(database: Database) -> None:
    async with ConnectionPool(config(3, least=1, idle_timeout=0.1), database.url) as pool:
        async with holding(pool, 3):
            assert pool.statistics.size == 3
        await until(lambda: pool.statistics.size == 1)
        await insert(pool, database, "a")
        assert pool.statistics.replaced == 0


async def test_settings_of_transactions_do_not_pass_to_the_next_user(database: Database) -> None:
    async with ConnectionPool(config(1), database.url) as pool:
        async with pool.get_connection() as conn:
            if isinstance(database, Sqlite):
                conn.isolation_level = "IMMEDIATE"
            else:
                await conn.set_autocommit(True)
        with pytest.raises(LookupError):
            await insert_and_fail(pool, database)
    assert await database.words() == []


async def test_a_closed_pool_closes_what_is_in_use_when_it_comes_back_and_tells_who_waits(database: Database) -> None:
    pool = ConnectionPool(config(1), database.url)
    async with pool.get_connection() as conn:
        waiting = asyncio.create_task(insert(pool, database, "a"))
        await until(lambda: pool.statistics.waiting == 1)
        await pool.close()
        with pytest.raises(PoolClosed):
            await waiting
        await conn.execute(f"INSERT INTO {database.table} VALUES ('b')")
    with pytest.raises(PoolClosed, match="make another"):
        await insert(pool, database, "c")
    await pool.close()
    assert pool.statistics.size == 0
    assert await database.words() == ["b"]
    assert not [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]


# Nothing is lost when callers are cancelled at any moment.


async def hurry(get: Any, seed: int) -> None:
    """Have many callers take connections from ``get()``, and cancel most of them, some twice, at random moments."""
    chance = random.Random(seed)

    async def use() -> None:
        async with get() as conn:
            await conn.execute("SELECT 1")

    callers = [asyncio.create_task(use()) for _ in range(60)]
    while not all(caller.done() for caller in callers):
        for _ in range(chance.randrange(4)):
            await asyncio.sleep(0)
        chance.choice(callers).cancel()
        await asyncio.sleep(chance.choice((0, 0, 0.0005)))
    for caller in callers:
        if not caller.cancelled() and (error := caller.exception()):
            raise error


async def all_of(get: Any, most: int) -> bool:
    """Whether ``most`` connections can be had at once."""
    async with AsyncExitStack() as stack:
        try:
            for _ in range(most):
                await asyncio.wait_for(stack.enter_async_context(get()), 5.0)
        except (TimeoutError, PoolConnectionAcquireTimeoutError):
            return False
    return True


async def test_no_connection_is_lost_when_callers_are_cancelled(database: Database) -> None:
    async with ConnectionPool(config(3), database.url) as pool:
        for seed in range(8):
            await hurry(pool.get_connection, seed)
            await until(lambda: pool.statistics.in_use == 0)
            assert pool.statistics.waiting == 0
        assert await all_of(pool.get_connection, 3)
        assert pool.statistics.size == 3


async def test_the_first_caller_may_be_cancelled_while_the_pool_opens(database: Database) -> None:
    for turns in range(30):
        pool = ConnectionPool(config(2, least=2), database.url)
        first = asyncio.create_task(insert(pool, database, "a"))
        for _ in range(turns):
            await asyncio.sleep(0)
        first.cancel()
        second = asyncio.create_task(all_of(pool.get_connection, 2))
        with contextlib.suppress(asyncio.CancelledError):
            await first
        assert await second
        await pool.close()
        assert pool.statistics.size == 0


async def test_a_pool_that_does_lose_them_is_found_out(tmp_path: Path) -> None:
    """The control: aiosqlitepool by itself loses the connection that a cancelled caller was about to get."""
    made: list[aiosqlite.Connection] = []

    async def connect() -> aiosqlite.Connection:
        made.append(await aiosqlite.connect(tmp_path / "control.db"))
        return made[-1]

    pool = SQLiteConnectionPool(connect, pool_size=3, acquisition_timeout=1)
    lost = False
    for seed in range(20):
        try:
            await hurry(pool.connection, seed)
        except Exception:  # noqa: BLE001 - that is how it says that there is none left
            lost = True
            break
    lost = lost or not await all_of(pool.connection, 3)
    for connection in made:
        await connection.close()
    assert lost


# What is said has no password in it.


def everything_said(error: BaseException) -> str:
    chain = [error]
    while following := chain[-1].__cause__ or chain[-1].__context__:
        chain.append(following)
    return "\n".join([*map(str, chain), *map(repr, chain), *traceback.format_exception(error)])


async def test_a_database_that_is_away_is_told_without_its_password(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    url = "postgresql://someone:hunter%32@127.0.0.1:1/shop?sslmode=disable"
    pool = ConnectionPool(config(timeout=0.5), url)
    with pytest.raises(DatabaseUnreachable) as caught:
        await pool.open()
    await pool.close()
    said = str(caught.value)
    assert re.match(r"no connection to postgresql://someone@127\.0\.0\.1:1/shop could be made in \d+\.\d s: ", said)
    assert "refused" in said
    assert pool.statistics.timeouts == 1
    for text in (everything_said(caught.value), repr(pool), repr(pool.config), repr(pool._url), caplog.text):
        assert "hunter" not in text


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://someone:hunter2@[::1/shop",
        "postgresql://someone:hunter2%zz@host/shop",
        "postgresql://someone:hunter2@host/shop?nope=1",
        "postgresql://someone:hunter2/x@host/shop",
        "postgresql://someone:hunter2?x@host/shop",
        "postgresql://someone:hunter2#x@host/shop",
        "postgresql://someone:a@hunter2/x@host/shop",
        "mysql://someone:hunter2@host/shop",
        "postgresql+asyncpg://someone:hunter2@host/shop",
        "host=localhost password=hunter2",
    ],
)
def test_a_url_that_cannot_be_read_is_refused_without_its_password(url: str) -> None:
    with pytest.raises(ValueError, match=r"database URL|percent-encode") as caught:
        ConnectionPool(config(), url)
    assert "hunter2" not in everything_said(caught.value)


def test_a_password_is_found_wherever_it_may_stand() -> None:
    from mcp_server.performance.database_url import DatabaseUrl

    url = DatabaseUrl("postgresql://me:s%20t@host/shop?sslpassword=other&password=third")
    assert str(url) == "postgresql://me@host/shop"
    assert url.scrub("s t, s%20t, other and third") == "***, ***, *** and ***"


@pytest.mark.parametrize(
    "url", ["sqlite://", "sqlite:///", "sqlite:///:memory:", "sqlite://host/x", "sqlite:///x?mode=memory"]
)
def test_an_sqlite_url_must_name_a_file(url: str) -> None:
    with pytest.raises(ValueError, match=r"name a file|names no file"):
        ConnectionPool(config(), url)


async def test_a_folder_that_is_not_there_is_told(tmp_path: Path) -> None:
    pool = ConnectionPool(config(), f"sqlite:///{tmp_path}/none/x.db")
    with pytest.raises(DatabaseUnreachable, match=r"none/x\.db could be made in .*: unable to open database file"):
        await pool.open()
    (tmp_path / "none").mkdir()
    await pool.open()  # what was mended is found
    await pool.close()


async def test_a_file_that_is_no_database_is_told(tmp_path: Path) -> None:
    (tmp_path / "x.db").write_bytes(b"no database" * 100)
    pool = ConnectionPool(config(least=1), f"sqlite:///{tmp_path}/x.db")
    with pytest.raises(DatabaseUnreachable, match="file is not a database"):
        await pool.open()
    await pool.close()


async def test_the_url_may_come_from_the_environment(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", database.url)
    async with ConnectionPool(config()) as pool:
        await insert(pool, database, "a")
    assert await database.words() == ["a"]
    monkeypatch.delenv("DATABASE_URL")
    with pytest.raises(ValueError, match="set DATABASE_URL"):
        ConnectionPool(config())


# The configuration.


def test_the_settings_of_the_file_are_those_of_sqlalchemy() -> None:
    settings = {"pool_size": 20, "max_overflow": 40, "pool_timeout": 30}
    assert ConnectionPoolConfig.from_settings(settings) == ConnectionPoolConfig(20, 60, 30.0)
    assert ConnectionPoolConfig.from_settings({}) == ConnectionPoolConfig(5, 15, 30.0)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"pool_sise": 1}, "no setting 'pool_sise', there are pool_size, max_overflow, pool_timeout"),
        ({"pool_size": -1}, "pool_size"),
        ({"pool_size": 0, "max_overflow": 0}, "pool_size"),
        ({"max_overflow": -1}, "max_overflow"),
        ({"pool_size": "many"}, "pool_size"),
        ({"pool_timeout": 0}, "connection_timeout must be above 0"),
    ],
)
def test_wrong_settings_are_named(settings: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        ConnectionPoolConfig.from_settings(settings)


@pytest.mark.parametrize(
    "wrong",
    [
        {"min_connections": 3, "max_connections": 2},
        {"min_connections": -1},
        {"min_connections": 0, "max_connections": 0},
        {"connection_timeout": 0},
        {"idle_timeout": float("nan")},
        {"max_lifetime": -1.0},
        {"max_waiting": -1},
    ],
)
def test_a_configuration_must_make_sense(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=list(wrong)[-1]):
        ConnectionPoolConfig(**wrong)
