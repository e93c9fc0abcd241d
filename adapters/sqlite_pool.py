"""Connections to an SQLite file, kept open between uses by aiosqlitepool.

aiosqlitepool 1.0 has a size and checks a connection before it hands it out. It lacks what is added here: a lifetime,
closing what nobody needs, connections that stay open in any case, and safety when a taker is cancelled. A cancelled
``acquire`` loses the connection that it was checking, so it is never cancelled here; and one that comes back broken
wakes nobody, so nobody waits in it: its users take no more than it has.
"""

import asyncio
import sqlite3
import time
from contextlib import AbstractAsyncContextManager
from typing import Any, Final

import aiosqlite
from aiosqlitepool import SQLiteConnectionPool  # type: ignore[import-untyped]  # it has no py.typed

from adapters.sqlite_pool_member import Member, Tracked

_NEVER: Final = 10**9


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
        self.members: set[Member] = set()
        self.replaced = 0
        self._uri = uri
        self._least = least
        self._idle = idle
        self._busy = busy
        self._closed = False
        self._lent: dict[aiosqlite.Connection, tuple[Member, AbstractAsyncContextManager[Member]]] = {}
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
        lease: AbstractAsyncContextManager[Member] = self._pool.connection()
        member = await lease.__aenter__()
        self._lent[member.connection] = (member, lease)
        return member.connection

    async def _connect(self) -> Member:
        raw: list[Tracked] = []

        def make(*args: Any, **kwargs: Any) -> Tracked:
            raw.append(Tracked(*args, **kwargs))
            return raw[0]

        connection = aiosqlite.connect(self._uri, uri=True, timeout=self._busy, factory=make)
        try:
            await connection
            await connection.execute_fetchall("PRAGMA schema_version")
        except sqlite3.Error as error:
            await connection.close()
            raise ConnectionError(str(error)) from error
        member = Member(self, connection, raw[0])
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
            self._closed = True
            await self._close_idle(0, self.members)

    async def _close_idle(self, least: int, candidates: "set[Member] | list[Member]") -> None:
        """Close idle connections among ``candidates``, the longest idle first, while there are more than ``least``."""
        idle = [(each.idle_since, each) for each in candidates if each.idle_since is not None]
        idle.sort(key=lambda pair: pair[0])
        for _, member in idle[: max(0, len(self.members) - least)]:
            member.dead = True  # so that nobody is given it meanwhile
            member.idle_since = None
            await member.close()
