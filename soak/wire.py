"""Websocket and HTTP as bytes: what a client writes, and how what it reads is cut into messages."""

import base64
import hashlib
import os
from collections.abc import Iterator
from typing import Final, NamedTuple

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0x0, 0x1, 0x2, 0x8, 0x9, 0xA
_FIN: Final = 0x80
_MASK: Final = b"\x5a\xc3\x96\x0f"
_GUID: Final = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


class LostFraming(Exception):
    """What came cannot be cut into messages."""


class Response(NamedTuple):
    """An HTTP response. Header names are in small letters."""

    status: int
    headers: dict[str, str]
    body: bytes


def upgrade(key: bytes) -> bytes:
    """The request that turns a connection into a websocket (RFC 6455, section 4.1); ``key`` is 16 random bytes."""
    return (
        b"GET /ws HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: %b\r\n"
        b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: mcp\r\n\r\n"
    ) % base64.b64encode(key)


def check_upgrade(response: Response, key: bytes) -> None:
    """Check the server's half of the handshake.

    Raises:
        LostFraming: It did not agree.
    """
    proof = base64.b64encode(hashlib.sha1(base64.b64encode(key) + _GUID, usedforsecurity=False).digest()).decode()
    if response.status != 101 or response.headers.get("sec-websocket-accept") != proof:
        raise LostFraming(f"no websocket here: {response}")
    if response.headers.get("sec-websocket-protocol") != "mcp":
        raise LostFraming("the subprotocol mcp was not taken")


def frame(payload: bytes, opcode: int = TEXT, *, final: bool = True) -> bytes:
    """A client's frame, masked as RFC 6455 wants it."""
    size = len(payload)
    first = opcode | (_FIN if final else 0)
    if size < 126:
        head = bytes((first, 0x80 | size))
    elif size < 1 << 16:
        head = bytes((first, 0x80 | 126)) + size.to_bytes(2, "big")
    else:
        head = bytes((first, 0x80 | 127)) + size.to_bytes(8, "big")
    mask = int.from_bytes((_MASK * (size // 4 + 1))[:size], "little")
    return head + _MASK + (int.from_bytes(payload, "little") ^ mask).to_bytes(size, "little")


def fragments(payload: bytes, cut: int, opcode: int = TEXT) -> bytes:
    """A message in two frames with a ping between them, which RFC 6455, section 5.4 allows."""
    parts = (frame(payload[:cut], opcode, final=False), frame(os.urandom(4), PING), frame(payload[cut:], CONTINUATION))
    return b"".join(parts)


def take_frames(data: bytes | bytearray) -> Iterator[tuple[int, bytes, int]]:
    """The opcode, the payload and the end of each whole frame of a server in ``data``.

    Raises:
        LostFraming: It is none.
    """
    at, size = 0, len(data)
    while size - at >= 2:
        length = data[at + 1]
        start = at + 2
        if length > 127 or not data[at] & _FIN:
            raise LostFraming(f"no server's frame begins with {bytes(data[at : at + 2])!r}")
        if length >= 126:
            start = at + (4 if length == 126 else 10)
            length = int.from_bytes(data[at + 2 : start], "big")
        end = start + length
        if start > size or end > size:
            return
        yield data[at] & 0x0F, bytes(data[start:end]), end
        at = end


def post(body: bytes, headers: dict[str, str]) -> bytes:
    """An HTTP request that carries a message."""
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return (
        "POST /mcp HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
        f"Accept: application/json, text/event-stream\r\n{lines}Content-Length: {len(body)}\r\n\r\n"
    ).encode() + body


def take_response(data: bytes | bytearray) -> tuple[Response, int] | None:
    """The HTTP response that ``data`` begins with, and its end; None while it is incomplete.

    Raises:
        LostFraming: It is none that ends where it says.
    """
    split = data.find(b"\r\n\r\n")
    if split < 0:
        return None
    first, *lines = bytes(data[:split]).decode("latin-1").split("\r\n")
    if not first.startswith("HTTP/1.1 ") or not first[9:12].isdigit():
        raise LostFraming(f"not an HTTP response: {first[:60]!r}")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    status, start = int(first[9:12]), split + 4
    if headers.get("transfer-encoding") == "chunked":
        found = _take_chunks(data, start)
        return found and (Response(status, headers, found[0]), found[1])
    if "content-length" not in headers and status not in (101, 204):
        raise LostFraming(f"a response without its length: {first!r}")
    end = start + int(headers.get("content-length", 0))
    return (Response(status, headers, bytes(data[start:end])), end) if len(data) >= end else None


def _take_chunks(data: bytes | bytearray, at: int) -> tuple[bytes, int] | None:
    """A body in chunks (RFC 9112, section 7.1) and its end."""
    body = b""
    while (line := data.find(b"\r\n", at)) >= 0:
        size = int(data[at:line], 16)
        start, end = line + 2, line + 2 + size
        if len(data) < end + 2:
            return None
        if not size:
            return body, end + 2
        body += data[start:end]
        at = end + 2
    return None
