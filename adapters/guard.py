"""Who may talk to the server over the network: Host and Origin, checked before anything else.

A browser can be made to send requests to a loopback address (DNS rebinding); what gives it away is the Host it was
told to use, or the Origin of the page. Source: MCP 2025-11-25 and 2026-07-28, basic/transports, security warning.
"""

from collections.abc import Iterable
from typing import Final
from urllib.parse import urlsplit

LOOPBACK: Final = ("localhost", "127.0.0.1", "[::1]")
_REMEMBERED: Final = 256


class Guard:
    """Knows the names under which the server may be called, and the pages that may call it.

    Args:
        hosts: Names besides the loopback ones, with or without a port; without one any port will do.
        origins: Whole origins, such as ``https://example.org``, besides those of the hosts.
    """

    def __init__(self, hosts: Iterable[str] = (), origins: Iterable[str] = ()) -> None:
        self._hosts = frozenset(host.lower() for host in (*LOOPBACK, *hosts))
        self._origins = frozenset(origin.lower().rstrip("/") for origin in origins)
        self._good: set[tuple[str, str | None]] = set()

    def problem(self, host: str | None, origin: str | None) -> tuple[int, str] | None:
        """The HTTP status and the reason for turning a request away; None when it may come in."""
        if (host, origin) in self._good:
            return None
        if host is None or not self._is_host(host):
            return 421, "this server is not called by that Host; name it in allowed_hosts if it should be"
        if origin is not None and not self._is_origin(origin):
            return 403, "pages of that Origin may not call this server; name it in allowed_origins if they may"
        if len(self._good) < _REMEMBERED:
            self._good.add((host, origin))
        return None

    def _is_host(self, host: str) -> bool:
        host = host.lower()
        return host in self._hosts or _name(host) in self._hosts

    def _is_origin(self, origin: str) -> bool:
        if origin.lower() in self._origins:
            return True
        try:
            parts = urlsplit(origin)
            plain = not (parts.path or parts.query or parts.fragment or "@" in parts.netloc)
        except ValueError:
            return False
        return plain and parts.scheme in ("http", "https") and self._is_host(parts.netloc)


def _name(host: str) -> str:
    """A host without its port; empty when what follows the colon is no port."""
    name, colon, port = host.rpartition(":")
    if not colon or host.endswith("]"):
        return host
    return name if port.isascii() and port.isdigit() and len(port) <= 5 else ""
