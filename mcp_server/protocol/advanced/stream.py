"""One stream: chunks from a producer to a reader, bounded, numbered, with one that ends it."""

import asyncio
from collections import deque
from typing import Any

from msgspec import Struct


class StreamChunk(Struct, frozen=True):
    """A part of a stream.

    Attributes:
        stream: The stream's id.
        index: 0, 1, 2 and so on.
        data: What it brings; in a stream of text a string, empty in the final chunk.
        is_final: Whether it is the last one. Every stream has exactly one of these.
        reason: Why the stream ended, on the final chunk: what its kind says (``stop``, ``length``), or ``complete``,
            ``cancelled``, ``expired`` (nobody read it), ``error``.
        error: For the person who reads it, when the reason is ``error``.
        summary: On the final chunk, what its kind has to say of the whole, such as usage and seed.
    """

    stream: str
    index: int
    data: Any = ""
    is_final: bool = False
    reason: str | None = None
    error: str | None = None
    summary: dict[str, Any] | None = None

    def to_json(self) -> dict[str, Any]:
        """The chunk as the object that is sent."""
        members: dict[str, Any] = {"index": self.index, "data": self.data, "isFinal": self.is_final}
        told = {"reason": self.reason, "error": self.error, "summary": self.summary}
        return {**members, **{name: value for name, value in told.items() if value is not None}}


class Stream:
    """Chunks on their way, and some of those that were read.

    Args:
        id: What it is called.
        buffer: Chunks that may wait to be read; then the producer waits.
        history: Chunks that are kept after they were read, to be read again.

    Attributes:
        touched: When somebody last read; set by the owner, in the owner's seconds.
    """

    def __init__(self, id: str, buffer: int, history: int, touched: float) -> None:
        self.id = id
        self.touched = touched
        self._buffer = buffer
        self._history = history
        self._chunks: deque[StreamChunk] = deque()
        self._first = 0  # the index of the first chunk that is kept
        self._next = 0  # the index that is read next
        self._readable = asyncio.Event()
        self._writable = asyncio.Event()
        self.ended = False

    @property
    def drained(self) -> bool:
        """Whether the final chunk was read."""
        return self.ended and self._next == self._end

    @property
    def _end(self) -> int:
        return self._first + len(self._chunks)

    async def put(self, data: Any) -> bool:
        """Add a chunk as soon as there is room; False once the stream has ended, for then nothing is added."""
        while not self.ended and self._end - self._next >= self._buffer:
            self._writable.clear()
            await self._writable.wait()
        if self.ended:
            return False
        self._chunks.append(StreamChunk(self.id, self._end, data))
        self._readable.set()
        return True

    def end(self, reason: str, error: str | None = None, summary: dict[str, Any] | None = None) -> None:
        """Add the final chunk, whether there is room or not; the first end is the one that counts."""
        if not self.ended:
            self.ended = True
            self._chunks.append(StreamChunk(self.id, self._end, "", True, reason, error, summary))
            self._readable.set()
            self._writable.set()

    async def get(self) -> StreamChunk | None:
        """The next chunk; None after the final one. Each chunk goes to one reader."""
        while self._next == self._end:
            if self.ended:
                return None
            self._readable.clear()
            await self._readable.wait()
        chunk = self._chunks[self._next - self._first]
        self._next += 1
        while self._next - self._first > self._history:
            self._chunks.popleft()
            self._first += 1
        self._writable.set()
        return chunk

    def rewind(self, after: int) -> bool:
        """Read on after the chunk ``after`` (-1: from the beginning); False when what follows is not kept."""
        if not self._first <= after + 1 <= self._next:
            return False
        self._next = after + 1
        return True
