"""Facts, written in a few words: one session, ``at`` in seconds, bytes as a client would send them."""

import json
from typing import Any

from events.event import Observed, Origin, RequestId
from events.jsonrpc import decode
from events.message import Message
from events.observed import (
    CacheHit,
    CacheMissed,
    CallerLeft,
    CallFailed,
    CallReturned,
    CallYielded,
    CancelReceived,
    Headers,
    MessageLogged,
    PermitGiven,
    PermitRefused,
    ProgressReported,
    RequestReceived,
    SessionClosed,
    SessionOpened,
)
from operators.admitted import Admitted
from operators.policy import Policy, dump
from operators.versions import LATEST_LEGACY, META_CAPABILITIES, META_VERSION, MODERN

SESSION = "01890a5d-ac96-774b-bcce-b302099a8057"
OTHER = "01890a5d-ac96-774b-bcce-b302099a8058"
MODERN_META = {META_VERSION: MODERN[0], META_CAPABILITIES: {}}


def origin(request: RequestId | None = None, at: float = 0.0, session: str = SESSION) -> Origin:
    return Origin(session, request, at)


def opened(
    at: float = 0.0,
    session: str = SESSION,
    principal: str = "anonymous",
    policy: Policy | None = None,
    transport: str = "websocket",
) -> SessionOpened:
    return SessionOpened(origin(None, at, session), transport, "", principal, dump(policy or Policy()))


def closed(at: float = 0.0, session: str = SESSION) -> SessionClosed:
    return SessionClosed(origin(None, at, session), "the peer left")


def frame(id: RequestId | None, method: str, params: dict[str, Any] | None = None) -> bytes:
    body: dict[str, Any] = {"jsonrpc": "2.0", "id": id, "method": method, "params": params}
    return json.dumps({key: value for key, value in body.items() if value is not None}).encode()


def message(id: RequestId | None, method: str, params: dict[str, Any] | None = None) -> Message:
    return Message(frame(id, method, params))


def request(
    id: RequestId,
    method: str = "tools/call",
    params: dict[str, Any] | None = None,
    *,
    at: float = 0.0,
    session: str = SESSION,
    headers: Headers | None = None,
) -> RequestReceived:
    fact = decode(frame(id, method, params), session, at, headers)
    assert isinstance(fact, RequestReceived)
    return fact


def modern(
    id: RequestId,
    method: str = "tools/call",
    params: dict[str, Any] | None = None,
    *,
    at: float = 0.0,
    session: str = SESSION,
    headers: Headers | None = None,
    meta: dict[str, Any] | None = None,
) -> RequestReceived:
    """A request of the stateless era, with the metadata that it must have."""
    params = {**(params or {}), "_meta": MODERN_META if meta is None else meta}
    return request(id, method, params, at=at, session=session, headers=headers)


def admitted(
    id: RequestId,
    method: str = "tools/call",
    name: str = "echo",
    params: dict[str, Any] | None = None,
    *,
    at: float = 0.0,
    session: str = SESSION,
    version: str = LATEST_LEGACY,
) -> Admitted:
    params = {"name": name, **(params or {})} if name else params
    return Admitted(origin(id, at, session), message(id, method, params), method, name, version)


def cancelled(id: RequestId, at: float = 0.0, session: str = SESSION) -> CancelReceived:
    return CancelReceived(origin(id, at, session), message(None, "notifications/cancelled", {"requestId": id}))


def left(id: RequestId, at: float = 0.0, session: str = SESSION) -> CallerLeft:
    return CallerLeft(origin(id, at, session))


def returned(
    id: RequestId, payload: bytes = b"{}", *, at: float = 0.0, session: str = SESSION, is_error: bool = False
) -> CallReturned:
    return CallReturned(origin(id, at, session), payload, is_error)


def failed(id: RequestId, code: int = -32603, message: str = "internal error", *, at: float = 0.0) -> CallFailed:
    return CallFailed(origin(id, at), code, message)


def yielded(id: RequestId, payload: bytes = b'{"type":"text","text":"one"}', at: float = 0.0) -> CallYielded:
    return CallYielded(origin(id, at), payload)


def progressed(id: RequestId, progress: float, at: float = 0.0) -> ProgressReported:
    return ProgressReported(origin(id, at), progress, None, "")


def logged(id: RequestId, level: str, at: float = 0.0) -> MessageLogged:
    return MessageLogged(origin(id, at), level, "tests", b'"text"')


def permitted(id: RequestId, at: float = 0.0, session: str = SESSION) -> PermitGiven:
    return PermitGiven(origin(id, at, session), "calls", 1.0)


def refused(id: RequestId, retry_after: float = 0.75, at: float = 0.0) -> PermitRefused:
    return PermitRefused(origin(id, at), "calls", 0.25, retry_after)


def hit(id: RequestId, payload: bytes = b"{}", at: float = 0.0, session: str = SESSION) -> CacheHit:
    return CacheHit(origin(id, at, session), payload, 1.5)


def missed(id: RequestId, at: float = 0.0, session: str = SESSION) -> CacheMissed:
    return CacheMissed(origin(id, at, session))


def read(raw: bytes, at: float = 0.0, headers: Headers | None = None) -> Observed:
    """What the codec makes of bytes."""
    return decode(raw, SESSION, at, headers)
