"""Connections to PostgreSQL, kept open between uses by psycopg's pool."""

import asyncio
import logging
import time
from collections.abc import Coroutine
from typing import Any, Final, Self, TypeVar

import psycopg
from psycopg.conninfo import conninfo_to_dict
from psycopg.rows import TupleRow
from psycopg_pool import AsyncConnectionPool, PoolClosed, PoolTimeout

_CHECK: Final = 5.0
_ROLLBACK: Final = 10.0
_RECONNECT: Final = 10.0
_log: Final = logging.getLogger(__name__)
T = TypeVar("T")


class _Connection(psycopg.AsyncConnection[TupleRow]):
    """Tells its pool why it could not be made, and when it is closed for its age."""

    pool: "PostgresPool | None" = None
    fresh = True

    @classmethod
    async def connect(  # type: ignore[override]  # psycopg_pool passes the pool through
        cls, conninfo: str = "", *, pool: "PostgresPool | None" = None, **kwargs: Any
    ) -> Self:
        try:
            made = await super().connect(conninfo, **kwargs)
        except psycopg.Error as error:
            if pool is not None:
                pool.trouble = str(error)
            raise
        if pool is not None:
            pool.trouble = ""
        made.pool = pool
        return made

    @property
    def expired(self) -> bool:
        """Whether it is older than the pool wants any to be."""
        return self._expire_at <= time.monotonic()

    async def close(self) -> None:
        if self.pool is not None and not self.closed and self.expired:
            self.pool.aged += 1
        await super().close()


class PostgresPool:
    """The connections of one URL. Whoever uses it takes no more than ``most`` of them at a time.

    Args:
        url: Where the database is, as libpq reads it.
        least: Connections that are kept open.
        most: Connections that are open at once.
        idle: Seconds after which the pool closes one connection that it did not need, if there are more than ``least``.
        lifetime: Seconds after which a connection is replaced.

    Raises:
        ValueError: libpq cannot read the URL. The reason is left out, because libpq's repeats the password.

    Attributes:
        trouble: Why the last attempt to connect failed; empty when none did.
        aged: Connections that were closed for their age.
    """

    def __init__(self, url: str, *, least: int, most: int, idle: float, lifetime: float) -> None:
        self.trouble = ""
        self.aged = 0
        self._background: set[asyncio.Task[Any]] = set()
        self._sweep: asyncio.Task[None] | None = None
        self._pool = AsyncConnectionPool(
            url,
            connection_class=_Connection,
            kwargs={"pool": self, "connect_timeout": _connect_timeout(url)},
            min_size=least,
            max_size=most,
            open=False,
            check=self._check,
            max_idle=idle,
            max_lifetime=lifetime,
            # After this many seconds psycopg stops doubling its delay, and the next who asks has it connect at once.
            reconnect_timeout=_RECONNECT,
        )

    @property
    def idle(self) -> int:
        """Connections that nobody uses."""
        return self._pool.get_stats()["pool_available"]

    @property
    def replaced(self) -> int:
        """Connections that were found dead, came back broken, or were too old."""
        figures = self._pool.get_stats()
        return self.aged + figures.get("connections_lost", 0) + figures.get("returns_bad", 0)

    async def open(self) -> None:
        """Begin to connect, in the background."""
        await self._pool.open(wait=False)

    async def take(self, seconds: float) -> _Connection:
        """A connection that answers.

        Raises:
            TimeoutError: There is none after so many seconds; with the reason, if an attempt to connect failed.
            ConnectionError: The pool was closed meanwhile.
        """
        taking = self._watch(self._pool.getconn(seconds))
        try:
            async with asyncio.timeout(seconds):
                return await asyncio.shield(taking)
        except PoolTimeout:
            raise TimeoutError(self.trouble) from None
        except PoolClosed as error:
            raise ConnectionError(str(error)) from None
        except (asyncio.CancelledError, TimeoutError) as reason:
            # psycopg keeps the connection when it is cancelled once, and may lose it the second time.
            taking.cancel()
            taking.add_done_callback(self._unwanted)
            if isinstance(reason, TimeoutError):
                raise TimeoutError(self.trouble) from None
            raise

    async def give_back(self, connection: _Connection, *, failed: bool) -> None:
        """Commit, or roll back if its use ``failed``, and keep the connection for the next."""
        try:
            if failed:
                await _roll_back(connection)
            else:
                await connection.commit()
            if connection.autocommit:
                await connection.set_autocommit(False)
        finally:
            await self._pool.putconn(connection)

    async def close(self) -> None:
        """Close the connections; those that are in use, when they come back."""
        while self._background:
            await asyncio.wait(self._background)
        await self._pool.close()

    async def _check(self, connection: _Connection) -> None:
        try:
            if connection.expired and not connection.fresh:
                raise psycopg.OperationalError("the connection is too old")
            async with asyncio.timeout(_CHECK):
                await self._pool.check_connection(connection)
            connection.fresh = False
        except (psycopg.Error, TimeoutError):
            await self._check_others()
            raise

    async def _check_others(self) -> None:
        """Find those that died together, or are as old, at once.

        psycopg would come upon them one by one, and wait longer after each: one second, two, four.
        """
        if self._sweep is None or self._sweep.done():
            self._sweep = self._watch(self._pool.check())
        await asyncio.wait({self._sweep}, timeout=_CHECK)  # not cancelled: it holds all idle connections in its hands

    def _watch(self, doing: Coroutine[Any, Any, T]) -> "asyncio.Task[T]":
        """Have it done to the end, whoever is cancelled."""
        task = asyncio.get_running_loop().create_task(doing)
        self._background.add(task)
        task.add_done_callback(self._background.discard)
        return task

    def _unwanted(self, taking: "asyncio.Task[_Connection]") -> None:
        """Put back what came although nobody waits for it any more."""
        if not taking.cancelled() and taking.exception() is None:
            self._watch(self._pool.putconn(taking.result()))


def _connect_timeout(url: str) -> int:
    """Seconds that an attempt to connect may take: the URL's own, or libpq's usual bound."""
    try:
        read = conninfo_to_dict(url)
    except psycopg.Error:
        read = None
    if read is None:  # raised out here, so that the error does not carry libpq's along
        raise ValueError("libpq cannot read it; percent-encode special characters, above all in the password")
    return int(read.get("connect_timeout") or _RECONNECT)


async def _roll_back(connection: _Connection) -> None:
    """Undo what was begun. A connection that cannot is closed, and the pool makes another."""
    try:
        async with asyncio.timeout(_ROLLBACK):
            await connection.rollback()
    except (psycopg.Error, TimeoutError) as error:
        _log.info("a connection is replaced because it could not roll back: %s", type(error).__name__)
        await connection.close()
