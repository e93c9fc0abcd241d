"""The two databases that a pool is tested over, and what the tests need to know of each."""

import asyncio
import itertools
import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any, Protocol

import psycopg

from mcp_server.performance import ConnectionPool, ConnectionPoolConfig

_NUMBERS = itertools.count(1)


class Database(Protocol):
    """A database with a table ``(word text)`` that is empty."""

    url: str
    table: str
    slow: str
    """A statement that does not end by itself."""

    async def kill(self, pool: ConnectionPool, most: int) -> None:
        """Make the ``most`` connections of ``pool``, which nobody uses, useless."""

    async def words(self) -> list[str]:
        """What is in the table, seen from outside."""


class Postgres:
    slow = "SELECT pg_sleep(600)"

    def __init__(self, url: str) -> None:
        self.url = url
        self.table = f"pool_words_{next(_NUMBERS)}"
        with psycopg.connect(url) as connection:
            connection.execute(f"DROP TABLE IF EXISTS {self.table}")
            connection.execute(f"CREATE TABLE {self.table} (word text)")

    async def kill(self, pool: ConnectionPool, most: int) -> None:
        async with holding(pool, most) as connections:
            pids = [connection.info.backend_pid for connection in connections]
        with psycopg.connect(self.url, autocommit=True) as connection:
            for pid in pids:
                connection.execute("SELECT pg_terminate_backend(%s, 10000)", (pid,))

    async def words(self) -> list[str]:
        with psycopg.connect(self.url) as connection:
            return [row[0] for row in connection.execute(f"SELECT word FROM {self.table} ORDER BY word")]


class Sqlite:
    slow = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT max(i) FROM n"
    table = "words"

    def __init__(self, folder: Path) -> None:
        self.path = folder / "pooled.db"
        self.url = f"sqlite:///{self.path}"
        connection = sqlite3.connect(self.path)
        connection.execute("CREATE TABLE words (word text)")
        connection.close()

    async def kill(self, pool: ConnectionPool, most: int) -> None:
        async with holding(pool, most) as connections:
            found = list(connections)
        for connection in found:
            await connection.close()

    async def words(self) -> list[str]:
        connection = sqlite3.connect(self.path)
        try:
            return [row[0] for row in connection.execute("SELECT word FROM words ORDER BY word")]
        finally:
            connection.close()


@asynccontextmanager
async def holding(pool: ConnectionPool, count: int) -> AsyncIterator[list[Any]]:
    """So many connections of the pool at once."""
    async with AsyncExitStack() as stack:
        yield [await stack.enter_async_context(pool.get_connection()) for _ in range(count)]


def config(most: int = 2, *, least: int = 0, timeout: float = 20.0, **more: Any) -> ConnectionPoolConfig:
    return ConnectionPoolConfig(least, most, timeout, **more)


async def until(true: Callable[[], bool]) -> None:
    """Let others work until it is true; the test's own timeout ends this."""
    while not true():  # noqa: ASYNC110
        await asyncio.sleep(0.005)
