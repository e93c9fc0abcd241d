"""The public keys with which an issuer signs (RFC 7517), kept and fetched anew when it has changed them."""

import asyncio
import logging
from collections.abc import Callable
from typing import Any, Final, Protocol
from urllib.parse import urlsplit

import jwt

from adapters.grant import BadCredential, Unverifiable
from adapters.guarded_fetch import NotFetched

ALGORITHMS: Final = ("RS256", "ES256", "EdDSA")
"""What tokens of an issuer may be signed with: each with a public key."""

PAUSE: Final = 30.0
"""Seconds between two fetches at least, whatever tokens come."""

FRESH: Final = 600.0
"""Seconds for which keys are used without a look at whether they are still there."""

STALE: Final = 86_400.0
"""Seconds for which keys are used while the issuer cannot be asked."""

MOST_KEYS: Final = 64
LEAST_RSA: Final = 2048
"""Bits of an RSA key. Source: RFC 7518, section 3.3."""

_KINDS: Final = {"RSA": ("RS256", None), "EC": ("ES256", "P-256"), "OKP": ("EdDSA", "Ed25519")}
"""For each type of key the one algorithm that it is good for here, and its curve."""

_log: Final = logging.getLogger(__name__)


class Fetch(Protocol):
    """Whoever fetches JSON objects."""

    async def json(self, url: str) -> dict[str, Any]:
        """The JSON object at ``url``.

        Raises:
            NotFetched: There is none.
        """


class KeySet:
    """The keys of one issuer.

    Args:
        issuer: Its identifier, a URL.
        url: Where its keys are; empty to ask its metadata.
        fetch: What fetches both.
        now: Seconds that never go back.
        pause: Seconds between two fetches at least.

    Attributes:
        fetches: How often they were fetched.
        changes: How often they were not what they had been.
    """

    def __init__(self, issuer: str, url: str, fetch: Fetch, now: Callable[[], float], *, pause: float = PAUSE) -> None:
        self._issuer = issuer
        self._url = url
        self._fetch = fetch
        self._now = now
        self._pause = pause
        self._keys: dict[tuple[str | None, str], jwt.PyJWK] = {}
        self._asked: float | None = None  # when a fetch last began
        self._found: float | None = None  # when one last brought keys
        self._fetching = asyncio.Lock()
        self.fetches = 0
        self.changes = 0

    async def key(self, id: str | None, algorithm: str) -> jwt.PyJWK:
        """The key with that id for that algorithm; without an id the only one there is for it.

        Raises:
            BadCredential: The issuer has no such key.
            Unverifiable: It cannot be asked, and was not lately.
        """
        key = self._known(id, algorithm)
        is_old = self._found is None or self._now() - self._found > FRESH
        if key is None or (is_old and not self._fetching.locked()):  # one caller waits, others take the key there is
            await self._renew(self._asked)
            key = self._known(id, algorithm)
        if self._found is None or self._now() - self._found > STALE:
            raise Unverifiable("the keys of the issuer cannot be had")
        if key is None:
            raise BadCredential("it is signed with a key that the issuer does not have")
        return key

    def _known(self, id: str | None, algorithm: str) -> jwt.PyJWK | None:
        if id is not None:
            return self._keys.get((id, algorithm))
        fitting = [key for (_, known), key in self._keys.items() if known == algorithm]
        return fitting[0] if len(fitting) == 1 else None

    async def _renew(self, seen: float | None) -> None:
        """Fetch the keys, unless that was done a moment ago, or by somebody else since ``seen``."""
        async with self._fetching:
            if self._asked != seen or (self._asked is not None and self._now() - self._asked < self._pause):
                return
            self._asked = self._now()
            self.fetches += 1
            try:
                document = await self._fetch.json(self._url or await self._keys_url())
            except NotFetched as error:
                _log.warning("the keys of the issuer cannot be had", extra={"reason": str(error)})
                return
            keys = usable(document)
            self.changes += keys.keys() != self._keys.keys()
            self._keys = keys
            self._found = self._now()

    async def _keys_url(self) -> str:
        """Where the issuer's metadata says that its keys are (RFC 8414; OpenID Connect Discovery 1.0)."""
        problem = NotFetched(f"{self._issuer}: it has no metadata")
        for url in metadata_urls(self._issuer):
            try:
                found = await self._fetch.json(url)
            except NotFetched as error:
                problem = error
                continue
            if found.get("issuer") != self._issuer:  # RFC 8414, section 3.3
                raise NotFetched(f"{url}: it is the metadata of another issuer")
            if not isinstance(keys := found.get("jwks_uri"), str):
                raise NotFetched(f"{url}: it names no jwks_uri")
            return keys
        raise problem


def metadata_urls(issuer: str) -> tuple[str, ...]:
    """Where the metadata of an issuer may be, in the order of MCP's authorization section."""
    parts = urlsplit(issuer)
    root, path = f"{parts.scheme}://{parts.netloc}/.well-known", parts.path.rstrip("/")
    found = (f"{root}/oauth-authorization-server{path}", f"{root}/openid-configuration{path}")
    return (*found, f"{issuer.rstrip('/')}/.well-known/openid-configuration") if path else found


def usable(document: dict[str, Any]) -> dict[tuple[str | None, str], jwt.PyJWK]:
    """The keys in a document that signatures can be checked with, by id and algorithm; others are left out.

    A symmetric key is never among them: whoever published it gave it away.
    """
    listed = document.get("keys")
    found: dict[tuple[str | None, str], jwt.PyJWK] = {}
    for number, each in enumerate(listed[:MOST_KEYS] if isinstance(listed, list) else ()):
        algorithm = _algorithm(each) if isinstance(each, dict) else ""
        if not algorithm:
            continue
        try:
            key = jwt.PyJWK(each, algorithm)
        except jwt.PyJWTError:
            continue
        if algorithm == "RS256" and getattr(key.key, "key_size", 0) < LEAST_RSA:
            continue
        id = each.get("kid")
        found[id if isinstance(id, str) else f"\0{number}", algorithm] = key
    return found


def _algorithm(key: dict[str, Any]) -> str:
    """The algorithm that a key is for; empty when it is for none of ours."""
    algorithm, curve = _KINDS.get(str(key.get("kty")), ("", None))
    if curve is not None and key.get("crv") != curve:
        return ""
    if "d" in key or key.get("use", "sig") != "sig" or key.get("alg", algorithm) != algorithm:
        return ""
    operations = key.get("key_ops", ["verify"])
    return algorithm if isinstance(operations, list) and "verify" in operations else ""
