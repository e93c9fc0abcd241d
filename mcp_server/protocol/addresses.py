"""Which addresses an endpoint may have."""

from typing import Any
from urllib.parse import urlsplit

from mcp_server.protocol.invalid import InvalidRequest, text


def check_address(url: Any, name: str) -> None:
    """Let an address over HTTP pass that holds no secret: settings and log lines show it.

    Raises:
        InvalidRequest: It is something else; the text calls it ``name``, and does not repeat it.
    """
    text(url, name, 1, 2000)
    if not url.startswith(("http://", "https://")):
        raise InvalidRequest(f"{name} must begin with http:// or https://")
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        parts, host = urlsplit(""), None
    if not host:
        raise InvalidRequest(f"{name} must be an address such as http://localhost:8000/v1")
    if "@" in parts.netloc or parts.query or parts.fragment:
        raise InvalidRequest(f"{name} must have no user, password or query: give a key by its environment variable")
