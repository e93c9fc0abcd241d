"""Clients that keep the server busy, and remember every byte that it sent."""

import asyncio
import os
import random
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Final, Protocol, cast

import orjson

from events.codes import LOG_FAILED, OVERLOADED
from soak import wire
from soak.requests import READY, Id, Request, Requests, headers

REFUSED: Final = b'"error":{"code":%d' % LOG_FAILED
"""In an answer that says that nothing was recorded, and nothing done."""

FULL: Final = b'"error":{"code":%d' % OVERLOADED
"""In an answer that asks to try again later, as a server that leaves does."""


class Client(Protocol):
    """A client under load.

    Attributes:
        sent: The requests that went out, by id.
        frames: The messages that came back, in the order in which they came.
        refused: How many answers said that the log had failed.
        trouble: What came that no server should send; empty while all is well.
        ordered: Whether all that the server sends comes through this client, in order.
    """

    sent: dict[Id, Request]
    frames: list[bytes]
    refused: int
    trouble: str
    ordered: bool

    def stop(self) -> None:
        """Send nothing more."""

    def leave(self) -> None:
        """Close the connection."""


class _Client(asyncio.Protocol, ABC):
    ordered = False

    def __init__(self, requests: Requests, depth: int, *, legacy: bool) -> None:
        self.sent: dict[Id, Request] = {}
        self.frames: list[bytes] = []
        self.refused = 0
        self.trouble = ""
        self._requests = requests
        self._depth = depth
        self._legacy = legacy
        self._sending = True
        self._held = bytearray()
        self._transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._greet()

    def data_received(self, data: bytes) -> None:
        self._held += data
        try:
            self._take()
        except (wire.LostFraming, ValueError) as problem:
            self.trouble = self.trouble or str(problem)
            self._transport.abort()

    def stop(self) -> None:
        self._sending = False

    def leave(self) -> None:
        self._sending = False
        self._transport.abort()

    @abstractmethod
    def _greet(self) -> None:
        """Send what comes first."""

    @abstractmethod
    def _take(self) -> None:
        """Take what is whole out of the bytes that are held."""

    def _keep(self, frame: bytes) -> bool:
        """Remember a message; whether it answers a request."""
        if REFUSED in frame:
            self.refused += 1
            self._sending = False
            return True
        if FULL in frame:
            self._sending = False
        self.frames.append(frame)
        return b'"method":' not in frame[:60]

    def _remember(self, request: Request) -> Request:
        self.sent[request.id] = request
        return request


class WebsocketClient(_Client):
    """Several requests in flight on a websocket."""

    ordered = True

    def _greet(self) -> None:
        self._key = os.urandom(16)
        self._upgraded = False
        self._transport.write(wire.upgrade(self._key))

    def _take(self) -> None:
        if not self._upgraded and not self._upgrade():
            return
        answers = end = 0
        for opcode, payload, end in wire.take_frames(self._held):  # noqa: B007 # the last end counts
            if opcode == wire.TEXT:
                answers += self._keep(payload)
            elif opcode == wire.CLOSE:
                self._transport.write(wire.frame(payload, wire.CLOSE))
                self._transport.close()
            elif opcode != wire.PING:
                raise wire.LostFraming(f"a frame with the opcode {opcode}")
        del self._held[:end]
        self._send(answers)

    def _upgrade(self) -> bool:
        if not (found := wire.take_response(self._held)):
            return False
        wire.check_upgrade(found[0], self._key)
        del self._held[: found[1]]
        self._upgraded = True
        if self._legacy:
            hello = self._remember(self._requests.hello())
            self._transport.write(wire.frame(hello.raw) + wire.frame(READY))
        self._send(self._depth)
        return True

    def _send(self, number: int) -> None:
        if not self._sending or self._transport.is_closing():
            return
        calls = [self._requests.call(modern=not self._legacy, streams=True) for _ in range(number)]
        self._transport.write(b"".join(wire.frame(self._remember(call).raw) for call in calls))


class HttpClient(_Client):
    """One request after another over Streamable HTTP."""

    def _greet(self) -> None:
        self._session: str | None = None
        if self._legacy:
            self._transport.write(wire.post(self._remember(self._requests.hello()).raw, {}))
        else:
            self._send()

    def _take(self) -> None:
        while found := wire.take_response(self._held):
            response, end = found
            del self._held[:end]
            if response.headers.get("content-type", "").startswith("text/plain"):
                self._refuse(response)
            elif response.body:
                self._keep(response.body)
            if self.refused:
                self._transport.close()
            elif self._legacy and self._session is None:
                self._session = response.headers.get("mcp-session-id")
                if self._session is None:
                    self._sending = False  # refused, or the server is leaving
                else:
                    self._transport.write(wire.post(READY, {"Mcp-Session-Id": self._session}))
            else:
                self._send()

    def _refuse(self, response: wire.Response) -> None:
        """A notification has no answer that could say that the log has failed: the status says it."""
        if response.status != 503:
            raise wire.LostFraming(f"not what was asked for: {response}")
        self.refused += 1
        self._sending = False

    def _send(self) -> None:
        if self._sending:
            call = self._remember(self._requests.call(modern=not self._legacy, streams=False))
            self._transport.write(wire.post(call.raw, headers(call, self._session)))


async def connect(port: int, chance: random.Random, requests: Requests) -> list[Client]:
    """Begin to load a server: both transports, both eras, connections that wait for each answer and ones that do not.

    Some connections may already be lost when this returns, with the server.
    """
    loop = asyncio.get_running_loop()
    clients: list[_Client] = [
        kind(requests, chance.randint(1, most), legacy=legacy)
        for kind, most in ((WebsocketClient, 8), (WebsocketClient, 32), (HttpClient, 1), (HttpClient, 1))
        for legacy in (False, True)
    ]
    for client in clients:
        try:
            await loop.create_connection(_maker(client), "127.0.0.1", port)
        except OSError:
            break
    return [client for client in clients if hasattr(client, "_transport")]


def _maker(client: _Client) -> Callable[[], _Client]:
    return lambda: client


def id_of(frame: bytes) -> Id | None:
    """The id that a message answers; None when it answers nothing."""
    id: Id | None = orjson.loads(frame).get("id")
    return id
