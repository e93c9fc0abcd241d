"""What is particular to PostgreSQL; what pools have in common is tested in tests/mcp_server/performance."""

import asyncio
import itertools

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from adapters.postgres_pool import PostgresPool

_NUMBERS = itertools.count(1)


def named(url: str) -> tuple[str, str]:
    """The URL with an application name of its own, and that name."""
    name = f"pool_test_{next(_NUMBERS)}"
    return f"{url}{'&' if '?' in url else '?'}application_name={name}", name


def sessions(url: str, name: str) -> int:
    with psycopg.connect(url) as connection:
        found = connection.execute("SELECT count(*) FROM pg_stat_activity WHERE application_name = %s", (name,))
        row = found.fetchone()
    assert row is not None
    return int(row[0])


async def test_the_server_sees_no_more_sessions_than_the_pool_may_have(postgres_url: str) -> None:
    url, name = named(postgres_url)
    pool = PostgresPool(url, least=0, most=3, idle=300, lifetime=3600)
    await pool.open()
    connections = [await pool.take(20) for _ in range(3)]
    assert sessions(postgres_url, name) == 3
    for connection in connections:
        await pool.give_back(connection, failed=False)
    assert pool.idle == 3
    await pool.close()
    while sessions(postgres_url, name):  # noqa: ASYNC110
        await asyncio.sleep(0.01)  # the server ends them in its own time


async def test_the_reason_of_a_refusal_is_told(postgres_url: str) -> None:
    url = make_conninfo(postgres_url, dbname="no_such_database")
    pool = PostgresPool(url, least=0, most=1, idle=300, lifetime=3600)
    await pool.open()
    with pytest.raises(TimeoutError, match='database "no_such_database" does not exist'):
        await pool.take(0.5)
    await pool.close()


async def test_a_taker_that_is_cancelled_twice_loses_nothing(postgres_url: str) -> None:
    pool = PostgresPool(postgres_url, least=0, most=1, idle=300, lifetime=3600)
    await pool.open()
    for turns in range(12):
        taking = asyncio.create_task(pool.take(20))
        for _ in range(turns):
            await asyncio.sleep(0)
        taking.cancel()
        await asyncio.sleep(0)
        taking.cancel()
        try:
            connection = await taking
        except asyncio.CancelledError:
            continue
        await pool.give_back(connection, failed=False)
    connection = await pool.take(20)
    await pool.give_back(connection, failed=False)
    await pool.close()


def test_a_timeout_of_the_url_is_heeded() -> None:
    from adapters.postgres_pool import _connect_timeout

    assert _connect_timeout("postgresql://h/d?connect_timeout=3") == 3
    assert _connect_timeout("postgresql://h/d") == 10
