"""The sessions that live over HTTP: by handle, by trace, by client on a connection."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Final, TypeAlias, cast

from aiohttp import web

from adapters.http_exchange import HttpOutlet
from adapters.listener import Connection
from adapters.seal import Broken, Seal
from adapters.sessions import Gate, Outlet, Session
from events.event import RequestId, SessionId
from events.message import Message
from operators.authorize import ANONYMOUS
from operators.versions import META_CLIENT

MOST_SESSIONS: Final = 100_000
"""Sessions that are kept by handle, and as many by trace."""

MOST_CLIENTS: Final = 64
"""Clients that are told apart on one connection; those that come later share a session."""

_CLIENT: Final = META_CLIENT.encode()


Counts: TypeAlias = dict[RequestId | None, int]
Restore: TypeAlias = Callable[[SessionId, str, float, Callable[[Counts], Outlet]], Awaitable[Session | None]]


class HttpSessions:
    """Opens sessions, and finds them again.

    Args:
        idle: Seconds after which a session that is not used is closed.
        handles: Seals the ids of sessions into the handles that clients know them by.
        restore: Takes up again a session of before a restart: from its id, its principal, the seconds after which an
            unused one is over, and what makes its way out.

    Attributes:
        idle: As given; may be changed.
        legacy: The sessions that a handshake has begun, by handle.
    """

    def __init__(self, gate: Gate, idle: float, handles: Seal, restore: Restore) -> None:
        self._handles = handles
        self._restore = restore
        self.legacy: dict[str, Session] = {}
        self._traces: dict[str, Session] = {}
        self._gate = gate
        self.idle = idle
        self._loop = asyncio.get_running_loop()

    def open(self, request: web.BaseRequest, trace: str = "") -> Session:
        """Begin a session."""
        return self._gate.open("http", request.remote or "", ANONYMOUS, self._outlet(), trace)

    def keep(self, session: Session) -> str:
        """Make a handle by which the client names the session from now on; empty when there are too many."""
        if len(self.legacy) >= MOST_SESSIONS:
            return ""
        token = self._handles.close(session.id.encode(), session.principal)
        cast(HttpOutlet, session.outlet).counts = {}
        self.legacy[token] = session
        return token

    def known(self, token: str, principal: str) -> Session | None:
        """The open session of ``principal`` that a handle names, if it is at hand."""
        session = self.legacy.get(token)
        return session if session is not None and not session.closed and session.principal == principal else None

    async def find(self, token: str, principal: str) -> Session | None:
        """The session of ``principal`` that a handle names, also one of before a restart.

        A handle that is unknown and one that is somebody else's are the same.
        """
        try:
            id = self._handles.open(token, principal).decode()
        except Broken:
            return None
        if token in self.legacy:
            return self.known(token, principal)
        if len(self.legacy) >= MOST_SESSIONS:
            return None
        session = await self._restore(id, principal, self.idle, self._outlet)
        if session is None or session.closed:
            return None
        self.legacy[token] = session
        return session

    def _outlet(self, counts: Counts | None = None) -> HttpOutlet:
        outlet = HttpOutlet(self._loop, self._loop.time())
        outlet.counts = counts
        return outlet

    def end(self, token: str, reason: str) -> bool:
        """Close a session by its handle; says whether there was one."""
        session = self.legacy.pop(token, None)
        if session is None:
            return False
        session.close(reason)
        return True

    def stateless(self, request: web.BaseRequest, connection: Connection, raw: bytes) -> Session:
        """The session of a stateless request: its trace's, else its client's on this connection."""
        if b'"traceparent"' in raw and (trace := _trace(raw)):
            session = self._traces.get(trace)
            if (session is None or session.closed) and len(self._traces) < MOST_SESSIONS:
                session = self._traces[trace] = self.open(request, trace)
            # Ids of two clients may collide: a busy trace gets another session.
            if session is not None and not session.closed and not session.pending:
                return session
        if connection.sessions is None:
            connection.sessions = {}
        client = _client(raw)
        if client not in connection.sessions and len(connection.sessions) >= MOST_CLIENTS:
            client = next(iter(connection.sessions))
        session = connection.sessions.get(client)
        if session is None or session.closed:
            session = connection.sessions[client] = self.open(request)
        return session

    def sweep(self) -> None:
        """Close what nobody uses."""
        late = self._loop.time() - self.idle
        for sessions in (self.legacy, self._traces):
            for key, session in list(sessions.items()):
                outlet = session.outlet
                if isinstance(outlet, HttpOutlet) and outlet.used < late and not (session.pending or outlet.exchanges):
                    del sessions[key]
                    session.close("nobody used it")


def _client(raw: bytes) -> bytes:
    """Who a stateless request says it comes from, as far as telling two clients on one connection apart goes."""
    at = raw.find(_CLIENT)
    end = raw.find(b"}", at, at + 200)
    return raw[at : end if end > 0 else at + 200] if at >= 0 else b""


def _trace(raw: bytes) -> str:
    """The trace id of a W3C ``traceparent`` in the request's metadata; empty when there is none that is valid."""
    try:
        parent: Any = Message(raw).meta.get("traceparent")
    except (ValueError, TypeError, AttributeError, RecursionError):  # the codec will say what is wrong
        return ""
    parts = parent.split("-") if isinstance(parent, str) else []
    valid = (
        len(parts) >= 4 and len(parts[1]) == 32 and set(parts[1]) <= set("0123456789abcdef") and set(parts[1]) != {"0"}
    )
    return parts[1] if valid else ""
