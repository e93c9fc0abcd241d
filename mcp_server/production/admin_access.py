"""Who may call ``/admin``: callers on the server's own machine, or whoever shows the token that the settings name."""

import hmac
import ipaddress
from collections.abc import Mapping
from typing import Final, NamedTuple

_FORWARDED: Final = ("Forwarded", "Via", "X-Forwarded-For", "X-Real-IP")
"""Who comes through a proxy on this machine is not on this machine."""


class Refusal(NamedTuple):
    """Why somebody may not."""

    status: int
    reason: str
    headers: dict[str, str]


def refusal(address: str | None, headers: Mapping[str, str], token: str) -> Refusal | None:
    """Why a request is turned away; None when it may come in.

    Args:
        address: Where it came from.
        headers: Its own; names are looked up without regard to case.
        token: What everybody must show, on this machine too, as ``Authorization: Bearer``; empty when only callers on
            this machine may come in, and need to show nothing.
    """
    if token:
        scheme, _, shown = headers.get("Authorization", "").partition(" ")
        # In a time that does not depend on where they differ.
        if scheme.lower() == "bearer" and hmac.compare_digest(
            shown.strip().encode(errors="surrogateescape"), token.encode()
        ):
            return None
        return Refusal(401, "show admin_token as a bearer token", {"WWW-Authenticate": 'Bearer realm="admin"'})
    if any(name in headers for name in _FORWARDED) or not _is_loopback(address):
        reason = "this is for callers on the server's own machine, and not through a proxy; set admin_token for others"
        return Refusal(403, reason, {})
    return None


def _is_loopback(address: str | None) -> bool:
    try:
        found = ipaddress.ip_address(address or "")
    except ValueError:
        return False
    # An IPv4 caller on a socket for both kinds is written as ::ffff:127.0.0.1.
    return (getattr(found, "ipv4_mapped", None) or found).is_loopback
