"""One SQLite connection of a pool: checked before use, cleaned up after it."""

import asyncio
import logging
import os
import sqlite3
import time
import weakref
from contextlib import suppress
from typing import Any, Final, Protocol

import aiosqlite

_ROLLBACK: Final = 10.0
_INTERRUPT: Final = 0.05
_log: Final = logging.getLogger(__name__)


class Owner(Protocol):
    """The pool that a connection belongs to.

    Attributes:
        path: The file.
        lifetime: Seconds after which a connection is replaced.
        members: The open connections.
        replaced: Connections that were found dead, came back broken, or were too old.
    """

    path: str
    lifetime: float
    members: "set[Member]"
    replaced: int


class Tracked(sqlite3.Connection):
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


class Member:
    """A connection as aiosqlitepool sees it: its ``execute`` is the check before use, its ``rollback`` the return."""

    def __init__(self, pool: "Owner", connection: aiosqlite.Connection, raw: Tracked) -> None:
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
                await self._commit()
        finally:
            self._raw.returning = False

    async def _commit(self) -> None:
        try:
            await self.connection.commit()
        except BaseException:
            await self._roll_back()
            raise

    async def _roll_back(self) -> None:
        rolling = asyncio.create_task(self.connection.rollback())
        late = time.monotonic() + _ROLLBACK
        while not rolling.done() and time.monotonic() < late:
            # Who was cancelled may have left a statement running, or about to run, which would have to end first.
            with suppress(ValueError):  # the connection is closed, and ``rolling`` will say so
                await self.connection.interrupt()
            await asyncio.wait({rolling}, timeout=_INTERRUPT)
        if not rolling.done() or rolling.cancelled() or rolling.exception() is not None:
            rolling.cancel()
            _log.info("a connection is replaced because it could not roll back")
            self._retire()

    async def _answers(self, sql: str) -> bool:
        if self.expired or self._file != _identity(self._pool.path):
            return False
        try:
            await self.connection.execute_fetchall(sql)
        except (sqlite3.Error, ValueError):
            return False
        return True

    def _retire(self) -> None:
        self.dead = True
        self._pool.replaced += 1


def _identity(path: str) -> tuple[int, int]:
    """Which file it is. One that took the place of another, from a backup say, is not the one that is open."""
    try:
        found = os.stat(path)  # noqa: PTH116 - this is asked before each use
    except OSError:
        return (0, 0)
    return (found.st_dev, found.st_ino)
