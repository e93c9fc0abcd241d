"""The client's ends of the connections: they send, and check every answer."""

import asyncio
import os
import time
from abc import ABC, abstractmethod
from array import array
from itertools import count
from typing import cast

from bench import wire


class Tally:
    """What all connections have seen."""

    def __init__(self, requests: int = 0, asked: int = 1, first: int = 0) -> None:
        self.asked = asked
        self.ids = count(wire.FIRST_ID + first)
        self.sent = 0
        self.requests = requests
        self.sending = True
        self.counting = False
        self.latencies = array("d")
        self.errors = 0
        self.problems: list[str] = []
        self.finished = asyncio.Event()

    def next_id(self) -> int | None:
        """The id of the next request, or None when no more are to be sent."""
        if not self.sending:
            return None
        self.sent += 1
        if self.sent == self.requests:
            self.sending = False
            self.finished.set()
        return next(self.ids)

    def wrong(self, problem: str) -> None:
        """Count an error, keep the words of the first few, and send no more."""
        self.errors += 1
        self.sending = False
        self.finished.set()
        if len(self.problems) < 5:
            self.problems.append(problem)

    def answered(self, number: int, answer: bytes, began: float, now: float) -> None:
        """Judge an answer that carries the right id."""
        right = (
            answer.startswith(b"{")
            and answer.endswith(b"}")
            and answer.count(b'"jsonrpc"') == 1
            and b'"result":' in answer
            and b'"isError":true' not in answer
            and wire.text_of(number, self.asked) in answer
        )
        if not right:
            self.wrong(f"a wrong answer to {number}: {answer[:200]!r}")
        elif self.counting:
            self.latencies.append(now - began)


class Connection(asyncio.Protocol, ABC):
    """What the two transports have in common: requests that wait for answers.

    Attributes:
        in_flight: Unanswered requests at most.
        handshake: Whether it begins with MCP's ``initialize``.
        paced: Whether somebody else says when the next request goes; otherwise each answer lets one go.
        ready: Done when requests may be sent.
    """

    def __init__(
        self, tally: Tally, port: int, in_flight: int = 1, *, handshake: bool = False, paced: bool = False
    ) -> None:
        self.tally = tally
        self.host = f"127.0.0.1:{port}"
        self.in_flight = in_flight
        self.handshake = handshake
        self.paced = paced
        self.waiting: dict[int, float] = {}
        self.rest = b""
        self.transport: asyncio.WriteTransport
        self.ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.leaving = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.WriteTransport", transport)
        self.greet()

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.leaving:
            self.lost(f"the server closed a connection ({exc or 'end of file'})")

    def data_received(self, data: bytes) -> None:
        try:
            self.rest = self.taken(self.rest + data if self.rest else data)
        except (wire.LostFraming, ValueError) as error:
            self.lost(str(error))

    def lost(self, problem: str) -> None:
        """This connection is of no use any more."""
        self.tally.wrong(problem)
        self.waiting.clear()
        self.leave()
        if not self.ready.done():
            self.ready.set_exception(ConnectionError(problem))

    def leave(self) -> None:
        self.leaving = True
        self.transport.close()

    def fill(self) -> None:
        """Send as many requests as may be unanswered."""
        now = time.perf_counter()
        self.transport.write(b"".join(self.more(self.in_flight - len(self.waiting), now)))

    def more(self, room: int, now: float) -> list[bytes]:
        """The next requests, already counted as sent."""
        requests = []
        while room > 0 and (number := self.tally.next_id()) is not None:
            self.waiting[number] = now
            requests.append(self.encode(number))
            room -= 1
        return requests

    @abstractmethod
    def greet(self) -> None:
        """Send what comes before the first request."""

    @abstractmethod
    def encode(self, number: int) -> bytes:
        """The request with the id ``number``, as it is sent."""

    @abstractmethod
    def taken(self, data: bytes) -> bytes:
        """Deal with the answers in ``data``, send what may follow them, and return what is left over."""


