"""A log in a SQLite database, as the server's event loop sees it."""

import asyncio
import struct
import subprocess
from collections import deque
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final, NamedTuple, Self, cast

import msgspec

from adapters import sqlite_process
from adapters.sqlite_writer import CONFLICT, FAILED, READY, REPLY
from events.record import TOPIC
from pipeline.log import LogFailed, Row, VersionConflict

_HEAD: Final = struct.Struct(">I")  # the length of a frame

_encode_into = msgspec.msgpack.Encoder().encode_into


class _Submission(NamedTuple):
    """What was appended in one call and is not durable yet."""

    rows: int
    size: int
    done: Callable[[int], None]
    refused: Callable[[VersionConflict], None] | None


@asynccontextmanager
async def open_sqlite_log(path: Path) -> AsyncIterator["SqliteLog"]:
    """Open the log at ``path``, making it when there is none; close it at the end.

    Raises:
        LogFailed: It cannot be opened, or what was appended could not be stored while closing.
    """
    log = await SqliteLog.open(path)
    try:
        yield log
    finally:
        await log.close()


class SqliteLog:
    """Hands rows to the writer process; tells when they are durable."""

    def __init__(self, path: Path, process: subprocess.Popen[bytes]) -> None:
        """Made by ``open``."""
        self._path = path.absolute()
        self._process = process
        self._loop = asyncio.get_running_loop()
        self._link = _Link(self)
        self._queue: deque[_Submission] = deque()
        self._waiting = 0
        self._closing = False
        self._failure: LogFailed | None = None
        self._watchers: list[Callable[[LogFailed], None]] = []

    @classmethod
    async def open(cls, path: Path) -> Self:
        """Start the writer of the log at ``path``; wait until it is ready.

        Raises:
            LogFailed: It cannot be opened; says why and what to do.
        """
        process, ours = await asyncio.to_thread(sqlite_process.start, path)
        log = cls(path, process)
        await log._loop.create_unix_connection(lambda: log._link, sock=ours)
        try:
            async with asyncio.timeout(sqlite_process.START_SECONDS):
                await log._link.ready
        except BaseException as error:
            await log._abandon()
            if isinstance(error, TimeoutError):
                raise LogFailed(f"the writer of {log._path} was not ready in time") from error
            raise
        return log

    @property
    def waiting(self) -> int:
        return self._waiting

    @property
    def failure(self) -> LogFailed | None:
        return self._failure

    def append(
        self,
        rows: Sequence[Row],
        done: Callable[[int], None],
        refused: Callable[[VersionConflict], None] | None = None,
    ) -> None:
        """As ``Log`` says; rows that are stored already, byte for byte, are done at their old positions.

        ``refused`` is called in place of ``done`` when a stream has another record with that version; nothing of
        ``rows`` is stored then. Without it such a conflict is a failure of the log.
        """
        if self._failure is not None or self._closing:
            raise LogFailed(str(self._failure or f"{self._path} is closed"))
        frame = bytearray(_HEAD.size)
        _encode_into([[(session, version, TOPIC, state) for session, version, state in rows]], frame, -1)
        size = len(frame) - _HEAD.size
        _HEAD.pack_into(frame, 0, size)
        self._waiting += size
        self._queue.append(_Submission(len(rows), size, done, refused))
        self._link.transport.write(frame)

    def on_failure(self, failed: Callable[[LogFailed], None]) -> None:
        if self._failure is None:
            self._watchers.append(failed)
        else:
            self._loop.call_soon(failed, self._failure)

    async def close(self) -> None:
        """Make durable what was appended, then leave.

        Raises:
            LogFailed: It could not be made durable.
        """
        if self._closing:
            return
        self._closing = True
        failed_before = self._failure is not None
        if not failed_before:
            self._link.transport.write_eof()
        if not await asyncio.to_thread(sqlite_process.has_left, self._process):
            self.fail(f"the writer of {self._path} did not end in time")
            await asyncio.to_thread(sqlite_process.kill, self._process)
        await self._link.lost
        if self._failure is not None and not failed_before:
            raise self._failure

    async def _abandon(self) -> None:
        self._closing = True
        self._link.transport.abort()
        await asyncio.to_thread(sqlite_process.kill, self._process)

    def stored(self, submissions: int, position: int) -> None:
        """Take the writer's word that the oldest ``submissions`` are durable, from ``position`` on."""
        for _ in range(submissions):
            rows, size, done, _ = self._queue.popleft()
            self._waiting -= size
            done(position)
            position += rows

    def conflicted(self, text: str) -> None:
        """Take the writer's word that the oldest submission cannot be stored."""
        submission = self._queue.popleft()
        self._waiting -= submission.size
        if submission.refused is None:
            self.fail(text)
        else:
            submission.refused(VersionConflict(text))

    def fail(self, reason: str) -> None:
        """Store nothing from here on."""
        if self._failure is None:
            self._failure = LogFailed(reason)
            self._queue.clear()
            self._link.transport.abort()
            for failed in self._watchers:
                failed(self._failure)

    def left(self, error: Exception | None) -> None:
        """Take note that the writer has gone."""
        if error is not None and not isinstance(error, OSError):
            self.fail(f"what waited for {self._path} raised an error: {error!r}")
        elif self._queue or not self._closing:
            self.fail(f"the writer of {self._path} ended before its time")


class _Link(asyncio.Protocol):
    """Takes the writer's replies apart."""

    def __init__(self, log: SqliteLog) -> None:
        loop = asyncio.get_running_loop()
        self.ready: asyncio.Future[None] = loop.create_future()
        self.lost: asyncio.Future[None] = loop.create_future()
        self.transport: asyncio.Transport
        self._log = log
        self._held = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        held = self._held + data
        start = 0
        while (end := start + REPLY.size) <= len(held):
            kind, number, position = REPLY.unpack_from(held, start)
            text = ""
            if kind in {CONFLICT, FAILED}:
                text = held[end : end + number].decode()
                end += number
                if end > len(held):
                    break
            start = end
            self._take(kind, number, position, text)
        self._held = held[start:]

    def _take(self, kind: int, number: int, position: int, text: str) -> None:
        if kind == FAILED and not self.ready.done():
            self.ready.set_exception(LogFailed(text))
        elif kind == FAILED:
            self._log.fail(text)
        elif kind == CONFLICT:
            self._log.conflicted(text)
        elif kind == READY:
            self.ready.set_result(None)
        else:
            self._log.stored(number, position)

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.ready.done():
            self.ready.set_exception(LogFailed("the writer of the log ended before it was ready"))
        self._log.left(exc)
        self.lost.set_result(None)
