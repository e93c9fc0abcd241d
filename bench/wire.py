"""Requests as bytes, and answers taken out of bytes, at a cost far below that of any server.

Every request calls the tool ``echo``, with a text of its own, so that no cache helps, unless the load says otherwise.
Ids have ten digits, so that one is never a part of another.
"""

import base64
import hashlib
import re
from collections.abc import Callable, Iterator
from typing import Final

FIRST_ID: Final = 1_000_000_000
APART: Final = 1000
PADDING: Final = b"the quick brown fox jumps over the lazy dog "
META: Final = (
    b'{"io.modelcontextprotocol/protocolVersion":"2026-07-28",'
    b'"io.modelcontextprotocol/clientCapabilities":{},'
    b'"io.modelcontextprotocol/clientInfo":{"name":"bench","version":"1"}}'
)
MODERN: Final = b"MCP-Protocol-Version: 2026-07-28\r\nMcp-Method: tools/call\r\nMcp-Name: echo\r\n"
LEGACY: Final = b"MCP-Protocol-Version: 2025-11-25\r\n"
HELLO: Final = (
    b'{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},'
    b'"clientInfo":{"name":"bench","version":"1"}}}'
)
GREETED: Final = b'"protocolVersion":"2025-11-25"'
READY: Final = b'{"jsonrpc":"2.0","method":"notifications/initialized"}'
MASK: Final = b"\x5a\xc3\x96\x0f"
TEXT, CLOSE, PING, PONG = 0x81, 0x88, 0x89, 0x8A

_SESSION: Final = re.compile(rb"\r\nmcp-session-id: *([^\r]+)", re.IGNORECASE)
_LENGTH: Final = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)


class LostFraming(Exception):
    """What came cannot be cut into answers."""


def text_of(number: int, asked: int = 1) -> bytes:
    """The argument of one request: ``asked`` requests have the same, each :data:`APART` after the one before.

    One of ``asked`` requests is the first to ask for its text, at any moment of a load.
    """
    if asked > 1:
        number = number // asked - number % asked * (APART // asked)
    return b"%b%010d" % (PADDING, number ^ 0x2545F491)


def call(number: int, *, modern: bool, asked: int = 1) -> bytes:
    """A ``tools/call`` as compact JSON."""
    meta = b',"_meta":' + META if modern else b""
    return b'{"jsonrpc":"2.0","id":%d,"method":"tools/call","params":{"name":"echo","arguments":{"text":"%b"}%b}}' % (
        number,
        text_of(number, asked),
        meta,
    )


def post(host: str, body: bytes, headers: bytes) -> bytes:
    """An HTTP request."""
    head = (
        b"POST /mcp HTTP/1.1\r\nHost: %b\r\nContent-Type: application/json\r\n"
        b"Accept: application/json, text/event-stream\r\n%bContent-Length: %d\r\n\r\n"
    )
    return head % (host.encode(), headers, len(body)) + body


def calls(host: str, headers: bytes, *, modern: bool, asked: int = 1) -> Callable[[int], bytes]:
    """Make the function that gives the HTTP request for an id. All bodies are equally long, so the head is the same."""
    body = call(FIRST_ID, modern=modern)
    head = post(host, body, headers).removesuffix(body)
    return lambda number: head + call(number, modern=modern, asked=asked)


def session_headers(response: bytes) -> bytes:
    """What each request of a legacy session carries, after the response to its ``initialize``."""
    session = _SESSION.search(response)
    return LEGACY + (b"Mcp-Session-Id: %b\r\n" % session[1] if session else b"")


def take_response(data: bytes) -> tuple[int, bytes, int] | None:
    """The status, the body and the end of the HTTP response that ``data`` begins with; None while it is incomplete.

    Raises:
        LostFraming: It is no HTTP response that ends where it says.
    """
    split = data.find(b"\r\n\r\n")
    if split < 0:
        return None
    if not data.startswith(b"HTTP/1.1 "):
        raise LostFraming(f"not an HTTP response: {data[:40]!r}")
    status = int(data[9:12])
    start = split + 4
    if found := _LENGTH.search(data, 0, split):
        end = start + int(found[1])
        return (status, data[start:end], end) if len(data) >= end else None
    raise LostFraming("a response without its length")


def upgrade(host: str, path: str, subprotocol: str, key: bytes) -> bytes:
    """The request that turns a connection into a websocket (RFC 6455, section 4.1). ``key`` is 16 random bytes."""
    return (
        f"GET {path} HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        f"Sec-WebSocket-Key: {base64.b64encode(key).decode()}\r\nSec-WebSocket-Version: 13\r\n"
        f"Sec-WebSocket-Protocol: {subprotocol}\r\n\r\n"
    ).encode()


def check_upgrade(head: bytes, subprotocol: str, key: bytes) -> None:
    """Check the server's half of the handshake.

    Raises:
        LostFraming: It did not agree.
    """
    lines = head.decode("latin-1").split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:])}
    proof = hashlib.sha1(base64.b64encode(key) + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11", usedforsecurity=False)
    if not lines[0].startswith("HTTP/1.1 101 "):
        raise LostFraming(f"no websocket here: {lines[0]}")
    if headers.get("sec-websocket-accept") != base64.b64encode(proof.digest()).decode():
        raise LostFraming("Sec-WebSocket-Accept is wrong")
    if headers.get("sec-websocket-protocol") != subprotocol:
        raise LostFraming(f"the subprotocol {subprotocol!r} was not taken")


def frame(payload: bytes, opcode: int = TEXT) -> bytes:
    """A masked frame. The mask is constant, which costs the server the same and this side less."""
    size = len(payload)
    if size < 126:
        head = bytes((opcode, 0x80 | size))
    elif size < 65536:
        head = bytes((opcode, 0xFE)) + size.to_bytes(2, "big")
    else:
        raise ValueError("longer than anything that is sent here")
    mask = _mask(size)
    masked = (int.from_bytes(payload, "little") ^ mask).to_bytes(size, "little")
    return head + MASK + masked


def take_frames(data: bytes) -> Iterator[tuple[int, bytes, int]]:
    """The first byte, the payload and the end of each whole frame in ``data``.

    Raises:
        LostFraming: A frame is masked, which no server's is.
    """
    at, size = 0, len(data)
    while size - at >= 2:
        length = data[at + 1]
        start = at + 2
        if length == 126:
            start = at + 4
            length = int.from_bytes(data[at + 2 : start], "big")
        elif length == 127:
            start = at + 10
            length = int.from_bytes(data[at + 2 : start], "big")
        elif length > 127:
            raise LostFraming("a server does not mask its frames")
        end = start + length
        if start > size or end > size:
            return
        yield data[at], data[start:end], end
        at = end


_masks: dict[int, int] = {}


def _mask(size: int) -> int:
    if size not in _masks:
        _masks[size] = int.from_bytes((MASK * (size // 4 + 1))[:size], "little")
    return _masks[size]
