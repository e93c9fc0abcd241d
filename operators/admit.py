"""Let in what follows the protocol: lifecycle, metadata and headers of both eras."""

from collections.abc import Collection, Iterable, Sequence
from functools import lru_cache, partial
from typing import Any, Final, NamedTuple

from events import codes
from events.decided import RequestRejected, SessionAgreed
from events.event import Event, Origin
from events.message import Message
from events.observed import Headers, PolicyReplaced, RequestReceived, SessionOpened
from operators.admitted import Admitted
from operators.encoded_word import plain
from operators.era import is_modern
from operators.methods import (
    BATCH,
    LEGACY_METHODS,
    LISTEN,
    LOG_LEVELS,
    MODERN_METHODS,
    NAMED,
    STREAM,
    SUBSCRIBE,
    UNSUBSCRIBE,
)
from operators.param_headers import ParamHeader, ParamHeaders
from operators.policy import load
from operators.stage import Stage, stage
from operators.versions import LATEST_LEGACY, LEGACY, META_CAPABILITIES, META_LOG_LEVEL, META_VERSION, MODERN

_NOT_IN_A_BATCH: Final = frozenset({BATCH, STREAM, SUBSCRIBE, UNSUBSCRIBE, LISTEN, "initialize", "logging/setLevel"})
"""What acts on the session that sends it, or tells it more than one answer."""


class Handshake:
    """What a session settled on.

    Attributes:
        version: The version in force; None before ``initialize``, and where each request says it.
        batch: Whether the requests are those of a batch, for which its sender has settled everything.
        headers: The headers that calls have to bring.
    """

    def __init__(self, headers: ParamHeaders) -> None:
        self.version: str | None = None
        self.batch = False
        self.headers = headers


class Known(NamedTuple):
    """The requests that each era knows."""

    legacy: frozenset[str]
    modern: frozenset[str]


class _Refused(Exception):
    def __init__(self, code: int, message: str, data: dict[str, Any] | None = None) -> None:
        self.rejection = (code, message, data)


def admit(extensions: Collection[str] = (), headers: Iterable[ParamHeader] = ()) -> Stage:
    """Follow a request that keeps to the protocol by :class:`Admitted`; reject any other with what is wrong.

    ``extensions`` are requests that are known besides those of the protocol, ``headers`` those that repeat arguments.
    """
    wanted = ParamHeaders(headers)
    known = Known(LEGACY_METHODS.union(extensions), MODERN_METHODS.union(extensions))

    def opened(handshake: Handshake, event: SessionOpened) -> Sequence[Event]:
        if event.version:
            handshake.version, handshake.batch = event.version, True
        return (event,)

    def received(handshake: Handshake, event: RequestReceived) -> Sequence[Event]:
        origin, message, headers = event.origin, event.message, event.headers
        try:
            if handshake.batch:
                return (event, _admitted(origin, message, _item(handshake, message, known)))
            if is_modern(message, headers):
                return (event, _admitted(origin, message, _modern(message, headers, known.modern, handshake.headers)))
            return (event, *_legacy(handshake, origin, message, known.legacy))
        except _Refused as refused:
            return (event, RequestRejected(origin, *refused.rejection))

    def replaced(handshake: Handshake, event: PolicyReplaced) -> Sequence[Event]:
        handshake.headers = _headers(event.policy)
        return (event,)

    fresh = partial(Handshake, wanted)
    return stage("admit", fresh, {SessionOpened: opened, RequestReceived: received, PolicyReplaced: replaced})


@lru_cache(maxsize=64)
def _headers(policy: bytes) -> ParamHeaders:
    return ParamHeaders(load(policy).headers)


def _admitted(origin: Origin, message: Message, version: str) -> Admitted:
    return Admitted(origin, message, message.method, message.name, version)


def _item(handshake: Handshake, message: Message, known: Known) -> str:
    """The version of a request in a batch: that of the batch."""
    version = handshake.version or LATEST_LEGACY
    if message.method in _NOT_IN_A_BATCH:
        raise _Refused(codes.INVALID_REQUEST, f"{message.method} cannot be part of a batch: send it by itself")
    _check_method(message.method, known.modern if version in MODERN else known.legacy)
    return version


