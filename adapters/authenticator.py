"""Lets callers in who show a token or a key, before anything else is done for them.

The server is a resource server of OAuth 2.1: it takes tokens and gives none. Sources: MCP 2025-11-25 and 2026-07-28,
basic/authorization; RFC 6750 (bearer tokens), RFC 9728 (protected resource metadata). What somebody shows is in no log
line, no event and no answer.
"""

import hashlib
import logging
import re
from collections.abc import Callable, Collection, Sequence
from typing import Final
from urllib.parse import urlsplit

import orjson
from aiohttp import hdrs, web

from adapters.api_keys import ApiKeys, UnusableKeys, is_key
from adapters.grant import NOBODY, BadCredential, Grant, Unverifiable
from adapters.listener import Connection, Route, plain
from adapters.tokens import Tokens

WELL_KNOWN: Final = "/.well-known/oauth-protected-resource"

REMEMBERED: Final = 60.0
"""Seconds for which a credential that was verified is taken again without another look."""

MOST_REMEMBERED: Final = 4096

_ASK: Final = "WWW-Authenticate"
_IN_THE_URL: Final = ("access_token", "api_key", "id_token", "token")
_SCOPES: Final = re.compile(r"[\x20\x21\x23-\x5b\x5d-\x7e]+")

_log: Final = logging.getLogger(__name__)


