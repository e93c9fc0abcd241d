import asyncio
import errno
import json
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from adapters.listener import bound
from events.observed import SessionOpened
from tests.facts import frame
from tests.serving import Served, serving, soon, stateless

PATHS = ["/mcp", "/ws", "/health", "/metrics", "/", "/none"]


@asynccontextmanager
async def raw(served: Served, sent: bytes) -> AsyncIterator[asyncio.StreamReader]:
    """A connection on which these bytes were sent."""
    reader, writer = await soon(asyncio.open_connection("127.0.0.1", served.port))
    writer.write(sent)
    try:
        yield reader
    finally:
        writer.close()
        await soon(_closed(writer))


async def _closed(writer: asyncio.StreamWriter) -> None:
    try:
        await writer.wait_closed()
    except ConnectionError:
        return


async def test_only_the_servers_own_names_and_pages_are_answered_on_any_path() -> None:
    async with serving() as served:
        for path in PATHS:
            for method in ("GET", "POST", "OPTIONS", "DELETE"):
                for headers, status in (
                    ({"Host": "evil.example"}, 421),
                    ({"Host": f"localhost.evil.example:{served.port}"}, 421),
                    ({"Origin": "http://evil.example"}, 403),
                    ({"Origin": "null"}, 403),
                ):
                    async with served.request(method, path, headers=headers) as response:
                        assert response.status == status, (method, path, headers)
        assert served.recorded(SessionOpened) == []


async def test_a_request_without_a_host_is_turned_away() -> None:
    async with serving() as served:
        for line in (b"GET /health HTTP/1.1\r\n\r\n", b"GET /health HTTP/1.0\r\n\r\n"):
            async with raw(served, line) as reader:
                assert (await soon(reader.readline())).split()[1] in (b"400", b"421")


async def test_names_and_pages_that_were_given_are_answered() -> None:
    async with serving(allowed_hosts=("mcp.example",), allowed_origins=("https://app.example",)) as served:
        for headers in (
            {"Host": "mcp.example:1234"},
            {"Origin": "https://app.example"},
            {"Origin": "http://localhost:3000"},
        ):
            async with served.request("GET", "/health", headers=headers) as response:
                assert response.status == 200


async def test_where_nothing_is_one_is_told_where_something_is() -> None:
    async with serving() as served, served.request("GET", "/none") as response:
        assert response.status == 404
        operations = "/admin/gc, /admin/rate-limits, /admin/requests, /health, /health/live, /health/ready"
        assert await response.text() == (
            f"there is nothing here; there is something at {operations}, /mcp, /metrics, /ws\n"
        )


async def test_health_and_figures_can_be_asked_for() -> None:
    async with serving() as served:
        await served.modern(1, "tools/list")
        async with served.request("GET", "/health") as response:
            body = await response.json()
            assert (response.status, body["status"]) == (200, "healthy")
            assert [check["name"] for check in body["checks"]] == ["event_log", "event_loop"]
            assert 0 < body["system_info"]["memory_percent"] < 100
        async with served.request("GET", "/metrics") as response:
            figures = await response.text()
        assert 'mcp_requests_total{method="tools/list",name="",outcome="ok"} 1.0' in figures
        assert "mcp_log_failed 0.0" in figures


async def test_a_server_whose_log_has_failed_says_that_it_is_not_well() -> None:
    async with serving() as served:
        served.log.fail("the disk is full")
        async with served.request("GET", "/health") as response:
            body = await response.json()
            assert (response.status, body["status"]) == (503, "unhealthy")
            assert "the disk is full" in body["checks"][0]["message"]


@pytest.mark.parametrize("sent", [b"", b"POST /mcp HT", b"POST /mcp HTTP/1.1\r\nHost: localhost\r\nX: "])
async def test_a_connection_that_brings_no_request_is_closed(sent: bytes) -> None:
    async with serving(head_timeout=0.1) as served, raw(served, sent) as reader:
        assert await soon(reader.read()) == b""


