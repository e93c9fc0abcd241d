"""Connections to an SQLite file, kept open between uses by aiosqlitepool.

aiosqlitepool 1.0 has a size and checks a connection before it hands it out. It lacks what is added here: a lifetime,
closing what nobody needs, connections that stay open in any case, and safety when a taker is cancelled. A cancelled
``acquire`` loses the connection that it was checking, so it is never cancelled here; and one that comes back broken
wakes nobody, so nobody waits in it: its users take no more than it has.
"""

import asyncio
import logging
import os
import sqlite3
import time
import weakref
from contextlib import AbstractAsyncContextManager
from typing import Any, Final

import aiosqlite
from aiosqlitepool import SQLiteConnectionPool  # type: ignore[import-untyped]

_NEVER: Final = 10**9
_ROLLBACK: Final = 10.0
_INTERRUPT: Final = 0.05
_log: Final = logging.getLogger(__name__)


class _Tracked(sqlite3.Connection):
    """Closes its cursors, and begins transactions by itself again, when it comes back.

    One that is left with rows to read would hold its snapshot open, and the next user of the connection would see the
    database as it was then.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.returning = False
        self._cursors: weakref.WeakSet[sqlite3.Cursor] = weakref.WeakSet()

    def cursor(self, *args: Any) -> Any:
        made = super().cursor(*args)
        self._cursors.add(made)
        return made

    def execute(self, sql: str, parameters: Any = (), /) -> Any:
        return self.cursor().execute(sql, parameters)

    def executemany(self, sql: str, parameters: Any, /) -> Any:
        return self.cursor().executemany(sql, parameters)

    def executescript(self, script: str, /) -> Any:
        return self.cursor().executescript(script)

    def commit(self) -> None:
        self._settle()
        super().commit()

    def rollback(self) -> None:
        self._settle()
        super().rollback()

    def _settle(self) -> None:
        if self.returning:
            self.isolation_level = "DEFERRED"
            for cursor in list(self._cursors):
                cursor.close()


class _Member:
    """A connection as aiosqlitepool sees it: its ``execute`` is the check before use, its ``rollback`` the return."""

    def __init__(self, pool: "SqlitePool", connection: aiosqlite.Connection, raw: _Tracked) -> None:
        self.connection = connection
        self.idle_since: float | None = None
        self.dead = False
        self.closed = False
        self._raw = raw
        self._pool = pool
        self._expires = time.monotonic() + pool.lifetime
        self._file = _identity(pool.path)
        self._fresh = True

    async def execute(self, sql: str) -> None:
        """Answer ``sql``, or be replaced: to aiosqlitepool that is what a timeout means."""
        self.idle_since = None
        if not (self._fresh or self.dead or await self._answers(sql)):
            self._retire()
        self._fresh = False
        if self.dead:
            raise TimeoutError

    async def rollback(self) -> None:
        """Be there for the next, unless something is wrong."""
        if not self.dead and self.expired:
            self._retire()
        if self.dead:
            raise TimeoutError
        self.idle_since = time.monotonic()

    async def close(self) -> None:
        if not self.closed:
            self.dead = self.closed = True
            self._pool.members.discard(self)
            await self.connection.close()

    @property
    def expired(self) -> bool:
        """Whether it is older than the pool wants any to be."""
        return time.monotonic() >= self._expires

    async def settle(self, *, failed: bool) -> None:
        """Commit, or roll back if the use of the connection ``failed``; what cannot be rolled back is dead."""
        self._raw.returning = True
        try:
            if failed:
                await self._roll_back()
            else:
                await self.connection.commit()
        except BaseException:
            await self._roll_back()
            raise
        finally:
            self._raw.returning = False

    async def _roll_back(self) -> None:
        rolling = asyncio.create_task(self.connection.rollback())
        try:
            async with asyncio.timeout(_ROLLBACK):
                # Who was cancelled may have left a statement running, or about to run, which would have to end first.
                while not rolling.done():
                    await self.connection.interrupt()
                    await asyncio.wait({rolling}, timeout=_INTERRUPT)
            await rolling
        except (sqlite3.Error, ValueError, TimeoutError) as error:
            _log.info("a connection is replaced because it could not roll back: %s", type(error).__name__)
            self._retire()

    async def _answers(self, sql: str) -> bool:
        if self.expired or self._file != _identity(self._pool.path):
            return False
        try:
            await (await self.connection.execute(sql)).close()
        except (sqlite3.Error, ValueError):
            return False
        return True

    def _retire(self) -> None:
        self.dead = True
        self._pool.replaced += 1


class SqlitePool:
    """The connections of one file. Whoever uses it takes no more than ``most`` of them at a time.

    Args:
        path: The file.
        uri: The same as a URI, with options (https://sqlite.org/uri.html).
        least: Connections that are kept open.
        most: Connections that are open at once.
        idle: Seconds after which a connection that nobody used is closed, if there are more than ``least``.
        lifetime: Seconds after which a connection is replaced.
        busy: Seconds that a statement waits for the lock of another connection.

    Attributes:
        members: The open connections.
        replaced: Connections that were found dead, came back broken, or were too old.
    """

    def __init__(
        self, path: str, uri: str, *, least: int, most: int, idle: float, lifetime: float, busy: float = 5.0
    ) -> None:
        self.path = path
        self.lifetime = lifetime
        self.members: set[_Member] = set()
        self.replaced = 0
        self._uri = uri
        self._least = least
        self._idle = idle
        self._busy = busy
        self._closed = False
        self._lent: dict[aiosqlite.Connection, tuple[_Member, AbstractAsyncContextManager[_Member]]] = {}
        self._background: set[asyncio.Task[Any]] = set()
        self._tending: asyncio.Task[None] | None = None
        self._pool = SQLiteConnectionPool(
            self._connect, pool_size=most, acquisition_timeout=_NEVER, idle_timeout=_NEVER, operation_timeout=10
        )

    @property
    def idle(self) -> int:
        """Connections that nobody uses."""
        return sum(member.idle_since is not None for member in self.members)

    async def open(self) -> None:
        """Open the connections that are kept open.

        Raises:
            ConnectionError: The file cannot be opened as a database.
        """
        try:
            for _ in range(self._least):
                await self._take()
        finally:
            for connection in list(self._lent):
                await self.give_back(connection, failed=True)
        self._tending = asyncio.create_task(self._tend())

    async def take(self, seconds: float) -> aiosqlite.Connection:
        """A connection that answers.

        Raises:
            TimeoutError: There is none after so many seconds.
            ConnectionError: The file cannot be opened as a database.
        """
        taking = asyncio.create_task(self._take())
        self._watch(taking)
        try:
            async with asyncio.timeout(seconds):
                return await asyncio.shield(taking)
        except (asyncio.CancelledError, TimeoutError):
            taking.add_done_callback(self._unwanted)
            raise

    async def give_back(self, connection: aiosqlite.Connection, *, failed: bool) -> None:
        """Commit, or roll back if its use ``failed``, and keep the connection for the next."""
        member, lease = self._lent[connection]
        try:
            await member.settle(failed=failed)
        finally:
            del self._lent[connection]
            member.dead |= self._closed
            await lease.__aexit__(None, None, None)

    async def close(self) -> None:
        """Close the connections; those that are in use, when they come back."""
        self._closed = True
        if self._tending is not None:
            self._tending.cancel()
            await asyncio.wait({self._tending})
        while self._background:
            await asyncio.wait(self._background)
        await self._close_idle(0, self.members)

    async def _take(self) -> aiosqlite.Connection:
        lease: AbstractAsyncContextManager[_Member] = self._pool.connection()
        member = await lease.__aenter__()
        self._lent[member.connection] = (member, lease)
        return member.connection

    async def _connect(self) -> _Member:
        raw: list[_Tracked] = []

        def make(*args: Any, **kwargs: Any) -> _Tracked:
            raw.append(_Tracked(*args, **kwargs))
            return raw[0]

        connection = aiosqlite.connect(self._uri, uri=True, timeout=self._busy, factory=make)
        try:
            await connection
            await (await connection.execute("PRAGMA schema_version")).close()
        except sqlite3.Error as error:
            await connection.close()
            raise ConnectionError(str(error)) from error
        member = _Member(self, connection, raw[0])
        self.members.add(member)
        return member

    def _watch(self, task: "asyncio.Task[Any]") -> None:
        self._background.add(task)
        task.add_done_callback(self._background.discard)

    def _unwanted(self, taking: "asyncio.Task[aiosqlite.Connection]") -> None:
        """Put back what came although its taker was cancelled."""
        if not taking.cancelled() and taking.exception() is None:
            self._watch(asyncio.get_running_loop().create_task(self.give_back(taking.result(), failed=True)))

    async def _tend(self) -> None:
        """Close what was not used for long. When the event loop ends, close all: their threads would outlive it."""
        try:
            while True:
                await asyncio.sleep(max(0.05, self._idle / 4))
                before = time.monotonic() - self._idle
                stale = [each for each in self.members if each.idle_since is not None and each.idle_since <= before]
                await self._close_idle(self._least, stale)
        finally:
            await self._close_idle(0, self.members)

    async def _close_idle(self, least: int, candidates: "set[_Member] | list[_Member]") -> None:
        """Close idle connections among ``candidates``, the longest idle first, while there are more than ``least``."""
        idle = [(each.idle_since, each) for each in candidates if each.idle_since is not None]
        idle.sort(key=lambda pair: pair[0])
        for _, member in idle[: max(0, len(self.members) - least)]:
            member.dead = True  # so that nobody is given it meanwhile
            member.idle_since = None
            await member.close()


def _identity(path: str) -> tuple[int, int]:
    """Which file it is. One that took the place of another, from a backup say, is not the one that is open."""
    try:
        found = os.stat(path)  # noqa: PTH116 - this is asked before each use
    except OSError:
        return (0, 0)
    return (found.st_dev, found.st_ino)
