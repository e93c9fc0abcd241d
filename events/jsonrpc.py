"""From bytes to events: what came is a request, a notification, a response, or malformed.

Sources: JSON-RPC 2.0; MCP 2025-11-25 and 2026-07-28, basic (ids are strings or integers, params are objects, a body
is one message). Nothing here raises: the sender's mistakes are events.
"""

import hashlib
from itertools import accumulate
from typing import Final

import orjson

from events import codes
from events.event import Observed, Origin, RequestId, SessionId
from events.message import Message, Object, parse
from events.observed import (
    CancelReceived,
    Headers,
    MessageMalformed,
    NotificationReceived,
    RequestReceived,
    ResponseReceived,
)

FRAME_LIMIT: Final = 4 * 1024 * 1024
"""The longest message that is read, in bytes."""

DEPTH_LIMIT: Final = 64
"""The deepest nesting of arrays and objects that is read."""

ID_LIMIT: Final = 256
"""The longest string id, in characters; integer ids fit 64 bits with sign."""

VALUE_LIMIT: Final = 30_000
"""The most values (objects, arrays and their members) in one message: as many cost a strict parser up to 35 ms."""

KEPT: Final = 64 * 1024
"""Of a malformed message up to this many bytes are kept; of a longer one, digest and length."""

CANCELLED: Final = "notifications/cancelled"

_NOT_BRACKETS: Final = bytes(set(range(256)) - set(b"[]{}"))
_STEPS: Final = {ord("["): 1, ord("{"): 1, ord("]"): -1, ord("}"): -1}
_DIGITS: Final = b"0" * 4301  # CPython refuses integers of so many digits (sys.set_int_max_str_digits)
_AS_ZEROS: Final = bytes.maketrans(b"123456789", b"000000000")


def decode(raw: bytes, session: SessionId, at: float, headers: Headers | None = None) -> Observed:
    """Say what ``raw`` is. ``at`` is the moment it came, in seconds since the epoch."""
    body: object = None
    if len(raw) > FRAME_LIMIT:
        problem = f"the message has {len(raw)} bytes; at most {FRAME_LIMIT} are read"
        return malformed(raw, Origin(session, None, at), codes.INVALID_REQUEST, problem)
    try:
        opening = raw.count(b"[") + raw.count(b"{")
        # Before each value but the first stands one of these: with so few, in strings or not, all is well.
        if opening > DEPTH_LIMIT or (len(raw) > VALUE_LIMIT and opening + raw.count(b",") > VALUE_LIMIT):
            check_structure(raw)
        body = parse(raw)
    except (ValueError, RecursionError) as error:
        return malformed(raw, Origin(session, None, at), codes.PARSE_ERROR, _unreadable(raw, error))
    if type(body) is not dict:
        problem = (
            "a JSON array is not a message: MCP has no batches; send one message at a time"
            if isinstance(body, list)
            else "a message is a JSON object"
        )
        return malformed(raw, Origin(session, None, at), codes.INVALID_REQUEST, problem)
    return _classify(raw, body, session, at, headers)


def _classify(raw: bytes, body: Object, session: SessionId, at: float, headers: Headers | None) -> Observed:
    id = body.get("id")
    request = id if is_id(id) else None
    origin = Origin(session, request, at)
    method = body.get("method")
    if body.get("jsonrpc") != "2.0":
        return malformed(raw, origin, codes.INVALID_REQUEST, 'the member "jsonrpc" must be "2.0"')
    if "id" in body and request is None:
        problem = f"the id must be a string of at most {ID_LIMIT} characters or a 64-bit integer, not {_unfit(id)}"
        return malformed(raw, origin, codes.INVALID_REQUEST, problem)
    if type(method) is str:
        params = body.get("params")
        if type(params) is not dict and "params" in body:
            problem = f"params must be an object, not {_kind(params)}"
            # A notification is never answered, whatever is wrong with its params (JSON-RPC 2.0, section 4.1).
            return malformed(raw, origin, codes.INVALID_PARAMS, problem, answer=request is not None)
        if request is not None:
            return RequestReceived(origin, Message(raw, body), headers)
        target = params.get("requestId") if method == CANCELLED and params else None
        if is_id(target):
            return CancelReceived(Origin(session, target, at), Message(raw, body))
        return NotificationReceived(origin, Message(raw, body))
    if "method" in body:
        return malformed(raw, origin, codes.INVALID_REQUEST, f"the method must be a string, not {_kind(method)}")
    if ("result" in body) != ("error" in body) and request is not None:
        return ResponseReceived(origin, Message(raw, body))
    problem = "a message has a method, or an id with either a result or an error"
    return malformed(raw, origin, codes.INVALID_REQUEST, problem, answer="result" not in body and "error" not in body)