def _modern(message: Message, headers: Headers | None, known: frozenset[str], wanted: ParamHeaders) -> str:
    """The version of a stateless request. The order of the tests is the specification's: the first failure is told."""
    meta, method = message.meta, message.method
    if type(meta.get(META_VERSION)) is not str:
        raise _misfit(meta, META_VERSION)
    if type(meta.get(META_CAPABILITIES)) is not dict:
        raise _misfit(meta, META_CAPABILITIES)
    version: str = meta[META_VERSION]
    if headers is not None:
        _check_headers(headers, message, version)
    if version not in MODERN:
        data = {"supported": list(MODERN), "requested": version}
        raise _Refused(codes.UNSUPPORTED_VERSION, f"protocol version {version[:32]!r} is not served", data)
    if wanted and headers is not None and method == "tools/call":
        problem = wanted.problem(message.name, message.params.get("arguments"), headers.params or {})
        if problem:
            raise _Refused(codes.HEADER_MISMATCH, problem)
    _check_method(method, known)
    _check_level(meta.get(META_LOG_LEVEL, "info"))
    return version


def _misfit(meta: dict[str, Any], key: str) -> _Refused:
    problem = "has the wrong type for" if key in meta else "lacks"
    return _Refused(codes.INVALID_PARAMS, f"params._meta {problem} {key!r}")


def _check_headers(headers: Headers, message: Message, version: str) -> None:
    method, name = message.method, message.name
    if headers.protocol_version != version:
        raise _mismatch("MCP-Protocol-Version", headers.protocol_version, version)
    if headers.method != method:
        raise _mismatch("Mcp-Method", headers.method, method)
    if method in NAMED and (headers.name is None or plain(headers.name) != name):
        problem = "is missing" if headers.name is None else f"does not name {name[:64]!r}, as the body does"
        raise _Refused(codes.HEADER_MISMATCH, f"the header Mcp-Name {problem}")


def _mismatch(header: str, sent: str | None, body: str) -> _Refused:
    problem = "is missing" if sent is None else f"says {sent[:64]!r} where the body says {body[:64]!r}"
    return _Refused(codes.HEADER_MISMATCH, f"the header {header} {problem}")


def _legacy(handshake: Handshake, origin: Origin, message: Message, known: frozenset[str]) -> Sequence[Event]:
    method = message.method
    if method == "initialize":
        return _initialize(handshake, origin, message)
    version = handshake.version
    if version is None:
        if method != "ping":
            raise _Refused(codes.INVALID_REQUEST, "the session is not initialized: send initialize first")
        version = LATEST_LEGACY
    _check_method(method, known)
    if method == "logging/setLevel":
        _check_level(message.params.get("level"))
    return (_admitted(origin, message, version),)


def _initialize(handshake: Handshake, origin: Origin, message: Message) -> Sequence[Event]:
    asked = message.params.get("protocolVersion")
    if handshake.version is not None:
        raise _Refused(codes.INVALID_REQUEST, f"the session is initialized already, with version {handshake.version}")
    if not isinstance(asked, str):
        raise _Refused(codes.INVALID_PARAMS, "params.protocolVersion must be a string")
    handshake.version = asked if asked in LEGACY else LATEST_LEGACY
    info = message.params.get("clientInfo")
    client = " ".join(str(info.get(key, ""))[:64] for key in ("name", "version")) if isinstance(info, dict) else ""
    agreed = SessionAgreed(origin, handshake.version, client.strip())
    return (agreed, _admitted(origin, message, handshake.version))


def _check_method(method: str, known: frozenset[str]) -> None:
    if method not in known:
        raise _Refused(codes.METHOD_NOT_FOUND, f"there is no method {method[:64]!r}")


def _check_level(level: object) -> None:
    if level not in LOG_LEVELS:
        raise _Refused(codes.INVALID_PARAMS, f"the log level must be one of {', '.join(LOG_LEVELS)}")