async def test_a_request_that_does_not_bring_its_body_is_closed() -> None:
    head = b"POST /mcp HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{"
    async with serving(body_timeout=0.1) as served:
        async with raw(served, head) as reader:
            assert await soon(reader.read()) == b""
        assert (await served.modern(1, "tools/list")).status == 200


async def test_a_connection_that_had_its_request_may_be_silent() -> None:
    request = b"GET /health/live HTTP/1.1\r\nHost: localhost\r\n\r\n"
    async with serving(head_timeout=0.1, body_timeout=0.1) as served, raw(served, request) as reader:
        await soon(reader.readuntil(b"}"))
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(1.3):  # a sweep passes each second
                await reader.read(1)


async def test_no_more_connections_are_open_than_were_allowed() -> None:
    async with serving(max_connections=2) as served:
        async with raw(served, b"") as _, raw(served, b"") as _, raw(served, b"") as third:
            assert await soon(_end(third)) == b""
        assert (await served.modern(1, "tools/list")).status == 200


async def _end(reader: asyncio.StreamReader) -> bytes:
    try:
        return await reader.read()
    except ConnectionError:
        return b""


@pytest.mark.parametrize("sent", [b"\0\1\2\3\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n", b"\x16\x03\x01\x02\x00\r\n\r\n"])
async def test_what_is_no_http_is_a_bad_request(sent: bytes) -> None:
    async with serving() as served, raw(served, sent) as reader:
        assert (await soon(reader.readline())).startswith(b"HTTP/1.0 400")


@pytest.mark.parametrize("padding", [0, 131_000, 2_000_000])
@pytest.mark.parametrize("many", [3, 40])
async def test_requests_may_come_one_behind_the_other_on_a_connection(many: int, padding: int) -> None:
    """Also when aiohttp has stopped parsing them, behind a body that it cannot buffer or with 32 of them queued."""
    async with serving() as served:
        reader, writer = await soon(asyncio.open_connection("127.0.0.1", served.port))
        for burst in range(2):
            numbers = range(burst * many, (burst + 1) * many)
            writer.write(b"".join(_post(number, padding if number == numbers[0] else 0) for number in numbers))
            for number in numbers:
                await soon(reader.readuntil(b"\r\n\r\n"))
                answer = json.loads((await soon(reader.readuntil(b"}}}}"))).decode())
                assert answer["id"] == number
        writer.close()
        await soon(_closed(writer))


def _post(number: int, padding: int) -> bytes:
    body, headers = stateless(number, "tools/list", {"padding": "x" * padding})
    headers |= {"Host": "localhost", "Content-Type": "application/json", "Content-Length": str(len(body))}
    head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return f"POST /mcp HTTP/1.1\r\n{head}\r\n".encode() + body


async def test_a_body_may_come_in_chunks() -> None:
    async with serving() as served:
        raw_body = frame(1, "ping")
        head = b"POST /mcp HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        head += b"Transfer-Encoding: chunked\r\n\r\n"
        chunks = b"".join(b"%x\r\n%b\r\n" % (1, raw_body[i : i + 1]) for i in range(len(raw_body))) + b"0\r\n\r\n"
        async with raw(served, head + chunks) as reader:
            assert (await soon(reader.readline())).startswith(b"HTTP/1.1 200")


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has all of 127.0.0.0/8")
def test_a_name_is_bound_at_all_its_addresses_with_one_port() -> None:
    both = [
        (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", 0)),
        (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.2", 0)),
        (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", 0)),
        (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("192.0.2.1", 0)),  # for documentation, so on no machine
    ]
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("socket.getaddrinfo", lambda *_, **__: both)
        with bound("example", 0) as sockets:
            one, two = (each.getsockname() for each in sockets)
    assert (one[0], two[0]) == ("127.0.0.1", "127.0.0.2")
    assert one[1] == two[1] > 0
    assert [each.fileno() for each in sockets] == [-1, -1]


@pytest.mark.parametrize(("host", "number"), [("127.0.0.1", errno.EADDRINUSE), ("192.0.2.1", errno.EADDRNOTAVAIL)])
def test_a_port_that_cannot_be_had_is_an_error(host: str, number: int) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(OSError, match=f"Errno {number}"), bound(host, port):
            pass
