"""Fetches JSON from addresses that others may have chosen, and from nowhere that only this machine can reach.

A name is resolved once, every address that it stands for is judged, and the connection goes to one of those and to no
other: a name server that answers differently the second time gains nothing. Redirects are not followed, proxies of the
environment are not used, nothing is decompressed, and both time and size are bounded.
"""

import asyncio
import socket
from collections.abc import Iterable
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from typing import Any, Final, NamedTuple
from urllib.parse import SplitResult, urlsplit

import aiohttp
import orjson
from aiohttp.abc import AbstractResolver, ResolveResult

SECONDS: Final = 5.0
"""For everything: name, connection, answer."""

MOST_BYTES: Final = 256 * 1024
"""Of an answer."""

_PORTS: Final = {"https": 443, "http": 80}

_NEVER: Final = tuple(
    map(
        IPv6Network,
        (
            "::/96",  # IPv4-compatible: RFC 4291, 2.5.5.1
            "::ffff:0:0/96",  # IPv4-mapped: RFC 4291, 2.5.5.2
            "::ffff:0:0:0/96",  # IPv4-translated: RFC 2765
            "64:ff9b::/96",  # NAT64: RFC 6052
            "64:ff9b:1::/48",  # NAT64 for local use: RFC 8215
            "2001::/32",  # Teredo: RFC 4380
            "2002::/16",  # 6to4: RFC 3056
            "fec0::/10",  # site-local: RFC 3879
            "3fff::/20",  # documentation: RFC 9637
            "5f00::/16",  # segment routing: RFC 9602
        ),
    )
)
"""IPv6 addresses that ``ipaddress`` takes for public ones, in some of its versions, and that are not: most hold an IPv4
address, to which somebody on the way may send what is sent to them."""


class NotFetched(Exception):
    """There is no answer that could be used; the text says why."""


class Target(NamedTuple):
    """Where a URL leads.

    Attributes:
        loopback: Whether it is one of those that may be on this machine.
    """

    scheme: str
    host: str
    port: int
    loopback: bool


class GuardedFetch:
    """Fetches JSON objects.

    Args:
        configured: URLs that whoever runs the server named. One that is on loopback may be fetched, without TLS too;
            so may others of the same host and port.
        seconds: For everything that belongs to one answer.
    """

    def __init__(self, configured: Iterable[str] = (), seconds: float = SECONDS) -> None:
        self._seconds = seconds
        named = (_parts(url) for url in configured if url)
        self._loopback = frozenset(each[:3] for each in named if _is_loopback_name(each.host))

    async def json(self, url: str) -> dict[str, Any]:
        """The JSON object at ``url``.

        Raises:
            NotFetched: It may not be fetched, it cannot be, or it is no JSON object.
        """
        target = self.target(url)
        try:
            async with asyncio.timeout(self._seconds):
                addresses = await _resolved(target)
                body = await self._get(url, target, addresses)
        except TimeoutError:
            raise NotFetched(f"{url}: no answer within {self._seconds:g} s") from None
        except (aiohttp.ClientError, OSError) as error:
            raise NotFetched(f"{url}: {type(error).__name__}") from error
        try:
            found = orjson.loads(body)
        except orjson.JSONDecodeError as error:
            raise NotFetched(f"{url}: it is no JSON") from error
        if not isinstance(found, dict):
            raise NotFetched(f"{url}: it is no JSON object")
        return found

    def target(self, url: str) -> Target:
        """Where ``url`` leads, before any name is looked up.

        Raises:
            NotFetched: It is none that may be fetched.
        """
        found = _parts(url)
        if found[:3] in self._loopback:
            return found._replace(loopback=True)
        if found.scheme != "https":
            raise NotFetched(f"{url}: only https is fetched, but for an issuer on this machine that the settings name")
        return found

    async def _get(self, url: str, target: Target, addresses: list[str]) -> bytes:
        connector = aiohttp.TCPConnector(resolver=_Pinned(addresses), use_dns_cache=False, force_close=True)
        async with (
            aiohttp.ClientSession(
                connector=connector,
                cookie_jar=aiohttp.DummyCookieJar(),
                trust_env=False,
                auto_decompress=False,
                headers={"Accept": "application/json", "Accept-Encoding": "identity"},
            ) as client,
            client.get(url, allow_redirects=False) as response,
        ):
            connection = response.connection
            peer = connection.transport.get_extra_info("peername") if connection and connection.transport else None
            if peer is not None and not allowed(peer[0], loopback=target.loopback):  # None: all of it is here already
                raise NotFetched(f"{url}: the connection went to an address that may not be called")
            if response.status != 200:
                raise NotFetched(f"{url}: it answered {response.status}")
            body = bytearray()
            async for chunk in response.content.iter_any():
                body += chunk
                if len(body) > MOST_BYTES:
                    raise NotFetched(f"{url}: it has more than {MOST_BYTES} bytes")
            return bytes(body)


