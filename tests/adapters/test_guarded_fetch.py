"""What is fetched, and from where nothing ever is."""

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st

from adapters.guarded_fetch import MOST_BYTES, GuardedFetch, NotFetched, allowed
from tests.adapters.issuer import issuing

PRIVATE = [
    *("127.0.0.1", "127.255.255.254", "0.0.0.0", "10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.0.1"),
    *("169.254.169.254", "100.64.0.1", "192.0.0.1", "192.0.2.1", "198.18.0.1", "198.51.100.1", "203.0.113.1"),
    *("224.0.0.1", "239.255.255.255", "240.0.0.1", "255.255.255.255", "::", "::1", "fe80::1", "fe80::1%eth0"),
    *("fc00::1", "fd00:ec2::254", "ff02::1", "fec0::1", "2001:db8::1", "100::1", "::ffff:127.0.0.1"),
    *("::ffff:7f00:1", "::ffff:169.254.169.254", "::ffff:8.8.8.8", "::127.0.0.1", "::8.8.8.8", "::ffff:0:127.0.0.1"),
    *("64:ff9b::127.0.0.1", "64:ff9b::7f00:1", "64:ff9b::8.8.8.8", "64:ff9b:1::a9fe:a9fe", "2002:7f00:1::"),
    *("2002:a9fe:a9fe::1", "2002:808:808::1", "2001:0:7f00:1::", "2001::1", "2001:10::1", "3fff::1"),
]
PUBLIC = ["8.8.8.8", "1.1.1.1", "93.184.216.34", "2606:4700:4700::1111", "2a00:1450:4001:80e::200e"]


@pytest.mark.parametrize("address", PRIVATE)
def test_an_address_that_is_not_public_is_never_called(address: str) -> None:
    assert not allowed(address)


@pytest.mark.parametrize("address", PUBLIC)
def test_a_public_address_may_be_called(address: str) -> None:
    assert allowed(address)
    assert not allowed(address, loopback=True)


def test_an_issuer_on_this_machine_is_on_this_machine_and_nowhere_else() -> None:
    assert [each for each in PRIVATE if allowed(each, loopback=True)] == ["127.0.0.1", "127.255.255.254", "::1"]


@given(st.ip_addresses(v=4))
def test_an_embedded_address_is_never_called_whatever_it_is(address: Any) -> None:
    number = int(address)
    high, low = number >> 16, number & 0xFFFF
    forms = (
        f"::ffff:{address}",
        f"64:ff9b::{address}",
        f"::{address}",
        f"2002:{high:x}:{low:x}::1",
        f"2001:0:{high:x}:{low:x}::",
    )
    assert [each for each in forms if allowed(each, loopback=True) and each != "::0.0.0.1"] == []
    assert [each for each in forms if allowed(each)] == []


ENCODED = [
    *(
        "2130706433",
        "0x7f000001",
        "0x7f.1",
        "127.1",
        "0177.0.0.1",
        "127.0.1",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "localhost",
    ),
    *("[64:ff9b::7f00:1]", "[2002:7f00:1::]", "10.0.0.1", "169.254.169.254", "[fe80::1]", "0", "0.0.0.0", "[::]"),
]


@pytest.mark.parametrize("host", ENCODED)
async def test_however_an_address_is_written_nothing_is_asked_there(host: str) -> None:
    async with issuing() as issuer:
        port = issuer.url.rpartition(":")[2]
        with pytest.raises(NotFetched, match="an address that may not be called"):
            await GuardedFetch().json(f"https://{host}:{port}/jwks")
        assert issuer.asked == []


@pytest.mark.parametrize(
    "url",
    [
        *("http://example.org/", "ftp://example.org/", "file:///etc/passwd", "//example.org/", "example.org", ""),
        *("https://", "https:///path", "https://user@example.org/", "https://user:pass@example.org/", "https://a/#b"),
        *("https://a b/", "https://a\\@b/", "https://a\n/", "https://exämple.org/", "https://a:99999/", "https://a:x/"),
        *("https://[::1/", "javascript:alert(1)", "https://a\x00/"),
    ],
)
async def test_what_is_no_plain_https_url_is_not_fetched(url: str) -> None:
    with pytest.raises(NotFetched):
        await GuardedFetch().json(url)