class Authenticator:
    """Knows who calls.

    Args:
        resource: The URI of this server, as clients call it.
        now: Seconds since the epoch.
        tokens: What verifies tokens; None when none are taken.
        keys: The API keys; None when none are taken.
        issuer: Whose tokens are taken; empty for nobody's.

    Attributes:
        refused: Requests that were turned away for what they showed, or because they showed nothing.
        anonymous: Whether callers that show nothing may come in; one who shows something wrong never may.
        scopes: What every caller must have been allowed.
        offered: The scopes that there is any use for.
        open_paths: What is answered without a look at who calls.
    """

    def __init__(
        self,
        resource: str,
        now: Callable[[], float],
        *,
        tokens: Tokens | None = None,
        keys: ApiKeys | None = None,
        issuer: str = "",
    ) -> None:
        self.resource = resource
        self.refused = 0
        self.anonymous = False
        self.scopes: Sequence[str] = ()
        self.offered: Sequence[str] = ()
        self.open_paths: Collection[str] = ()
        self._now = now
        self._tokens = tokens
        self._keys = keys
        self._issuer = issuer
        self._known: dict[bytes, tuple[Grant, float]] = {}
        self._problem = ""
        self._told = 0.0
        self._untold = 0

    async def admit(self, request: web.BaseRequest, connection: Connection) -> web.StreamResponse | None:
        """Find out who sends a request; what to answer when it is not to be let in, else None."""
        connection.grant = NOBODY
        if request.path in self.open_paths:
            return None
        if request.query_string and any(name in request.query for name in _IN_THE_URL):
            self._note(request, "a credential in the URL")
            head = {_ASK: self._challenge('error="invalid_request"')}
            return plain(400, "a token is sent in the Authorization header and never in the URL", head)
        sent = request.headers.getall(hdrs.AUTHORIZATION, ())
        if not sent and self.anonymous:
            return None
        try:
            grant = await self._grant(sent)
        except BadCredential as error:
            self._note(request, str(error))
            extra = ['error="invalid_token"'] if sent else []
            head = {_ASK: self._challenge(*extra, scope=" ".join(self.scopes))}
            return plain(401, f"show a token or key that is valid here: {error}", head)
        except Unverifiable as error:
            self._note(request, str(error))
            return plain(503, f"{error}: try again", {"Retry-After": "30"})
        connection.grant = grant
        if not set(self.scopes) <= set(grant.scopes):
            self._note(request, "it lacks a scope that everybody needs")
            status, head = self.step_up(grant, " ".join(self.scopes))
            return plain(status, f"this takes the scopes: {' '.join(self.scopes)}", head)
        return None

    def step_up(self, grant: Grant | None, scope: str) -> tuple[int, dict[str, str]]:
        """The status and the header that ask a caller to come back with ``scope`` (MCP, basic/authorization)."""
        if not _SCOPES.fullmatch(scope):
            return 403, {}
        if grant is None or grant is NOBODY:
            return 401, {_ASK: self._challenge(scope=scope)}
        return 403, {_ASK: self._challenge('error="insufficient_scope"', scope=scope)}

    def sweep(self) -> None:
        """Take over changes of the file of keys. To be called every second or so."""
        if self._keys is None:
            return
        try:
            changed = self._keys.follow()
        except UnusableKeys as error:
            if str(error) != self._problem:
                self._problem = str(error)
                _log.error("the API keys are as they were", extra={"reason": self._problem})
        else:
            self._problem = ""
            if changed:
                self._known.clear()
                _log.info("the API keys were read anew")

    def routes(self) -> dict[str, Route]:
        """What tells clients where to get a token (RFC 9728, section 3.1), by path."""
        return dict.fromkeys(dict.fromkeys((WELL_KNOWN, f"{WELL_KNOWN}/mcp", self._metadata_path())), self._metadata)

    def metadata_url(self) -> str:
        """Where that is, for clients that were turned away."""
        parts = urlsplit(self.resource)
        return f"{parts.scheme}://{parts.netloc}{self._metadata_path()}"

    def _metadata_path(self) -> str:
        return f"{WELL_KNOWN}{urlsplit(self.resource).path.rstrip('/')}"

    async def _metadata(self, request: web.BaseRequest, _connection: Connection) -> web.StreamResponse:
        if request.method not in (hdrs.METH_GET, hdrs.METH_HEAD):
            return plain(405, "use GET", {"Allow": "GET, HEAD"})
        found = {
            "resource": self.resource,
            **({"authorization_servers": [self._issuer]} if self._issuer else {}),
            **({"scopes_supported": list(self.offered)} if self.offered else {}),
            "bearer_methods_supported": ["header"],
        }
        return web.Response(body=orjson.dumps(found), content_type="application/json")

    async def _grant(self, sent: Sequence[str]) -> Grant:
        if not sent:
            raise BadCredential("there is none")
        scheme, _, credential = sent[0].strip().partition(" ")
        credential = credential.strip()
        if len(sent) > 1 or scheme.lower() != "bearer" or not credential:
            raise BadCredential("it is sent in one header, as: Authorization: Bearer ...")
        now = self._now()
        digest = hashlib.sha256(credential.encode(errors="surrogateescape")).digest()
        known = self._known.get(digest)
        if known is not None and now < known[1]:
            return known[0]
        grant = await self._verified(credential, now)
        if len(self._known) >= MOST_REMEMBERED:
            self._known.clear()
        until = now + REMEMBERED if grant.expires is None else min(grant.expires, now + REMEMBERED)
        self._known[digest] = grant, until
        return grant

    async def _verified(self, credential: str, now: float) -> Grant:
        if is_key(credential) and self._keys is not None:
            return self._keys.grant(credential, now)
        if self._tokens is None:
            raise BadCredential("there is no such key")
        return await self._tokens.grant(credential)

    def _challenge(self, *extra: str, scope: str = "") -> str:
        parts = [*extra, f'resource_metadata="{self.metadata_url()}"', *([f'scope="{scope}"'] if scope else [])]
        return f"Bearer {', '.join(parts)}"

    def _note(self, request: web.BaseRequest, reason: str) -> None:
        """Count it; and one line a second says so, however many come."""
        self.refused += 1
        now = self._now()
        if now - self._told < 1.0:
            self._untold += 1
            return
        _log.warning(
            "not let in", extra={"peer": request.remote or "", "reason": reason, "others_since_the_last": self._untold}
        )
        self._told, self._untold = now, 0
