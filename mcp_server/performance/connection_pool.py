"""Database connections that are kept open between uses, for PostgreSQL and SQLite alike."""

import asyncio
import os
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any, Final, Protocol, Self

from msgspec import Struct

from mcp_server.performance.database_url import DatabaseUrl

_POOL_SIZE: Final = 5
_MAX_OVERFLOW: Final = 10
_POOL_TIMEOUT: Final = 30.0


class PoolExhausted(TimeoutError):
    """Every connection is in use, and none came free in time."""


class PoolClosed(RuntimeError):
    """The pool was closed; another one has to be made."""


class DatabaseUnreachable(ConnectionError):
    """No connection could be made; says to where and why, without the password."""


class ConnectionPoolConfig(Struct, frozen=True):
    """What a pool keeps, and how long one waits for it.

    Attributes:
        min_connections: Connections that are kept open.
        max_connections: Connections that are open at once.
        connection_timeout: Seconds that one waits for a connection.
        idle_timeout: Seconds after which an unused connection is closed, if there are more than ``min_connections``.
        max_lifetime: Seconds after which a connection is replaced, the next time that nobody uses it.
        max_waiting: Callers that wait at once; one more is refused without waiting.

    Raises:
        ValueError: A value makes no sense; says which.
    """

    min_connections: int = 1
    max_connections: int = 10
    connection_timeout: float = 30.0
    idle_timeout: float = 300.0
    max_lifetime: float = 3600.0
    max_waiting: int = 1000

    def __post_init__(self) -> None:
        if not 0 <= self.min_connections <= self.max_connections:
            raise ValueError(
                f"min_connections ({self.min_connections}) must be from 0 to max_connections ({self.max_connections})"
            )
        for name in ("max_connections", "connection_timeout", "idle_timeout", "max_lifetime"):
            if not getattr(self, name) > 0:
                raise ValueError(f"{name} must be above 0, it is {getattr(self, name)}")
        if self.max_waiting < 0:
            raise ValueError(f"max_waiting must not be below 0, it is {self.max_waiting}")

    @classmethod
    def from_settings(cls, database: Mapping[str, Any]) -> Self:
        """The configuration that ``{"pool_size": 20, "max_overflow": 40, "pool_timeout": 30}`` means.

        The names are SQLAlchemy's, and so is their meaning: ``pool_size`` connections are kept, ``max_overflow`` more
        may be open when they are all in use, and ``pool_timeout`` is how many seconds one waits then.

        Raises:
            ValueError: A name is not known, or a value makes no sense.
        """
        known = ("pool_size", "max_overflow", "pool_timeout")
        if unknown := sorted(set(database) - set(known)):
            raise ValueError(f"database: there is no setting {unknown[0]!r}, there are {', '.join(known)}")
        size = database.get("pool_size", _POOL_SIZE)
        overflow = database.get("max_overflow", _MAX_OVERFLOW)
        if not (isinstance(size, int) and isinstance(overflow, int) and size >= 0 <= overflow and size + overflow):
            raise ValueError(
                f"database: pool_size ({size}) and max_overflow ({overflow}) must be whole numbers, not both 0"
            )
        return cls(size, size + overflow, float(database.get("pool_timeout", _POOL_TIMEOUT)))


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


class Backend(Protocol):
    """The connections of one database. No more than ``max_connections`` are taken from it at a time."""

    @property
    def idle(self) -> int:
        """Connections that nobody uses."""

    @property
    def replaced(self) -> int:
        """Connections that were replaced."""

    async def open(self) -> None:
        """Begin. Raises ``ConnectionError`` when it is clear that no connection can be made."""

    async def take(self, seconds: float) -> Any:
        """A connection that answers; ``TimeoutError`` or ``ConnectionError``, with the reason if known, if none does.

        A caller that is cancelled loses none.
        """

    async def give_back(self, connection: Any, *, failed: bool) -> None:
        """End the transaction of ``connection``, and keep it for the next."""

    async def close(self) -> None:
        """Close the connections; those that are in use, when they come back."""


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
        self._backend = _backend(self._url, self.config)
        self._opening = asyncio.Lock()
        self._opened = False
        self._closed = False
        self._free = asyncio.Semaphore(self.config.max_connections)
        self._in_use = 0
        self._waiting = 0
        self._timeouts = 0
        self._returning: set[asyncio.Task[None]] = set()

    def __repr__(self) -> str:
        return f"<ConnectionPool {self._url}, {self._in_use} of {self.config.max_connections} in use>"

    async def __aenter__(self) -> Self:
        await self.open()
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
        """Open the pool, and make sure that the database answers.

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
        async with self._opening:
            while self._returning:
                await asyncio.wait(self._returning)
            await self._backend.close()

    @asynccontextmanager
    async def get_connection(self) -> AsyncIterator[Any]:
        """A connection that answers, for the length of the block.

        It is psycopg's ``AsyncConnection`` or aiosqlite's ``Connection``; of both, ``await conn.execute(sql, values)``
        gives a cursor. What was done is committed when the block ends, and rolled back when it raises.

        Raises:
            PoolExhausted: All connections are in use, and none came free within ``connection_timeout``.
            DatabaseUnreachable: There was leave to make one, and it could not be made.
            PoolClosed: The pool was closed.
        """
        connection = await self._take()
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

    async def _take(self) -> Any:
        self._check_open()
        began = time.monotonic()
        await self._wait_for_leave(began)
        try:
            await self._open_backend()
            left = self.config.connection_timeout - (time.monotonic() - began)
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

    def _check_open(self) -> None:
        if self._closed:
            raise PoolClosed(f"the pool of {self._url} was closed: make another")

    async def _wait_for_leave(self, began: float) -> None:
        if self._waiting >= self.config.max_waiting and self._free.locked():
            raise self._exhausted(began)
        self._waiting += 1
        try:
            async with asyncio.timeout(self.config.connection_timeout):
                await self._free.acquire()
        except TimeoutError:
            raise self._exhausted(began) from None
        finally:
            self._waiting -= 1

    async def _open_backend(self) -> None:
        self._check_open()
        if self._opened:
            return
        async with self._opening:
            self._check_open()
            if not self._opened:
                await self._backend.open()
                self._opened = True

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
            f"{self._waiting} callers wait. Raise max_connections (pool_size + max_overflow), which is {most}, or "
            f"connection_timeout (pool_timeout), which is {self.config.connection_timeout:g} s; or hold them for less"
        )

    def _unreachable(self, error: Exception, began: float) -> DatabaseUnreachable:
        if isinstance(error, TimeoutError):
            self._timeouts += 1
        reason = " ".join(self._url.scrub(str(error)).split()) or "no attempt to connect has come to an end"
        waited = time.monotonic() - began
        return DatabaseUnreachable(f"no connection to {self._url} could be made in {waited:.1f} s: {reason}")


def _backend(url: DatabaseUrl, config: ConnectionPoolConfig) -> Backend:
    least, most = config.min_connections, config.max_connections
    idle, lifetime = config.idle_timeout, config.max_lifetime
    if url.kind == "sqlite":
        from adapters.sqlite_pool import SqlitePool

        return SqlitePool(url.path, url.sqlite_uri, least=least, most=most, idle=idle, lifetime=lifetime)
    from adapters.postgres_pool import PostgresPool

    try:
        return PostgresPool(url.secret, least=least, most=most, idle=idle, lifetime=lifetime)
    except ValueError as error:
        raise ValueError(f"{url}: {error}") from None
