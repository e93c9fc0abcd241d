"""An issuer of tokens: keys of each kind, tokens good and bad, and an endpoint that publishes the keys."""

import base64
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import cache
from typing import Any

import jwt
from aiohttp import web
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm

AUDIENCE = "https://mcp.example/mcp"
ISSUER = "https://issuer.example"
SECRET = b"a key of thirty-two bytes or more"


def key(kind: str, number: int = 0) -> Any:
    """A private key: another for each number."""
    return _key(kind, number)


@cache
def _key(kind: str, _number: int) -> Any:
    match kind:
        case "RS256":
            return rsa.generate_private_key(65537, 2048)
        case "ES256":
            return ec.generate_private_key(ec.SECP256R1())
        case "EdDSA":
            return ed25519.Ed25519PrivateKey.generate()
    raise LookupError(kind)


def jwk(kind: str, number: int = 0, **more: Any) -> dict[str, Any]:
    """The public half, as an issuer publishes it."""
    makers: dict[str, Any] = {"RS256": RSAAlgorithm, "ES256": ECAlgorithm, "EdDSA": OKPAlgorithm}
    found = json.loads(makers[kind].to_jwk(key(kind, number).public_key()))
    return {**found, "kid": f"{kind}-{number}", **more}


def claims(**more: Any) -> dict[str, Any]:
    now = int(time.time())
    given = {
        "iss": ISSUER,
        "aud": AUDIENCE,
        "sub": "alice",
        "iat": now,
        "exp": now + 600,
        "scope": "read write",
        **more,
    }
    return {name: value for name, value in given.items() if value is not None}


def token(kind: str = "RS256", number: int = 0, headers: dict[str, Any] | None = None, **more: Any) -> str:
    """A token as the issuer makes them, but for what is said."""
    head = {"kid": f"{kind}-{number}", **(headers or {})}
    return jwt.encode(claims(**more), key(kind, number), kind, {k: v for k, v in head.items() if v is not None})


def own(**more: Any) -> str:
    """A token that is signed with the server's own key."""
    return jwt.encode(claims(**{"iss": "mcp-rewind", **more}), SECRET, "HS256")


def raw(header: dict[str, Any], body: dict[str, Any] | bytes, signature: bytes = b"") -> str:
    """Any three parts."""
    parts = (json.dumps(header).encode(), body if isinstance(body, bytes) else json.dumps(body).encode(), signature)
    return ".".join(base64.urlsafe_b64encode(part).decode().rstrip("=") for part in parts)


class Issuer:
    """An issuer on this machine.

    Attributes:
        url: Its identifier.
        keys: What it publishes.
        asked: The paths that were asked for.
        broken: Whether it answers 500.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self.keys: list[dict[str, Any]] = []
        self.asked: list[str] = []
        self.broken = False

    async def answer(self, request: web.BaseRequest) -> web.Response:
        self.asked.append(request.path)
        if self.broken:
            return web.Response(status=500)
        if request.path == "/jwks":
            return web.json_response({"keys": self.keys})
        if request.path == "/.well-known/openid-configuration":
            return web.json_response({"issuer": self.url, "jwks_uri": f"{self.url}/jwks"})
        return web.Response(status=404)


@asynccontextmanager
async def issuing(*keys: dict[str, Any]) -> AsyncIterator[Issuer]:
    """Run an issuer on a free port."""
    issuer = Issuer("")
    server = web.ServerRunner(web.Server(issuer.answer))
    await server.setup()
    try:
        site = web.TCPSite(server, "127.0.0.1", 0)
        await site.start()
        issuer.url = f"http://127.0.0.1:{server.addresses[0][1]}"
        issuer.keys = list(keys)
        yield issuer
    finally:
        await server.cleanup()
