"""MCP over a websocket: a custom transport.

Subprotocol ``mcp``; one text frame is one message; otherwise as on stdio: one shared channel, cancellation by
notification, the era told by each request.
"""

import asyncio
from collections import deque
from functools import partial
from typing import Final, Literal, cast

from aiohttp import WSMsgType, web

from adapters.corked import Cork
from adapters.listener import READ_LIMIT, Connection, grant_of, plain
from adapters.sessions import HIGH_WATER, Gate, Session
from events import codes
from events.event import Decided, Observed, RequestId

SUBPROTOCOL: Final = "mcp"

EXPIRED: Final = "the token that it was opened with has expired"
_GOING_AWAY: Final = 1001  # RFC 6455, 7.4.1
_POLICY: Final = 1008

MOST_WAITING: Final = 16 * 1024 * 1024
"""Bytes that may wait for a peer that does not read; then it is cut off."""

Socket = web.WebSocketResponse[Literal[False]]


class SocketOutlet:
    """The way out of a websocket: at once while the socket takes it, in order behind a task when it does not.

    Attributes:
        used: When a message last came, in seconds since the epoch.
        ended: Why we ended the connection; empty when the peer did.
    """

    __slots__ = ("_bytes", "_closing", "_queue", "_socket", "_task", "_transport", "ended", "used")

    def __init__(self, socket: Socket, transport: asyncio.Transport, now: float) -> None:
        self.used = now
        self.ended = ""
        self._socket = socket
        self._transport = transport
        self._queue: deque[bytes] | None = None
        self._bytes = 0
        self._task: asyncio.Task[None] | None = None
        self._closing: asyncio.Task[None] | None = None

    def deliver(self, _fact: Observed, _decision: Decided, frame: bytes) -> None:
        """Send a frame."""
        if not frame or self._socket.closed:
            return
        if self._queue is None and self._transport.get_write_buffer_size() + len(frame) < HIGH_WATER:
            _send_at_once(self._socket, frame)
        else:
            self._wait(frame)

    async def room(self, _request: RequestId | None) -> None:
        """Wait while frames wait with us, whatever request they belong to: they share the socket."""
        if self._task is not None:
            await asyncio.wait({self._task})

    def release(self, _request: RequestId | None, _decision: Decided) -> None:
        """There is one channel, and it stays."""

    def close(self, reason: str, code: int = _GOING_AWAY) -> None:
        """Send what waits, then close."""
        self.ended = self.ended or reason
        self._closing = asyncio.create_task(self._close(reason, code))

    def _wait(self, frame: bytes) -> None:
        if self._queue is None:
            self._queue = deque()
            self._task = asyncio.create_task(self._drain())
        self._queue.append(frame)
        self._bytes += len(frame)
        if self._bytes > MOST_WAITING:
            self.ended = "the peer did not read"
            self._transport.abort()

    async def _drain(self) -> None:
        try:
            while self._queue:
                frame = self._queue.popleft()
                self._bytes -= len(frame)
                await self._socket.send_frame(frame, WSMsgType.TEXT)
        except ConnectionError:
            pass  # the reader meets it too, and closes the session
        finally:
            self._queue = self._task = None
            self._bytes = 0

    async def _close(self, reason: str, code: int) -> None:
        if self._task is not None:
            await asyncio.wait({self._task}, timeout=1.0)
        await self._socket.close(code=code, message=reason.encode()[:120])


class WebSocketEndpoint:
    """Carries websocket connections.

    Args:
        gate: Where sessions are opened.
        window: Unanswered requests that one connection may have; then we stop reading, and TCP slows the peer down.
        idle: Seconds after which a connection that is not used is closed.
    """

    def __init__(self, gate: Gate, window: int, idle: float) -> None:
        self._gate = gate
        self._window = window
        self.idle = idle
        self._open: dict[Session, SocketOutlet] = {}
        self._cork = Cork()

    async def __call__(self, request: web.BaseRequest, connection: Connection) -> web.StreamResponse:
        """Answer an upgrade, and stay until the peer leaves."""
        # Text stays bytes: so bad UTF-8 costs that one message an error, and the others nothing.
        socket = Socket(protocols=(SUBPROTOCOL,), max_msg_size=READ_LIMIT, compress=False, decode_text=False)
        if not socket.can_prepare(request):
            return plain(426, "this is a websocket endpoint: subprotocol mcp", {"Upgrade": "websocket"})
        connection.transport = self._cork.over(cast(asyncio.Transport, request.transport))
        await socket.prepare(request)
        outlet = SocketOutlet(socket, connection.transport, self._gate.clock())
        grant = grant_of(request)
        session = self._gate.open("websocket", request.remote or "", grant.principal, outlet, grant=grant)
        self._open[session] = outlet
        reason = "the server stopped"
        try:
            reason = await self._talk(socket, session, outlet)
        finally:
            del self._open[session]
            session.close(outlet.ended or reason)
        return socket

    def sweep(self) -> None:
        """Close what nobody uses, or nobody may use any more. To be called every second or so."""
        now = self._gate.clock()
        late = now - self.idle
        for session, outlet in list(self._open.items()):
            if (expires := session.grant.expires) is not None and expires <= now:
                _expire(session, outlet)
            elif outlet.used < late and not session.pending and not outlet.ended:
                outlet.close("nobody used it")

    async def _talk(self, socket: Socket, session: Session, outlet: SocketOutlet) -> str:
        expires = session.grant.expires
        while True:
            message = await socket.receive()
            if expires is not None and expires <= self._gate.clock():
                _expire(session, outlet)
                continue  # until the closing has come through
            if message.type is WSMsgType.TEXT:
                fact = session.read(message.data)
                outlet.used = fact.origin.at
                session.push(fact)
            elif message.type is WSMsgType.BINARY:
                session.push(session.malformed(message.data, codes.INVALID_REQUEST, "a message is a text frame"))
            else:
                return _reason(message.type, socket)
            if session.owed >= self._window:
                await self._room(session)

    async def _room(self, session: Session) -> None:
        loop = asyncio.get_running_loop()
        while session.owed >= self._window and not session.closed:
            room: asyncio.Future[None] = loop.create_future()
            session.when_room(partial(_tell, room))
            await room
        session.when_room(None)


def _expire(session: Session, outlet: SocketOutlet) -> None:
    """End a session: what comes from here on comes from nobody who is known."""
    if not session.closed:
        outlet.close(EXPIRED, _POLICY)
        session.close(EXPIRED)


def _tell(room: "asyncio.Future[None]") -> None:
    if not room.done():
        room.set_result(None)


def _reason(kind: WSMsgType, socket: Socket) -> str:
    if kind is WSMsgType.ERROR:
        return f"the framing was lost: {type(socket.exception()).__name__}"
    return f"the peer left with code {socket.close_code}"


def _send_at_once(socket: Socket, frame: bytes) -> None:
    """Send without a task."""
    sending = socket.send_frame(frame, WSMsgType.TEXT)
    try:
        sending.send(None)
    except StopIteration:
        return
    except ConnectionError:
        return  # the reader meets it too, and closes the session
    # The frame is written. aiohttp would wait for room for the next one, and whether there is any we ask ourselves.
    sending.close()
