"""MCP over standard input and output: one message a line, nothing else on standard output.

Source: MCP 2025-11-25 and 2026-07-28, basic/transports, stdio.
"""

import asyncio
import hashlib
import os
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final, cast

from adapters.sessions import Gate, Session
from events import codes
from events.event import Decided, Observed, Origin
from events.jsonrpc import FRAME_LIMIT
from events.observed import MessageMalformed
from operators.authorize import ANONYMOUS

CHUNK: Final = 256 * 1024


class PipeOutlet:
    """The way out: lines on a file descriptor, written in order by a task, so that a slow reader stops nobody."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._queue: deque[bytes] = deque()
        self._task: asyncio.Task[None] | None = None
        self.broken = False

    def deliver(self, _fact: Observed, _decision: Decided, frame: bytes) -> None:
        """Send a frame."""
        if frame and not self.broken:
            self._queue.append(frame)
            if self._task is None:
                self._task = asyncio.create_task(self._drain())

    def close(self, reason: str) -> None:
        """The pipe closes with the process."""

    async def flush(self) -> None:
        """Wait until everything is written."""
        if self._task is not None:
            await self._task

    async def _drain(self) -> None:
        try:
            while self._queue:
                lines = b"".join(frame + b"\n" for frame in self._queue)
                self._queue.clear()
                await asyncio.to_thread(self._write, lines)
        except OSError:
            self.broken = True  # the client has gone; the end of standard input says so too
            self._queue.clear()
        finally:
            self._task = None

    def _write(self, data: bytes) -> None:
        view = memoryview(data)
        while view:
            view = view[os.write(self._descriptor, view) :]


class Lines(asyncio.Protocol):
    """Cuts what comes into lines. Of a line that is too long only digest and length are kept.

    Args:
        window: Unanswered requests that the client may have; then we stop reading.
    """

    def __init__(self, session: Session, gate: Gate, window: int) -> None:
        self.ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._session = session
        self._gate = gate
        self._window = window
        self._held = bytearray()
        self._skipped = 0
        self._digest = hashlib.sha256()
        self._transport: asyncio.ReadTransport | None = None
        self._paused = False
        session.when_room(self._room)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.ReadTransport, transport)

    def data_received(self, data: bytes) -> None:
        *lines, rest = data.split(b"\n")
        for line in lines:
            self._end(line)
        self._hold(rest)
        if len(self._session.pending) >= self._window and self._transport is not None:
            self._paused = True
            self._transport.pause_reading()

    def eof_received(self) -> None:
        if self._held or self._skipped:
            self._end(b"")

    def connection_lost(self, _error: Exception | None) -> None:
        if not self.ended.done():
            self.ended.set_result(None)

    def _room(self) -> None:
        if self._paused and self._transport is not None and len(self._session.pending) < self._window:
            self._paused = False
            self._transport.resume_reading()

    def _hold(self, part: bytes) -> None:
        self._held += part
        if self._skipped or len(self._held) > FRAME_LIMIT:
            self._digest.update(self._held)
            self._skipped += len(self._held)
            self._held.clear()

    def _end(self, line: bytes) -> None:
        self._hold(line)
        if self._skipped:
            self._session.push(self._too_long())
            self._skipped, self._digest = 0, hashlib.sha256()
        elif raw := bytes(self._held).strip(b"\r \t"):
            self._session.push(self._session.read(raw))
        self._held.clear()

    def _too_long(self) -> MessageMalformed:
        problem = f"the message has {self._skipped} bytes; at most {FRAME_LIMIT} are read"
        origin = Origin(self._session.id, None, self._gate.clock())
        return MessageMalformed(origin, codes.INVALID_REQUEST, problem, b"", self._digest.digest(), self._skipped)


@asynccontextmanager
async def stdio(gate: Gate, window: int, source: int, sink: int) -> AsyncIterator[asyncio.Future[None]]:
    """Carry one client on two file descriptors; yields what is done when ``source`` has ended.

    What is still to be written by then is written.
    """
    outlet = PipeOutlet(sink)
    loop = asyncio.get_running_loop()
    lines = Lines(gate.open("stdio", "", ANONYMOUS, outlet), gate, window)
    transport, _ = await loop.connect_read_pipe(lambda: lines, os.fdopen(source, "rb", buffering=0))
    try:
        yield lines.ended
    finally:
        transport.close()
        await outlet.flush()