class _Pinned(AbstractResolver):
    """Answers with addresses that were judged before."""

    def __init__(self, addresses: list[str]) -> None:
        self._addresses = addresses

    async def resolve(
        self,
        host: str,
        port: int = 0,
        family: socket.AddressFamily = socket.AF_UNSPEC,  # noqa: ARG002 - the addresses have theirs
    ) -> list[ResolveResult]:
        """The addresses, whatever ``host`` is: there is only one whom this is asked for."""
        return [
            ResolveResult(
                hostname=host,
                host=address,
                port=port,
                family=socket.AF_INET6 if ":" in address else socket.AF_INET,
                proto=0,
                flags=socket.AI_NUMERICHOST,
            )
            for address in self._addresses
        ]

    async def close(self) -> None:
        """There is nothing to close."""


async def _resolved(target: Target) -> list[str]:
    """The addresses of a target, all of them allowed.

    Raises:
        NotFetched: One of them is not: a name that stands for one such address is not to be trusted with the others.
        OSError: The name stands for nothing.
    """
    found = await asyncio.get_running_loop().getaddrinfo(target.host, target.port, type=socket.SOCK_STREAM)
    addresses = list(dict.fromkeys(str(address[0]) for *_, address in found))
    for address in addresses:
        if not allowed(address, loopback=target.loopback):
            raise NotFetched(f"{target.host} stands for an address that may not be called")
    return addresses


def allowed(address: str, *, loopback: bool = False) -> bool:
    """Whether an address may be called: a public one; with ``loopback`` one of this machine, and no other."""
    try:
        found = ip_address(address)
    except ValueError:
        return False
    if isinstance(found, IPv6Address) and (found.scope_id or (found not in _LOOPBACK_6 and _is_special(found))):
        return False
    if loopback:
        return found.is_loopback
    return found.is_global and not (
        found.is_loopback
        or found.is_link_local
        or found.is_private
        or found.is_multicast
        or found.is_reserved
        or found.is_unspecified
    )


_LOOPBACK_6: Final = IPv6Network("::1/128")


def _is_special(address: IPv6Address) -> bool:
    return any(address in network for network in _NEVER)


def _parts(url: str) -> Target:
    """A URL, taken apart.

    Raises:
        NotFetched: It is none, or has parts that it must not have.
    """
    try:
        parts: SplitResult = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        raise NotFetched(f"{url[:256]!r} is no URL") from None
    if not url.isascii() or not url.isprintable() or " " in url or "\\" in url or "@" in parts.netloc or parts.fragment:
        raise NotFetched(f"{url[:256]!r} has characters, a user or a fragment, which a URL to be fetched must not have")
    if parts.scheme not in _PORTS or not host:
        raise NotFetched(f"{url[:256]!r} is no http or https URL with a host")
    return Target(parts.scheme, host, port or _PORTS[parts.scheme], loopback=False)


def _is_loopback_name(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        found: IPv4Address | IPv6Address = ip_address(host)
    except ValueError:
        return False
    return found.is_loopback and str(found) == host
