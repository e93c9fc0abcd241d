"""MCP over standard input and output: one message a line, nothing else on standard output.

Source: MCP 2025-11-25 and 2026-07-28, basic/transports, stdio.

A thread reads and another one writes. The event loop's own ways take pipes only (uvloop aborts the process when
standard input is a file), and would make the descriptors non-blocking for whoever shares them. Both are daemons: a
client that neither writes nor reads does not keep the process from ending.
"""

import asyncio
import hashlib
import os
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from queue import SimpleQueue
from threading import Semaphore, Thread
from typing import Final, NamedTuple

from adapters.sessions import HIGH_WATER, Gate, Session
from events import codes
from events.event import Decided, Observed, Origin, RequestId
from events.jsonrpc import FRAME_LIMIT
from events.observed import MessageMalformed
from operators.authorize import ANONYMOUS

CHUNK: Final = 256 * 1024

MOST_WAITING: Final = 16 * 1024 * 1024
"""Bytes that may wait for a client that does not read; then it is not read either."""

FLUSH_SECONDS: Final = 2.0
"""How long what is still to be written may take at the end."""


class PipeOutlet:
    """The way out: lines on a file descriptor, written in order by a thread, so that a slow reader stops nobody.

    Attributes:
        waiting: Bytes that are still to be written.
        on_room: Called when some were written.
    """

    def __init__(self, descriptor: int) -> None:
        self.waiting = 0
        self.on_room: Callable[[], None] = _nothing
        self._descriptor = descriptor
        self._broken = False
        self._frames: SimpleQueue[bytes] = SimpleQueue()
        self._flushed = asyncio.Event()
        self._flushed.set()
        self._loop = asyncio.get_running_loop()
        Thread(target=self._run, name="stdout", daemon=True).start()

    def deliver(self, _fact: Observed, _decision: Decided, frame: bytes) -> None:
        """Send a frame."""
        if frame and not self._broken:
            self.waiting += len(frame)
            self._flushed.clear()
            self._frames.put(frame)

    async def room(self, _request: RequestId | None) -> None:
        """Wait until all is written, if more than :data:`HIGH_WATER` bytes wait."""
        if self.waiting > HIGH_WATER:
            await self._flushed.wait()

    def release(self, _request: RequestId | None, _decision: Decided) -> None:
        """There is one channel, and it stays."""

    def close(self, reason: str) -> None:
        """The pipe closes with the process."""

    async def flush(self) -> None:
        """Wait until everything is written, or nobody reads."""
        with suppress(TimeoutError):
            async with asyncio.timeout(FLUSH_SECONDS):
                await self._flushed.wait()
        self._frames.put(b"")

    def _run(self) -> None:
        with suppress(RuntimeError):  # the event loop is closed: nobody waits any more
            while frames := self._gather():
                try:
                    self._write(b"\n".join(frames) + b"\n")
                except OSError:
                    self._loop.call_soon_threadsafe(self._break)
                    return
                self._loop.call_soon_threadsafe(self._written, sum(map(len, frames)))

    def _gather(self) -> list[bytes]:
        """What there is to write; nothing at the end."""
        frames = [self._frames.get()]
        while frames[-1] and not self._frames.empty():
            frames.append(self._frames.get())
        return [frame for frame in frames if frame]

    def _write(self, data: bytes) -> None:
        view = memoryview(data)
        while view:
            view = view[os.write(self._descriptor, view) :]

    def _written(self, size: int) -> None:
        self.waiting -= size
        if not self.waiting:
            self._flushed.set()
        self.on_room()

    def _break(self) -> None:
        """Write nothing more: the client has gone. The end of standard input says so too."""
        self._broken = True
        self._written(self.waiting)


class _TooLong(NamedTuple):
    """Stands for a line of which only this is kept."""

    length: int
    digest: bytes


class Lines:
    """Cuts what comes into lines, and takes each in when there is room.

    Args:
        window: Unanswered requests that the client may have; then no line is taken in.
        more: Called when the next bytes may come.
    """

    def __init__(self, session: Session, outlet: PipeOutlet, gate: Gate, window: int, more: Callable[[], None]) -> None:
        self.ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._session = session
        self._outlet = outlet
        self._gate = gate
        self._window = window
        self._more = more
        self._held = bytearray()
        self._skipped = 0
        self._digest = hashlib.sha256()
        self._lines: deque[bytes | _TooLong] = deque()
        self._hungry = True
        self._over = False
        session.when_room(self.go_on)
        outlet.on_room = self.go_on

    def feed(self, data: bytes) -> None:
        """Take what was read; no bytes mean the end."""
        *lines, rest = data.split(b"\n")
        for line in lines:
            self._end(line)
        self._hold(rest)
        self._over = not data
        if self._over:
            self._end(b"")
        self._hungry = True
        self.go_on()

    def go_on(self) -> None:
        """Take lines in while there is room."""
        while self._lines and self._has_room():
            line = self._lines.popleft()
            fact = self._too_long(line) if isinstance(line, _TooLong) else self._session.read(line)
            self._session.push(fact)
        if self._lines or not self._hungry:
            return
        self._hungry = False
        if not self._over:
            self._more()
        elif not self.ended.done():
            self.ended.set_result(None)

    def _has_room(self) -> bool:
        return self._session.owed < self._window and self._outlet.waiting < MOST_WAITING

    def _hold(self, part: bytes) -> None:
        self._held += part
        if self._skipped or len(self._held) > FRAME_LIMIT:
            self._digest.update(self._held)
            self._skipped += len(self._held)
            self._held.clear()

    def _end(self, line: bytes) -> None:
        self._hold(line)
        if self._skipped:
            self._lines.append(_TooLong(self._skipped, self._digest.digest()))
            self._skipped, self._digest = 0, hashlib.sha256()
        elif raw := bytes(self._held).strip(b"\r \t"):
            self._lines.append(raw)
        self._held.clear()

    def _too_long(self, line: _TooLong) -> MessageMalformed:
        problem = f"the message has {line.length} bytes; at most {FRAME_LIMIT} are read"
        origin = Origin(self._session.id, None, self._gate.clock())
        fact = MessageMalformed(origin, codes.INVALID_REQUEST, problem, b"", line.digest, line.length)
        return self._session.owe(fact)


@asynccontextmanager
async def stdio(gate: Gate, window: int, source: int, sink: int) -> AsyncIterator[asyncio.Future[None]]:
    """Carry one client on two file descriptors; yields what is done when ``source`` has ended.

    What is still to be written by then is written.
    """
    outlet = PipeOutlet(sink)
    go_on = Semaphore(0)
    lines = Lines(gate.open("stdio", "", ANONYMOUS, outlet), outlet, gate, window, go_on.release)
    loop = asyncio.get_running_loop()
    Thread(target=_read, args=(source, loop, lines, go_on), name="stdin", daemon=True).start()
    lines.go_on()
    try:
        yield lines.ended
    finally:
        await outlet.flush()


def _read(source: int, loop: asyncio.AbstractEventLoop, lines: Lines, go_on: Semaphore) -> None:
    data = b"\n"
    while data:
        go_on.acquire()
        try:
            data = os.read(source, CHUNK)
        except OSError:
            data = b""  # nobody will write any more
        try:
            loop.call_soon_threadsafe(lines.feed, data)
        except RuntimeError:  # the event loop is closed
            return


def _nothing() -> None:
    """Nobody waits for room yet."""
