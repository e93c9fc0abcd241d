"""The sessions that live over HTTP: by handle, by trace, by client on a connection."""

import asyncio
import secrets
from typing import Any, Final, cast

from aiohttp import web

from adapters.grant import Grant
from adapters.http_exchange import HttpOutlet
from adapters.listener import Connection, grant_of
from adapters.sessions import Gate, Session
from events.message import Message
from operators.versions import META_CLIENT

MOST_SESSIONS: Final = 100_000
"""Sessions that are kept by handle, and as many by trace."""

MOST_CLIENTS: Final = 64
"""Clients that are told apart on one connection; those that come later share a session."""

_CLIENT: Final = META_CLIENT.encode()


class HttpSessions:
    """Opens sessions, and finds them again.

    Args:
        idle: Seconds after which a session that is not used is closed.

    Attributes:
        idle: As given; may be changed.
        legacy: The sessions that a handshake has begun, by handle.
    """

    def __init__(self, gate: Gate, idle: float) -> None:
        self.legacy: dict[str, Session] = {}
        self._traces: dict[Any, Session] = {}
        self._gate = gate
        self.idle = idle
        self._loop = asyncio.get_running_loop()

    def open(self, request: web.BaseRequest, trace: str = "") -> Session:
        """Begin a session."""
        outlet = HttpOutlet(self._loop, self._loop.time())
        grant = grant_of(request)
        return self._gate.open("http", request.remote or "", grant.principal, outlet, trace, grant=grant)

    def find(self, token: str, request: web.BaseRequest) -> Session | None:
        """A session by its handle, for the caller that began it: for anybody else there is none."""
        session = self.legacy.get(token)
        if session is None or session.closed:
            return None
        grant = cast(Connection, request.protocol).grant
        if grant is not None:  # else nobody is asked who they are
            if not session.grant.is_same_caller(grant):
                return None
            session.follow(grant)
        return session

    def keep(self, session: Session) -> str:
        """Make a handle by which the client names the session from now on; empty when there are too many."""
        if len(self.legacy) >= MOST_SESSIONS:
            return ""
        token = secrets.token_urlsafe(24)
        self.legacy[token] = session
        return token

    def end(self, token: str, reason: str, caller: Grant | None = None) -> bool:
        """Close a session by its handle; says whether there was one, and, given one, whether it was ``caller``'s."""
        session = self.legacy.get(token)
        if session is None or (caller is not None and not session.grant.is_same_caller(caller)):
            return False
        del self.legacy[token]
        session.close(reason)
        return True

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
                if isinstance(outlet, HttpOutlet) and outlet.used < late and not session.pending:
                    del sessions[key]
                    session.close("nobody used it")


def _shared(sessions: dict[bytes, Session], caller: bytes, client: bytes) -> bytes:
    """Whose session one more client of a caller takes part in: if the caller has none, its own, for which one goes."""
    for each in sessions:
        if each.startswith(caller):
            return each
    sessions.pop(next(iter(sessions))).close("too many callers use one connection")
    return client


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
