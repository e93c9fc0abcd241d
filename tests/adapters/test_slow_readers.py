"""A client that reads slowly slows down what is told to it, and nothing else; nothing of it is lost."""

import asyncio
import json
import re
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest

from events.observed import CallReturned
from tests.facts import MODERN_META, frame
from tests.serving import LONG, Served, serving, soon, stateless

PARTS = 300
PART = 64 * 1024
"""Together 19 MB: much more than sockets hold for a client, and more than what cuts one off."""

POUR = {"name": "pour", "arguments": {"count": PARTS, "size": PART}, "_meta": {"progressToken": 7}}


def _websocket() -> bytes:
    raw = frame(1, "tools/call", {**POUR, "_meta": {**MODERN_META, "progressToken": 7}})
    return (
        b"GET /ws HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
        b"\x81\xfe" + len(raw).to_bytes(2) + b"\0\0\0\0" + raw
    )


def _http(extra: dict[str, str], raw: bytes) -> bytes:
    headers = {"Host": "localhost", "Content-Type": "application/json", "Content-Length": str(len(raw)), **extra}
    head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return f"POST /mcp HTTP/1.1\r\n{head}\r\n".encode() + raw


async def over_websocket(_served: Served) -> bytes:
    return _websocket()


async def over_http(_served: Served) -> bytes:
    raw, headers = stateless(1, "tools/call", POUR)
    return _http(headers, raw)


async def over_legacy_http(served: Served) -> bytes:
    return _http(await served.initialize(), frame(1, "tools/call", POUR))


@asynccontextmanager
async def slow_reader(served: Served, sent: bytes) -> AsyncIterator[socket.socket]:
    """A client that has sent this and does not read, with little room in its kernel."""
    with socket.socket() as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16 * 1024)
        client.setblocking(False)
        loop = asyncio.get_running_loop()
        await soon(loop.sock_connect(client, ("127.0.0.1", served.port)))
        await soon(loop.sock_sendall(client, sent))
        yield client


async def at_rest(served: Served) -> int:
    """How many parts were poured when no more are."""
    async with asyncio.timeout(LONG):
        while True:
            before = len(served.tools.done)
            await asyncio.sleep(0.2)
            if before and len(served.tools.done) == before:
                return before


async def parts_until_answer(client: socket.socket) -> list[int]:
    """Read to the answer, fast now; the number in each part that came before it."""
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
    loop, found = asyncio.get_running_loop(), b""
    while b'"content":[' not in found[-200:]:
        got = await soon(loop.sock_recv(client, 1 << 20))
        assert got, "the connection ended before the answer"
        found += got
    return [int(number) for number in re.findall(rb'"progress":(\d+)', found)]


Way = Callable[[Served], Awaitable[bytes]]
WAYS = pytest.mark.parametrize("way", [over_websocket, over_http, over_legacy_http])


@WAYS
async def test_a_call_goes_no_faster_than_its_client_reads_and_loses_nothing(way: Way) -> None:
    async with serving() as served, slow_reader(served, await way(served)) as client:
        poured = await at_rest(served)
        assert poured < PARTS
        assert (await served.modern(2, "tools/call", {"name": "echo", "arguments": {"text": "hi"}})).status == 200
        assert await parts_until_answer(client) == list(range(1, PARTS + 1))


@WAYS
async def test_a_client_that_leaves_without_reading_holds_nothing_up(way: Way) -> None:
    async with serving() as served:
        async with slow_reader(served, await way(served)):
            await at_rest(served)
        if way is over_legacy_http:
            await served.until(
                CallReturned, 2
            )  # the handshake's, and this: a lost connection cancels no legacy request
            assert len(served.tools.done) == PARTS
        else:
            async with asyncio.timeout(LONG):
                while len(served.app.calls):  # noqa: ASYNC110 - it is a counter
                    await asyncio.sleep(0.005)
            assert len(served.tools.done) < PARTS


async def test_a_client_that_reads_gets_all_of_it() -> None:
    async with serving() as served:
        *parts, answer = (await served.modern(1, "tools/call", POUR)).messages
        assert [part["params"]["progress"] for part in parts] == list(range(1, PARTS + 1))
        assert json.loads(answer["result"]["content"][0]["text"]) == PARTS