def malformed(raw: bytes, origin: Origin, code: int, problem: str, *, answer: bool = True) -> MessageMalformed:
    """Record what cannot be understood: its bytes, or their digest and number when there are too many."""
    kept = raw if len(raw) <= KEPT else b""
    return MessageMalformed(origin, code, problem, kept, hashlib.sha256(raw).digest(), len(raw), answer)


def is_id(value: object) -> bool:
    """Whether ``value`` can be a request id here. A bool is an ``int`` to Python, but no id."""
    if type(value) is int:
        return -(2**63) <= value < 2**63
    return type(value) is str and len(value) <= ID_LIMIT


class TooMuch(ValueError):
    """JSON text that would cost a parser too much."""


def check_structure(raw: bytes) -> None:
    """Refuse JSON text that would cost a parser too much, in time linear in its length and without parsing it.

    Raises:
        TooMuch: It is nested too deeply, or has too many values.
    """
    outside, strings = _without_strings(raw)
    brackets = outside.translate(None, _NOT_BRACKETS)
    # No further than the values may go: beyond that it is too much in any case.
    if max(accumulate(map(_STEPS.__getitem__, brackets[: 2 * VALUE_LIMIT])), default=0) > DEPTH_LIMIT:
        raise TooMuch(f"it is nested deeper than {DEPTH_LIMIT} levels")
    if outside.count(b",") + len(brackets) // 2 > VALUE_LIMIT or strings > 2 * VALUE_LIMIT:
        raise TooMuch(f"it has more than {VALUE_LIMIT} values")


def _without_strings(raw: bytes) -> tuple[bytes, int]:
    """What stands outside the strings, and how many strings there are; of both no more than a message may have."""
    bare = raw.replace(b"\\\\", b"").replace(b'\\"', b"")
    parts = bare.split(b'"', 4 * VALUE_LIMIT + 2)  # two quotes for a value, and two for its key
    return b"".join(parts[: 4 * VALUE_LIMIT + 1 : 2]), len(parts) // 2


def id_text(request: RequestId | None) -> bytes:
    """The id as JSON; ``null`` when it could not be read (JSON-RPC 2.0, section 5)."""
    return b"%d" % request if type(request) is int else orjson.dumps(request)


def _unreadable(raw: bytes, error: Exception) -> str:
    """What is wrong with text that no parser takes; in words, without any of it."""
    if isinstance(error, TooMuch):
        return f"not readable as JSON: {error}"
    if raw.startswith(b"\xef\xbb\xbf"):
        return "not JSON: it starts with a byte order mark"
    try:
        raw.decode()
    except UnicodeDecodeError as bad:
        return f"not UTF-8: the byte at offset {bad.start} is wrong"
    if _has_long_number(raw):
        return "a number has more than 4300 digits"
    return f"not readable as JSON: {error}"


def _has_long_number(raw: bytes) -> bool:
    # A regular expression would look from every digit on to the end of the number: seconds for a long text.
    return _DIGITS in raw.translate(_AS_ZEROS) and _DIGITS in _without_strings(raw)[0].translate(_AS_ZEROS)


def _unfit(id: object) -> str:
    """What a value is that cannot be an id, though it may be of the right type."""
    if type(id) is int:
        return "a larger integer"
    return "a longer string" if type(id) is str else _kind(id)


def _kind(value: object) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return "a boolean"
        case int():
            return "an integer"
        case float():
            return "a fractional number"
        case str():
            return "a string"
        case list():
            return "an array"
        case _:
            return "an object"
