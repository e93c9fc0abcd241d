"""The network side of the server: one port, its connections, their deadlines."""

import asyncio
import errno
import socket
from collections.abc import Awaitable, Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any, Final, Protocol, cast

from aiohttp import web
from aiohttp.web_protocol import RequestHandler

from adapters.grant import NOBODY, Grant
from adapters.guard import Guard
from adapters.sessions import Session
from events.jsonrpc import FRAME_LIMIT

Route = Callable[[web.BaseRequest, "Connection"], Awaitable[web.StreamResponse]]

READ_LIMIT: Final = 4 * FRAME_LIMIT
"""Bytes of one message that are read at all: what is longer than a message may be is refused in words up to here."""


class Door(Protocol):
    """Whoever finds out who calls."""

    async def admit(self, request: web.BaseRequest, connection: "Connection") -> web.StreamResponse | None:
        """Tell ``connection`` who sends ``request``; what to answer when it is not to be let in, else None."""

    def step_up(self, grant: Grant | None, scope: str) -> tuple[int, dict[str, str]]:
        """The status and the headers that ask a caller to come back with ``scope``."""


class Connection(RequestHandler):
    """One connection.

    Attributes:
        door: Who finds out who calls; None when nobody is asked.
        grant: Who sends the request that is being answered; None when nobody is asked.
        opened: When it was accepted, in the event loop's seconds.
        greeted: Whether a whole request head has come.
        reading: Since when the body of a request is awaited; None when none is.
        sessions: The stateless sessions that live on it, by client.
    """

    __slots__ = ("door", "grant", "greeted", "opened", "reading", "sessions")

    def __init__(self, manager: "Listener", **kwargs: Any) -> None:
        super().__init__(manager, **kwargs)
        self.opened = manager.now()
        self.door = manager.door
        self.grant: Grant | None = None
        self.greeted = False
        self.reading: float | None = None
        self.sessions: dict[bytes, Session] | None = None

    def connection_lost(self, exc: BaseException | None) -> None:
        """The peer is gone, and with it the sessions that lived here."""
        super().connection_lost(exc)
        for session in (self.sessions or {}).values():
            session.close("the connection closed")

    def late(self, now: float, head: float, body: float) -> bool:
        """Whether a request head or body has been awaited for too long; both limits in seconds."""
        if self.reading is not None:
            return now - self.reading > body
        return not self.greeted and now - self.opened > head


class Listener(web.Server):
    """Accepts connections, turns away who may not come in, and hands requests to routes by path.

    Args:
        routes: For each path what answers it.
        door: Asked first who calls, and whether they may; None lets everybody in.
        head_timeout: Seconds in which a connection must bring its first request head.
        body_timeout: Seconds in which a request must bring its body.
        idle_timeout: Seconds for which a connection may wait for its next request.
        most_connections: Connections that are open at once; more are closed at once.
    """

    def __init__(
        self,
        routes: dict[str, Route],
        guard: Guard,
        *,
        head_timeout: float = 10.0,
        body_timeout: float = 30.0,
        idle_timeout: float = 75.0,
        most_connections: int = 10_000,
        door: Door | None = None,
    ) -> None:
        super().__init__(
            self._answer,
            request_factory=self._request,
            handler_cancellation=True,
            keepalive_timeout=idle_timeout,
            access_log=None,
            tcp_keepalive=True,
        )
        self._routes = routes
        self.door = door
        self.retune(guard, head_timeout, body_timeout, most_connections)
        self.now = asyncio.get_running_loop().time

    def retune(self, guard: Guard, head_timeout: float, body_timeout: float, most_connections: int) -> None:
        """Go by these from here on. A connection that is open stays so, and its next request is looked at anew."""
        self._guard = guard
        self._timeouts = (head_timeout, body_timeout)
        self._most = most_connections

    def __call__(self) -> Connection:
        return Connection(self, loop=self._loop, **self._kwargs)

    def connection_made(self, handler: RequestHandler, transport: asyncio.Transport) -> None:
        """Take a connection on, unless there are too many."""
        super().connection_made(handler, transport)
        if len(self._connections) > self._most:
            transport.abort()

    def sweep(self) -> None:
        """Close the connections that keep us waiting. To be called every second or so."""
        now = self.now()
        for connection in self.connections:
            if isinstance(connection, Connection) and connection.late(now, *self._timeouts):
                connection.force_close()

    def _request(self, message: Any, payload: Any, protocol: Any, writer: Any, task: Any) -> web.BaseRequest:
        return web.BaseRequest(message, payload, protocol, writer, task, self._loop, client_max_size=READ_LIMIT)

    async def _answer(self, request: web.BaseRequest) -> web.StreamResponse:
        headers = request.headers
        connection = cast(Connection, request.protocol)
        connection.greeted = True
        if problem := self._guard.problem(headers.get("Host"), headers.get("Origin")):
            status, reason = problem
            return plain(status, reason)
        if self.door is not None and (refused := await self.door.admit(request, connection)) is not None:
            return refused
        route = self._routes.get(request.path)
        if route is None:
            return plain(404, f"there is nothing here; there is something at {', '.join(sorted(self._routes))}")
        return await route(request, connection)


def grant_of(request: web.BaseRequest) -> Grant:
    """Who sends a request that is being answered."""
    return cast(Connection, request.protocol).grant or NOBODY


@contextmanager
def bound(host: str, port: int) -> Iterator[list[socket.socket]]:
    """Take a port, 0 for any that is free, at every address that ``host`` stands for; nobody listens there yet.

    Raises:
        OSError: It is taken, or there is no such address here.
    """
    found: list[socket.socket] = []
    refused: OSError | None = None
    with ExitStack() as opened:
        for family, kind, protocol, _, address in dict.fromkeys(
            socket.getaddrinfo(host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        ):
            try:
                one = opened.enter_context(socket.socket(family, kind, protocol))
                one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                if family == socket.AF_INET6:  # the address of the other family has a socket of its own
                    one.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
                one.bind((address[0], port, *address[2:]))
            except OSError as error:
                if error.errno not in (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT):
                    raise
                refused = error  # a name may stand for addresses of a family that this machine does without
            else:
                found.append(one)
                port = one.getsockname()[1]
        if refused is not None and not found:
            raise refused
        yield found


def plain(status: int, text: str, headers: dict[str, str] | None = None) -> web.Response:
    """A short answer in words."""
    return web.Response(status=status, text=text + "\n", headers=headers)
