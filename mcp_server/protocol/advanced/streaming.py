"""Streams by name: begun, read at the reader's pace, cancelled, resumed, and forgotten when nobody reads them."""

import asyncio
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from contextlib import aclosing
from typing import Any, Final, Self

from msgspec import Struct

from mcp_server.calls import CallRefused
from mcp_server.protocol.advanced.engine import CompletionEngine
from mcp_server.protocol.advanced.request import CompletionRequest
from mcp_server.protocol.advanced.response import Delta
from mcp_server.protocol.advanced.stream import Stream, StreamChunk
from mcp_server.protocol.invalid import InvalidRequest, integer, nearest, number, shown, text

_log: Final = logging.getLogger(__name__)

_PATIENCE: Final = 5.0  # seconds that a producer has to stop when it is cancelled


class StreamEnd(Struct, frozen=True):
    """What a kind of stream may give last: why it ended, and what is to be said of the whole."""

    reason: str
    summary: dict[str, Any] | None = None


Factory = Callable[[Mapping[str, Any]], AsyncIterator[Any]]
"""Makes a stream of a kind from its parameters. It gives the data of each chunk, and may give a ``StreamEnd`` last."""


class StreamingManager:
    """The streams that are under way. One that ended is kept for a while, so that it can be read again.

    Args:
        engine: Completes texts for streams of the kind ``completion``; a new one when None.
        max_streams: Streams that are kept at the same time.
        buffer: Chunks of each that may wait to be read; then its producer waits.
        history: Chunks of each that are kept after they were read, for :meth:`resume`.
        idle_timeout: Seconds without a reader after which a stream is ended, and as long again until it is forgotten.
        clock: What time it is, in seconds; the event loop's when None.
    """

    def __init__(
        self,
        engine: CompletionEngine | None = None,
        *,
        max_streams: int = 100,
        buffer: int = 64,
        history: int = 256,
        idle_timeout: float = 300.0,
        clock: Callable[[], float] | None = None,
    ) -> None:
        integer(max_streams, "max_streams", 1, 100_000)
        integer(buffer, "buffer", 1, 100_000)
        integer(history, "history", 0, 100_000)
        number(idle_timeout, "idle_timeout", 0.001, 86_400)
        self._engine = engine if engine is not None else CompletionEngine()
        self._max_streams, self._buffer, self._history = max_streams, buffer, history
        self._idle_timeout = idle_timeout
        self._clock = clock
        self._kinds: dict[str, Factory] = {"completion": self._completion}
        self._streams: dict[str, Stream] = {}
        self._producers: dict[Stream, asyncio.Task[None]] = {}
        self._timer: asyncio.TimerHandle | None = None

    def __len__(self) -> int:
        return len(self._streams)

    @property
    def producing(self) -> int:
        """Streams whose producers are under way."""
        return len(self._producers)

    def register_kind(self, name: str, factory: Factory) -> None:
        """Let streams of the kind ``name`` be started, in place of one that had the name.

        Raises:
            InvalidRequest: The name has not 1 to 64 characters, or the factory cannot be called.
        """
        text(name, "name", 1, 64)
        if not callable(factory):
            raise InvalidRequest("factory must be a function of the parameters that returns an asynchronous iterator")
        self._kinds[name] = factory

    async def start_stream(self, id: str, kind: str, params: Mapping[str, Any]) -> None:
        """Begin a stream. The id of one that was read to its end may be used again.

        Raises:
            InvalidRequest: The id is taken, the kind unknown, the parameters wrong, or there are too many streams.
        """
        text(id, "id", 1, 256)
        factory = self._kinds.get(kind) if type(kind) is str else None
        if factory is None:
            raise InvalidRequest(f"unknown kind of stream: {shown(kind)}{nearest(str(kind), self._kinds)}")
        self.expire()
        kept = self._streams.get(id)
        if kept is not None and not kept.drained:
            raise InvalidRequest(f"the stream {shown(id)} is under way; take another id, or cancel it and read its end")
        if kept is None:
            self._make_room()
        pieces = factory(params)
        stream = Stream(id, self._buffer, self._history, self._now())
        self._streams.pop(id, None)
        self._streams[id] = stream
        task = self._producers[stream] = asyncio.create_task(_produce(stream, pieces), name="stream")
        task.add_done_callback(lambda _: self._producers.pop(stream, None))
        self._watch()

    async def get_stream_chunk(self, id: str) -> StreamChunk | None:
        """The next chunk, as soon as there is one; None when the stream is over or unknown."""
        stream = self._streams.get(id)
        if stream is None:
            return None
        stream.touched = float("inf")  # while somebody waits, it is not idle
        try:
            return await stream.get()
        finally:
            stream.touched = self._now()

    async def stream(self, id: str) -> AsyncIterator[StreamChunk]:
        """The chunks that are left, the final one last. To stop reading does not end the stream."""
        while (chunk := await self.get_stream_chunk(id)) is not None:
            yield chunk
            if chunk.is_final:
                return

    async def cancel_stream(self, id: str) -> bool:
        """Stop the producer; what waits can still be read, then comes the final chunk. False when it is over."""
        stream = self._streams.get(id)
        if stream is None or stream.ended:
            return False
        await self._stop([stream], "cancelled")
        return True

    def resume(self, id: str, after: int = -1) -> None:
        """Read the stream again from the chunk that follows the index ``after``.

        Raises:
            InvalidRequest: There is no such stream, or that chunk is not kept any more, or was never read.
        """
        integer(after, "after", -1, 2**63 - 1)
        stream = self._streams.get(id)
        if stream is None:
            raise InvalidRequest(f"there is no stream {shown(id)}, or it was forgotten: start it again")
        if not stream.rewind(after):
            raise InvalidRequest(f"the chunk after {after} cannot be read again: {self._history} chunks are kept")
        stream.touched = self._now()

    def expire(self) -> None:
        """End streams that nobody has read for the idle timeout, and forget those that ended. Runs by itself too."""
        limit = self._now() - self._idle_timeout
        for stream in [each for each in self._streams.values() if each.touched <= limit]:
            if stream.ended:
                del self._streams[stream.id]
            else:
                stream.touched = self._now()  # as long again for its final chunk
                self._end(stream, "expired")

    async def aclose(self) -> None:
        """Stop all streams."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        await self._stop(list(self._producers), "cancelled")

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    def _make_room(self) -> None:
        if len(self._streams) < self._max_streams:
            return
        over = next((each for each in self._streams.values() if each.drained), None)
        if over is None:
            raise InvalidRequest(f"there are {self._max_streams} streams under way, and no more are kept: read some")
        del self._streams[over.id]

    def _end(self, stream: Stream, reason: str) -> None:
        stream.end(reason)  # at once: how long the producer takes to stop is not the reader's affair
        if producer := self._producers.get(stream):
            producer.cancel()

    async def _stop(self, streams: list[Stream], reason: str) -> None:
        producers = [producer for stream in streams if (producer := self._producers.get(stream))]
        for stream in streams:
            self._end(stream, reason)
        if producers:
            _, left = await asyncio.wait(producers, timeout=_PATIENCE)
            if left:
                _log.warning("%d producers of streams have not stopped within %g s", len(left), _PATIENCE)

    def _completion(self, params: Mapping[str, Any]) -> AsyncIterator[Any]:
        request = CompletionRequest.from_json(params)
        if request.sampling.n != 1:
            raise InvalidRequest("params.sampling.n must be 1: a stream has one text")
        return _texts(self._engine.stream(request))

    def _now(self) -> float:
        return self._clock() if self._clock is not None else asyncio.get_running_loop().time()

    def _watch(self) -> None:
        """Look for idle streams from time to time, as long as there are streams."""
        if self._timer is None:
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(self._idle_timeout, self._look)

    def _look(self) -> None:
        self._timer = None
        self.expire()
        if self._streams:
            self._watch()


async def _produce(stream: Stream, pieces: AsyncIterator[Any]) -> None:
    """Put what ``pieces`` gives into the stream, and end it."""
    end, error = StreamEnd("complete"), None
    try:
        async for piece in pieces:
            if isinstance(piece, StreamEnd):
                end = piece
                break
            if not await stream.put(piece):
                break
    except asyncio.CancelledError:
        end = StreamEnd("cancelled")
        raise
    except CallRefused as refused:
        end, error = StreamEnd("error"), refused.message
    except Exception:  # noqa: BLE001 - whatever it was, the reader gets a final chunk
        _log.exception("a stream failed", extra={"stream": stream.id})
        end, error = StreamEnd("error"), "internal error"
    finally:
        stream.end(end.reason, error, end.summary)
        if (close := getattr(pieces, "aclose", None)) is not None:
            await close()


async def _texts(pieces: AsyncGenerator[Delta, None]) -> AsyncIterator[Any]:
    """The texts of a completion, then what is to be said of the whole."""
    reason, last = "complete", Delta()
    async with aclosing(pieces):
        async for piece in pieces:
            if piece.text:
                yield piece.text
            reason = piece.finish_reason or reason
            last = piece if piece.usage is not None else last
    usage = last.usage.to_json() if last.usage is not None else None
    yield StreamEnd(reason, {"usage": usage, "seed": last.seed})