async def test_a_configured_issuer_on_this_machine_is_asked_and_its_neighbours_are_not() -> None:
    async with issuing() as issuer, issuing() as neighbour:
        fetch = GuardedFetch([issuer.url])
        assert await fetch.json(f"{issuer.url}/jwks") == {"keys": []}
        with pytest.raises(NotFetched):
            await fetch.json(f"{neighbour.url}/jwks")
        with pytest.raises(NotFetched):
            await fetch.json(f"{neighbour.url}/jwks".replace("http:", "https:"))
        assert neighbour.asked == []


async def test_a_name_is_looked_up_once_and_every_address_of_it_is_judged(monkeypatch: pytest.MonkeyPatch) -> None:
    """A resolver that first says something public, and then something private."""
    loop = asyncio.get_running_loop()
    asked = []
    answers = [["93.184.216.34", "127.0.0.1"], ["127.0.0.1"]]

    async def look_up(host: str, port: int, **_: Any) -> list[Any]:
        asked.append(host)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (each, port)) for each in answers[len(asked) - 1]]

    monkeypatch.setattr(loop, "getaddrinfo", look_up)
    with pytest.raises(NotFetched, match=r"rebind\.example stands for an address that may not be called"):
        await GuardedFetch().json("https://rebind.example/jwks")
    assert asked == ["rebind.example"]


async def test_the_connection_goes_to_the_address_that_was_judged(monkeypatch: pytest.MonkeyPatch) -> None:
    loop = asyncio.get_running_loop()
    resolve, asked = loop.getaddrinfo, []

    async def look_up(host: Any, port: Any, **options: Any) -> Any:
        if host == "localhost":
            asked.append(host)
        return await resolve("127.0.0.1" if host == "localhost" else host, port, **options)

    monkeypatch.setattr(loop, "getaddrinfo", look_up)
    async with issuing() as issuer:
        url = issuer.url.replace("127.0.0.1", "localhost")
        assert await GuardedFetch([url]).json(f"{url}/jwks") == {"keys": []}
    assert asked == ["localhost"]


@asynccontextmanager
async def answering(answer: Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]) -> AsyncIterator[str]:
    server = web.ServerRunner(web.Server(answer))
    await server.setup()
    try:
        await web.TCPSite(server, "127.0.0.1", 0).start()
        yield f"http://127.0.0.1:{server.addresses[0][1]}"
    finally:
        await server.cleanup()


@pytest.mark.parametrize(
    ("response", "problem"),
    [
        ({"status": 302, "headers": {"Location": "/jwks"}}, "answered 302"),
        ({"status": 404}, "answered 404"),
        ({"text": "x"}, "no JSON"),
        ({"text": "[]"}, "no JSON object"),
        ({"body": b"{" + b" " * MOST_BYTES + b"}"}, "more than"),
        ({"body": b"\x1f\x8b", "headers": {"Content-Encoding": "gzip"}}, "no JSON"),
    ],
    ids=lambda each: str(each)[:40],
)
async def test_an_answer_that_is_no_small_json_object_is_no_answer(response: dict[str, Any], problem: str) -> None:
    asked = []

    async def answer(request: web.BaseRequest) -> web.Response:
        asked.append(request.path)
        return web.Response(**response)

    async with answering(answer) as url:
        with pytest.raises(NotFetched, match=problem):
            await GuardedFetch([url]).json(f"{url}/one")
    assert asked == ["/one"]


async def test_an_answer_is_waited_for_only_so_long() -> None:
    over = asyncio.Event()

    async def answer(_request: web.BaseRequest) -> web.Response:
        await over.wait()
        return web.Response()

    async with answering(answer) as url:
        with pytest.raises(NotFetched, match=r"no answer within 0.1 s"):
            await GuardedFetch([url], seconds=0.1).json(f"{url}/")
        over.set()


async def test_a_server_that_is_away_is_told_without_a_trace() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
    with pytest.raises(NotFetched, match="ClientConnectorError"):
        await GuardedFetch([url]).json(url)
