"""Database connections that are kept open between uses, for PostgreSQL and SQLite alike."""

import asyncio
import os
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Self

from msgspec import Struct

from mcp_server.performance.database_url import DatabaseUrl
from mcp_server.performance.pool_backend import backend_for
from mcp_server.performance.pool_config import ConnectionPoolConfig


class PoolExhausted(TimeoutError):
    """Every connection is in use, and none came free in time."""


class PoolClosed(RuntimeError):
    """The pool was closed; another one has to be made."""


class DatabaseUnreachable(ConnectionError):
    """No connection could be made; says to where and why, without the password."""


class PoolStatistics(Struct, frozen=True):
    """The figures of a pool.

    Attributes:
        size: Open connections.
        idle: Those that nobody uses.
        in_use: Those that somebody uses.
        waiting: Callers that wait for one.
        timeouts: How often a caller got none in time.
        replaced: Connections that were found dead, came back broken, or were too old.
    """

    size: int
    idle: int
    in_use: int
    waiting: int
    timeouts: int
    replaced: int


class ConnectionPool:
    """Connections to one database, made when first needed.

    Args:
        config: What is kept, and how long one waits for it.
        url: Where the database is: ``postgresql://user:password@host:port/name`` or ``sqlite:///path``. The environment
            variable ``DATABASE_URL`` when None.

    Raises:
        ValueError: There is no URL, or it is none that is understood.
    """

    def __init__(self, config: ConnectionPoolConfig | None = None, url: str | None = None) -> None:
        self.config = config or ConnectionPoolConfig()
        given = url if url is not None else os.environ.get("DATABASE_URL", "")
        if not given:
            raise ValueError("which database? give ConnectionPool a URL, or set DATABASE_URL")
        self._url = DatabaseUrl(given)
        self._backend = backend_for(self._url, self.config)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._opening: asyncio.Task[None] | None = None
        self._closed = False
        self._free = asyncio.Semaphore(self.config.max_connections)
        self._in_use = 0
        self._waiting = 0
        self._timeouts = 0
        self._returning: set[asyncio.Task[None]] = set()

    def __repr__(self) -> str:
        return f"<ConnectionPool {self._url}, {self._in_use} of {self.config.max_connections} in use>"

    async def __aenter__(self) -> Self:
        try:
            await self.open()
        except BaseException:
            await self.close()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    @property
    def statistics(self) -> PoolStatistics:
        """The figures of this moment."""
        idle = self._backend.idle
        return PoolStatistics(
            idle + self._in_use, idle, self._in_use, self._waiting, self._timeouts, self._backend.replaced
        )

    async def open(self) -> None:
        """Open the pool, and make sure that the database answers. After a failure it may be tried again.

        Raises:
            DatabaseUnreachable: It does not.
            PoolClosed: The pool was closed.
        """
        async with self.get_connection():
            pass

    async def close(self) -> None:
        """Close the connections; those that are in use, when they come back. Who waits for one gets ``PoolClosed``."""
        self._closed = True
        for _ in range(self._waiting):
            self._free.release()
        if self._opening is not None:
            await asyncio.wait({self._opening})
        while self._returning:
            await asyncio.wait(self._returning)
        await self._backend.close()

    @asynccontextmanager
    async def get_connection(self, timeout: float | None = None) -> AsyncIterator[Any]:  # noqa: ASYNC109 - the wait, not the block
        """A connection that answers, for the length of the block.

        It is psycopg's ``AsyncConnection`` or aiosqlite's ``Connection``; of both, ``await conn.execute(sql, values)``
        gives a cursor. What was done is committed when the block ends, and rolled back when it raises.

        Args:
            timeout: Seconds that this caller waits for it; ``connection_timeout`` when None.

        Raises:
            PoolExhausted: All connections are in use, and none came free in that time.
            DatabaseUnreachable: There was leave to make one, and it could not be made.
            PoolClosed: The pool was closed.
            RuntimeError: The pool belongs to another event loop.
        """
        connection = await self._take(self.config.connection_timeout if timeout is None else timeout)
        failed = True
        try:
            yield connection
            failed = False
        finally:
            # In a task of its own, which is not cancelled with this one: the connection comes back in any case.
            returning = asyncio.create_task(self._give_back(connection, failed=failed))
            self._returning.add(returning)
            returning.add_done_callback(self._returning.discard)
            await asyncio.shield(returning)

    async def _take(self, seconds: float) -> Any:
        self._check_loop()
        self._check_open()
        began = time.monotonic()
        await self._wait_for_leave(began, seconds)
        try:
            await self._open_backend()
            left = seconds - (time.monotonic() - began)
            connection = await self._backend.take(max(left, 0.001))
        except (TimeoutError, ConnectionError) as error:
            self._free.release()
            reason = self._unreachable(error, began)
        except BaseException:
            self._free.release()
            raise
        else:
            self._in_use += 1
            return connection
        self._check_open()
        raise reason

    def _check_loop(self) -> None:
        loop = asyncio.get_running_loop()
        if self._loop is None:
            self._loop = loop
        elif self._loop is not loop:
            raise RuntimeError(
                f"the pool of {self._url} belongs to the event loop that used it first, and this is another one: what "
                "needs a connection has to be an async function there, not one that runs a loop of its own in a thread"
            )

    def _check_open(self) -> None:
        if self._closed:
            raise PoolClosed(f"the pool of {self._url} was closed: make another")

    async def _wait_for_leave(self, began: float, seconds: float) -> None:
        if self._waiting >= self.config.max_waiting and self._free.locked():
            raise self._exhausted(began)
        self._waiting += 1
        try:
            async with asyncio.timeout(seconds):
                await self._free.acquire()
        except TimeoutError:
            free = False
        else:
            free = True
        finally:
            self._waiting -= 1
        if not free:
            raise self._exhausted(began)

    async def _open_backend(self) -> None:
        """Open the backend once, for all who wait for it; after a failure the next who comes tries again."""
        self._check_open()
        opening = self._opening
        if opening is None or (opening.done() and (opening.cancelled() or opening.exception())):
            opening = self._opening = asyncio.create_task(self._backend.open())
        if not opening.done():
            await asyncio.shield(opening)

    async def _give_back(self, connection: Any, *, failed: bool) -> None:
        try:
            await self._backend.give_back(connection, failed=failed)
        finally:
            self._in_use -= 1
            self._free.release()

    def _exhausted(self, began: float) -> PoolExhausted:
        self._timeouts += 1
        most, waited = self.config.max_connections, time.monotonic() - began
        return PoolExhausted(
            f"no connection to {self._url} came free in {waited:.1f} s: {self._in_use} of {most} are in use, and "
            f"{self._waiting} others wait, of {self.config.max_waiting} that may (max_waiting). Raise max_connections "
            f"(pool_size + max_overflow), which is {most}, or connection_timeout (pool_timeout), which is "
            f"{self.config.connection_timeout:g} s; or hold connections for less"
        )

    def _unreachable(self, error: Exception, began: float) -> DatabaseUnreachable:
        if isinstance(error, TimeoutError):
            self._timeouts += 1
        reason = " ".join(self._url.scrub(str(error)).split()) or "no attempt to connect has come to an end"
        waited = time.monotonic() - began
        return DatabaseUnreachable(f"no connection to {self._url} could be made in {waited:.1f} s: {reason}")
