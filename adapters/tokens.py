"""From a JSON Web Token to a verified caller (RFC 7519, RFC 8725, RFC 9068).

How a token must be signed is said by the settings and never by the token: its ``alg`` picks one of the ways that are
open, each of which has keys of its own kind. What a header brings along to verify itself with is not looked at.
"""

from typing import Any, Final

import jwt

from adapters.grant import BadCredential, Grant, text, words
from adapters.jwks import ALGORITHMS, KeySet
from operators.authorize import ANONYMOUS

LONGEST_TOKEN: Final = 8192
"""Characters of a token that is looked at."""

LEEWAY: Final = 10.0
"""Seconds by which the clocks of issuer and server may differ."""

OWN_ISSUER: Final = "mcp-rewind"
"""Who issues tokens that are signed with the server's own key, unless an issuer is named."""

KEY_PREFIX: Final = "key:"
"""What the principals of API keys begin with, and those of tokens do not."""

_SHARED: Final = "HS256"
_TYPES: Final = frozenset({"jwt", "at+jwt", "application/at+jwt", "application/jwt"})
_REQUIRED: Final = ("exp", "iss", "aud")

_WORDS: Final[tuple[tuple[type[jwt.PyJWTError], str], ...]] = (
    (jwt.ExpiredSignatureError, "it has expired"),
    (jwt.ImmatureSignatureError, "it is not valid yet"),
    (jwt.InvalidAudienceError, "it is for another server"),
    (jwt.InvalidIssuerError, "it is of another issuer"),
    (jwt.InvalidSignatureError, "its signature is wrong"),
    (jwt.MissingRequiredClaimError, "it lacks a claim that it must have: exp, iss and aud"),
)


class Tokens:
    """Verifies tokens.

    Args:
        audience: The URI of this server, which every token must be for (RFC 8707).
        secret: The key for HS256; None when no such token is taken.
        issuer: Whose tokens are taken; empty for nobody's but our own.
        keys: The issuer's public keys; None without an issuer.
    """

    def __init__(
        self, audience: str, secret: bytes | None = None, issuer: str = "", keys: KeySet | None = None
    ) -> None:
        self._audience = audience
        self._secret = secret
        self._issuer = issuer
        self._keys = keys

    async def grant(self, token: str) -> Grant:
        """Who shows ``token``.

        Raises:
            BadCredential: It proves nothing.
            adapters.grant.Unverifiable: The issuer's keys cannot be had.
        """
        if len(token) > LONGEST_TOKEN or token.count(".") != 2:
            raise BadCredential("it is no token")
        try:
            algorithm, id = _header(token)
            return _grant(await self._claims(token, algorithm, id))
        except jwt.PyJWTError as error:
            raise BadCredential(_said(error)) from None
        except (ValueError, TypeError, RecursionError, ArithmeticError):  # such as an exp of 1e999
            raise BadCredential("it is no token") from None

    async def _claims(self, token: str, algorithm: str, id: str | None) -> dict[str, Any]:
        if algorithm == _SHARED and self._secret is not None:
            issuers = [OWN_ISSUER, self._issuer] if self._issuer else [OWN_ISSUER]
            return self._decoded(token, self._secret, algorithm, issuers)
        if algorithm in ALGORITHMS and self._keys is not None:
            key = await self._keys.key(id, algorithm)
            return self._decoded(token, key, algorithm, [self._issuer])
        raise BadCredential("it is signed in a way that is not taken here")

    def _decoded(self, token: str, key: "jwt.PyJWK | bytes", algorithm: str, issuers: list[str]) -> dict[str, Any]:
        return jwt.decode(
            token,
            key,
            algorithms=[algorithm],
            audience=self._audience,
            issuer=issuers,
            leeway=LEEWAY,
            options={"require": list(_REQUIRED)},
        )


def _header(token: str) -> tuple[str, str | None]:
    """The algorithm and the key's id that a token names.

    Raises:
        BadCredential: It asks for something that is not done here.
    """
    header = jwt.get_unverified_header(token)
    if "crit" in header or "b64" in header:  # RFC 7515, 4.1.11: what is critical and not understood is refused
        raise BadCredential("its header has crit or b64, which are not understood here")
    kind = header.get("typ", "JWT")
    if not isinstance(kind, str) or kind.lower() not in _TYPES:
        raise BadCredential("its type is not that of an access token")
    algorithm, id = header.get("alg"), header.get("kid")
    if not isinstance(algorithm, str) or not (id is None or isinstance(id, str)):
        raise BadCredential("it is no token")
    return algorithm, id


def _grant(claims: dict[str, Any]) -> Grant:
    client = claims.get("client_id", claims.get("azp"))
    subject = claims.get("sub", client)
    principal = text(subject, "principal (sub)")
    if principal == ANONYMOUS or principal.startswith(KEY_PREFIX):
        raise BadCredential("its principal has a name that stands for something else here")
    return Grant(
        principal,
        words(claims.get("scope", claims.get("scp")), "scopes"),
        words(claims.get("groups"), "groups"),
        float(claims["exp"]),
        "" if client is None else text(client, "client"),
    )


def _said(error: jwt.PyJWTError) -> str:
    return next((said for kind, said in _WORDS if isinstance(error, kind)), "it is no token")
