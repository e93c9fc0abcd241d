"""The HTTP side of an answer: its status and its headers."""

import math
import time
from email.utils import formatdate
from functools import lru_cache
from typing import Final, cast

from aiohttp import HttpVersion11, web

from adapters.listener import Connection
from events import codes
from events.decided import ErrorReady, RequestCancelled, ResponseReady
from events.event import Decided

SESSION_HEADER: Final = "Mcp-Session-Id"

_JSON: Final = {"Content-Type": "application/json"}

_STATUS: Final = {
    codes.PARSE_ERROR: 400,
    codes.INVALID_REQUEST: 400,
    codes.METHOD_NOT_FOUND: 404,
    codes.INVALID_PARAMS: 400,
    codes.INTERNAL_ERROR: 500,
    codes.HEADER_MISMATCH: 400,
    codes.MISSING_CAPABILITY: 400,
    codes.UNSUPPORTED_VERSION: 400,
    codes.OVERLOADED: 503,
    codes.RATE_LIMITED: 429,
    codes.UNAUTHORIZED: 403,
    codes.LOG_FAILED: 503,
    codes.ABORTED: 503,
    codes.TIMED_OUT: 504,
}
"""The HTTP status of an error (2026-07-28, basic: those up to -32022; the rest by their meaning)."""

_LEGACY_STATUS: Final = {
    code: _STATUS[code]
    for code in (codes.PARSE_ERROR, codes.INVALID_REQUEST, codes.UNSUPPORTED_VERSION, codes.HEADER_MISMATCH)
}
"""Legacy clients read an error from the body of a 200; only what is no message at all is a bad request."""


class Json(web.StreamResponse):
    """A JSON body with status 200 that goes out in one piece with its head.

    aiohttp would build the head anew for every answer: a tenth of what a request costs.
    """

    keep_alive = True

    def __init__(self, body: bytes) -> None:
        self._json = body  # and nothing else: there are no headers to keep

    async def prepare(self, request: web.BaseRequest) -> None:
        """Send it."""
        if request.transport is None:
            raise ConnectionResetError
        request.transport.write(b"%b%d\r\n\r\n%b" % (_head(), len(self._json), self._json))

    async def write_eof(self, _data: bytes = b"") -> None:
        """There is nothing left to send."""


def _head() -> bytes:
    """A response's head up to its length; it is the same for a second."""
    global _heads  # noqa: PLW0603 - a value of the clock, like the clock itself
    now = int(time.time())
    if _heads[0] != now:
        date = formatdate(now, usegmt=True).encode()
        head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nDate: %b\r\nContent-Length: " % date
        _heads = (now, head)
    return _heads[1]


_heads: tuple[int, bytes] = (0, b"")


def answer(
    request: web.BaseRequest, decision: Decided | None, frame: bytes, *, modern: bool, token: str, status: int
) -> web.StreamResponse:
    """The response that carries ``frame``.

    Args:
        request: What is answered.
        decision: What made the frame; it must be the last of its request.
        frame: The JSON-RPC response.
        modern: Whether the request was stateless.
        token: The handle of the session that the request has begun; empty when it began none.
        status: The status of an error, when it is not the one that belongs to its code; else 0.
    """
    if type(decision) is ResponseReady and not token and request.keep_alive and request.version == HttpVersion11:
        return Json(frame)
    headers: dict[str, str] = dict(_JSON)
    match decision:
        case ResponseReady():
            if token:
                headers[SESSION_HEADER] = token
            return web.Response(body=frame, headers=headers)
        case ErrorReady(code=code, data=data):
            if data and "retryAfter" in data:
                headers["Retry-After"] = str(max(1, math.ceil(float(str(data["retryAfter"])))))
            if code == codes.UNAUTHORIZED and data and "scope" in data:
                status, more = _step_up(request, str(data["scope"]))
                headers |= more
            status = status or (_STATUS if modern else _LEGACY_STATUS).get(code, 200)
            return web.Response(status=status, body=frame, headers=headers)
        case RequestCancelled():
            return web.Response(status=202)
    raise AssertionError(f"{type(decision).__name__} answers nothing")


def _step_up(request: web.BaseRequest, scope: str) -> tuple[int, dict[str, str]]:
    """What asks the client for a token with more scopes, in both eras (2025-11-25 and 2026-07-28, authorization)."""
    connection = cast(Connection, request.protocol)
    return (403, {}) if connection.door is None else connection.door.step_up(connection.grant, scope)


@lru_cache(maxsize=256)
def unacceptable(content_type: str, accept: str) -> tuple[int, str] | None:
    """The status and the reason for refusing a request by what it says of its body and of the answer's."""
    if not content_type.lower().startswith("application/json"):
        return 415, "the Content-Type must be application/json"
    accept = accept.lower()
    if "*/*" in accept or ("application/json" in accept and "text/event-stream" in accept):
        return None
    return 406, "the Accept header must list application/json and text/event-stream"
