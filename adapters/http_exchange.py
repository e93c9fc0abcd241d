"""What goes out on HTTP responses: each answer to the response that its request waits on."""

import asyncio
from collections import deque
from typing import Final, TypeAlias

from adapters.sessions import ENDING, HIGH_WATER
from events.decided import RequestCancelled
from events.event import Decided, Observed, Origin, RequestId
from events.observed import MessageMalformed, RequestOverflowed

MOST_WAITING: Final = 16 * 1024 * 1024
"""Bytes that may wait for a client that does not read its stream; what comes on top is not sent."""


Item: TypeAlias = tuple[Decided | None, bytes, int]
"""A frame, the decision that made it, and the how manieth it is on its stream; 0 where nobody counts."""


class Exchange:
    """What is to go out on one response, in order."""

    __slots__ = ("_frames", "_loop", "_taken", "_waiter", "bytes", "since")

    def __init__(self, loop: asyncio.AbstractEventLoop, since: float) -> None:
        self._loop = loop
        self.since = since  # when a client began to wait in silence, in the event loop's seconds
        self._frames: deque[Item] | None = None  # few exchanges ever have one waiting
        self._waiter: asyncio.Future[Item] | None = None
        self._taken: asyncio.Event | None = None  # while somebody waits for room
        self.bytes = 0

    def put(self, decision: Decided | None, frame: bytes, number: int = 0) -> None:
        """Add a frame; with None, a sign of life."""
        waiter = self._waiter
        if waiter is not None and not waiter.done():
            waiter.set_result((decision, frame, number))
            return
        if self._frames is None:
            self._frames = deque()
        self._frames.append((decision, frame, number))
        self.bytes += len(frame)

    def get(self) -> "asyncio.Future[Item]":
        """The next frame, with the decision that made it; to be awaited before the one after it is asked for."""
        self._waiter = waiter = self._loop.create_future()
        if self._frames:
            item = self._frames.popleft()
            self.bytes -= len(item[1])
            waiter.set_result(item)
            if not self.bytes:
                self.open()
        return waiter

    async def room(self) -> None:
        """Wait until all was taken, if more than :data:`HIGH_WATER` bytes wait."""
        if self.bytes > HIGH_WATER:
            if self._taken is None:
                self._taken = asyncio.Event()
            await self._taken.wait()

    def open(self) -> None:
        """Let those go on who wait for room."""
        if self._taken is not None:
            self._taken.set()
            self._taken = None


class HttpOutlet:
    """The way out of a session over HTTP: each answer to the response that its request waits on.

    Attributes:
        exchanges: By request id; by the identity of the fact where there is no id to go by. What belongs to no request
            goes to the one under None, while a client listens there.
        counts: In a session that outlives its connections, the messages so far on each stream that goes on.
        used: When a message last came, in the event loop's seconds.
    """

    __slots__ = ("_loop", "counts", "exchanges", "used")

    def __init__(self, loop: asyncio.AbstractEventLoop, now: float) -> None:
        self._loop = loop
        self.exchanges: dict[object, Exchange] = {}
        self.counts: dict[RequestId | None, int] | None = None
        self.used = now

    def expect(self, fact: Observed) -> Exchange:
        """Wait for what becomes of ``fact``."""
        return self.listen(_key(fact))

    def listen(self, key: object) -> Exchange:
        """Have what goes out under a key go to a new exchange; one that is there already ends."""
        if (before := self.exchanges.get(key)) is not None:
            before.put(_OVER, b"")
            before.open()
        exchange = self.exchanges[key] = Exchange(self._loop, self.used)
        return exchange

    def leave(self, key: object, exchange: Exchange) -> None:
        """Nobody reads an exchange any more."""
        if self.exchanges.get(key) is exchange:
            del self.exchanges[key]
        exchange.open()

    def deliver(self, fact: Observed, decision: Decided, frame: bytes) -> None:
        """Give a frame to whoever waits for it; nobody does when the client has gone."""
        key = _key(fact) if type(fact) in _WITHOUT_ID else decision.origin.request
        ends = type(decision) in ENDING
        number = self._count(decision.origin.request, ends=ends) if frame and self.counts is not None else 0
        exchange = self.exchanges.pop(key, None) if ends else self.exchanges.get(key)
        if exchange is not None and (ends or exchange.bytes < MOST_WAITING):
            exchange.put(decision, frame, number)

    def _count(self, stream: RequestId | None, *, ends: bool) -> int:
        """The how manieth message on its stream this is."""
        counts = self.counts
        if counts is None:
            return 0
        number = counts.get(stream, 0) + 1
        if ends and stream is not None:
            counts.pop(stream, None)
        else:
            counts[stream] = number
        return number

    def release(self, request: RequestId | None, decision: Decided) -> None:
        """End the response of a request that is still to be answered."""
        if exchange := self.exchanges.pop(request, None):
            exchange.put(decision, b"")
            exchange.open()

    async def room(self, request: RequestId | None) -> None:
        """Wait until the client has taken what it was sent, if much of it waits; not if it has gone."""
        if exchange := self.exchanges.get(request):
            await exchange.room()

    def forget(self, fact: Observed) -> None:
        """Nobody waits for what becomes of ``fact`` any more."""
        if exchange := self.exchanges.pop(_key(fact), None):
            exchange.open()

    def close(self, _reason: str) -> None:
        """Responses have their own end; the stream that belongs to no request has none."""
        if exchange := self.exchanges.pop(None, None):
            exchange.put(_OVER, b"")


_OVER: Final = RequestCancelled(Origin("", None, 0.0), "the stream is over")
"""Ends a stream that has no answer."""

_WITHOUT_ID: Final = frozenset({MessageMalformed, RequestOverflowed})


def _key(fact: Observed) -> object:
    return ("fact", id(fact)) if type(fact) in _WITHOUT_ID else fact.origin.request