class HttpConnection(Connection):
    """HTTP/1.1 with keep-alive, one request at a time; stateless, or one legacy session."""

    def greet(self) -> None:
        self.greeted = False
        self.encoded = wire.calls(self.host, wire.MODERN, modern=True, asked=self.tally.asked)
        if self.handshake:
            self.transport.write(wire.post(self.host, wire.HELLO, wire.LEGACY))
        else:
            self.ready.set_result(None)

    def encode(self, number: int) -> bytes:
        return self.encoded(number)

    def taken(self, data: bytes) -> bytes:
        response = wire.take_response(data)
        if response is None:
            return data
        status, body, end = response
        if len(data) > end:
            raise wire.LostFraming("more came than was asked for")
        if self.ready.done():
            self.answered(status, body)
        else:
            self.shake(data, status, body)
        return b""

    def answered(self, status: int, body: bytes) -> None:
        """Take the answer to the one call that is under way."""
        if not self.waiting:
            raise wire.LostFraming("an answer to nothing that was asked")
        now = time.perf_counter()
        number, began = self.waiting.popitem()
        if status == 200 and b'"id":%d' % number in body:
            self.tally.answered(number, body, began, now)
        else:
            self.tally.wrong(f"status {status}, and not the id {number}: {body[:200]!r}")
        if not self.paced:
            self.transport.write(b"".join(self.more(1, now)))

    def shake(self, data: bytes, status: int, body: bytes) -> None:
        """Take an answer to a part of the handshake: first to ``initialize``, then to the notification after it."""
        if self.greeted and status == 202:
            self.ready.set_result(None)
        elif not self.greeted and wire.GREETED in body:
            headers = wire.session_headers(data)
            self.encoded = wire.calls(self.host, headers, modern=False, asked=self.tally.asked)
            self.greeted = True
            self.transport.write(wire.post(self.host, wire.READY, headers))
        else:
            raise wire.LostFraming(f"the handshake was answered with {status} {body[:200]!r}")


class WebsocketConnection(Connection):
    """A websocket with the subprotocol ``mcp``; with or without MCP's own handshake."""

    def greet(self) -> None:
        self.key = os.urandom(16)
        self.upgraded = False
        self.transport.write(wire.upgrade(self.host, "/ws", "mcp", self.key))

    def encode(self, number: int) -> bytes:
        return wire.frame(wire.call(number, modern=False, asked=self.tally.asked))

    def taken(self, data: bytes) -> bytes:
        if not self.upgraded:
            return self.upgrade(data)
        at = answered = 0
        now = time.perf_counter()
        for first, payload, end in wire.take_frames(data):
            at = end
            if first == wire.TEXT:
                answered += self.received(payload, now)
            elif first == wire.PING:
                self.transport.write(wire.frame(payload, wire.PONG))
            elif first != wire.PONG:
                raise wire.LostFraming(f"a frame that begins with {first:#x}: {payload[:100]!r}")
        if answered and not self.paced:
            self.transport.write(b"".join(self.more(answered, now)))
        return data[at:] if at else data

    def upgrade(self, data: bytes) -> bytes:
        head, end, rest = data.partition(b"\r\n\r\n")
        if not end:
            return data
        wire.check_upgrade(head, "mcp", self.key)
        self.upgraded = True
        if self.handshake:
            self.transport.write(wire.frame(wire.HELLO))
        else:
            self.ready.set_result(None)
        return rest

    def received(self, payload: bytes, now: float) -> int:
        """Take one message; 1 when it answered a call."""
        if not self.ready.done():
            if wire.GREETED not in payload:
                raise wire.LostFraming(f"initialize was answered with {payload[:200]!r}")
            self.transport.write(wire.frame(wire.READY))
            self.ready.set_result(None)
            return 0
        at = payload.find(b'"id":') + 5
        number = int(payload[at : at + 10]) if at > 4 and payload[at : at + 10].isdigit() else 0
        began = self.waiting.pop(number, None)
        if began is None:
            self.tally.wrong(f"an answer to nothing that was asked: {payload[:200]!r}")
            return 0
        self.tally.answered(number, payload, began, now)
        return 1
