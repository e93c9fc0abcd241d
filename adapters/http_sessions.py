"""The sessions that live over HTTP: by handle, by trace, by client on a connection."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Final, TypeAlias, cast

from aiohttp import web

from adapters.grant import Grant
from adapters.http_exchange import HttpOutlet
from adapters.listener import Connection, grant_of
from adapters.seal import Broken, Seal
from adapters.sessions import Gate, Outlet, Session
from events.event import RequestId, SessionId
from events.message import Message
from events.traces import trace_of
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
        self._traces: dict[Any, Session] = {}
        self._gate = gate
        self.idle = idle
        self._loop = asyncio.get_running_loop()

    def open(self, request: web.BaseRequest, trace: str = "") -> Session:
        """Begin a session."""
        grant = grant_of(request)
        return self._gate.open("http", request.remote or "", grant.principal, self._outlet(), trace, grant=grant)

    def known(self, token: str, request: web.BaseRequest) -> Session | None:
        """An open session by its handle, for the caller that began it: for anybody else there is none."""
        session = self.legacy.get(token)
        if session is None or session.closed:
            return None
        grant = cast(Connection, request.protocol).grant
        if grant is not None:  # else nobody is asked who they are
            if not session.grant.is_same_caller(grant):
                return None
            session.follow(grant)
        return session

    async def find(self, token: str, request: web.BaseRequest) -> Session | None:
        """As :meth:`known`, and if there is none, one of before a restart.

        A handle that is unknown and one that is somebody else's are the same.
        """
        if token in self.legacy or len(self.legacy) >= MOST_SESSIONS:
            return self.known(token, request)
        grant = grant_of(request)
        try:
            id = self._handles.open(token, _owner(grant)).decode()
        except Broken:
            return None
        session = await self._restore(id, grant.principal, self.idle, self._outlet)
        if session is None or session.closed:
            return None
        self.legacy[token] = session
        session.follow(grant)
        return session

    def keep(self, session: Session) -> str:
        """Make a handle by which the client names the session from now on; empty when there are too many."""
        if len(self.legacy) >= MOST_SESSIONS:
            return ""
        token = self._handles.close(session.id.encode(), _owner(session.grant))
        cast(HttpOutlet, session.outlet).counts = {}
        self.legacy[token] = session
        return token

    def _outlet(self, counts: Counts | None = None) -> HttpOutlet:
        outlet = HttpOutlet(self._loop, self._loop.time())
        outlet.counts = counts
        return outlet

    def end(self, token: str, reason: str) -> None:
        """Close a session by its handle, if there is one."""
        if (session := self.legacy.pop(token, None)) is not None:
            session.close(reason)

    def stateless(self, request: web.BaseRequest, connection: Connection, raw: bytes) -> Session:
        """The session of a stateless request: its trace's, else its client's on this connection.

        Callers that were told apart by what they showed never share one.
        """
        grant = connection.grant
        if b'"traceparent"' in raw and (trace := _trace(raw)):
            key = trace if grant is None else (trace, grant.principal, grant.client)
            session = self._traces.get(key)
            if (session is None or session.closed) and len(self._traces) < MOST_SESSIONS:
                session = self._traces[key] = self.open(request, trace)
            # Ids of two clients may collide: a busy trace gets another session.
            if session is not None and not session.closed and not session.pending:
                if grant is not None:
                    session.follow(grant)
                return session
        if connection.sessions is None:
            connection.sessions = {}
        client, caller = _client(raw), b""
        if grant is not None:
            caller = f"{grant.principal}\n{grant.client}\n".encode()
            client = caller + client
        if client not in connection.sessions and len(connection.sessions) >= MOST_CLIENTS:
            client = _shared(connection.sessions, caller, client)
        session = connection.sessions.get(client)
        if session is None or session.closed:
            session = connection.sessions[client] = self.open(request)
        if grant is not None:
            session.follow(grant)
        return session

    def sweep(self) -> None:
        """Close what nobody uses."""
        late = self._loop.time() - self.idle
        stores: tuple[dict[Any, Session], ...] = (self.legacy, self._traces)
        for sessions in stores:
            for key, session in list(sessions.items()):
                outlet = session.outlet
                if isinstance(outlet, HttpOutlet) and outlet.used < late and not (session.pending or outlet.exchanges):
                    del sessions[key]
                    session.close("nobody used it")


def _shared(sessions: dict[bytes, Session], caller: bytes, client: bytes) -> bytes:
    """Whose session one more client of a caller takes part in: if the caller has none, its own, for which one goes."""
    for each in sessions:
        if each.startswith(caller):
            return each
    sessions.pop(next(iter(sessions))).close("too many callers use one connection")
    return client


def _owner(grant: Grant) -> str:
    """Whose a session is: a principal's with one client."""
    return f"{grant.principal}\0{grant.client}"


def _client(raw: bytes) -> bytes:
    """Who a stateless request says it comes from, as far as telling two clients on one connection apart goes."""
    at = raw.find(_CLIENT)
    end = raw.find(b"}", at, at + 200)
    return raw[at : end if end > 0 else at + 200] if at >= 0 else b""


def _trace(raw: bytes) -> str:
    """The trace id of a W3C ``traceparent`` in the request's metadata; empty when there is none that is valid."""
    try:
        return trace_of(Message(raw).meta)
    except (ValueError, TypeError, AttributeError, RecursionError):  # the codec will say what is wrong
        return ""
