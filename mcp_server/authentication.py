"""What finds out who calls, as the settings say; and what a token or a key is made with."""

from collections.abc import Callable
from pathlib import Path
from time import monotonic
from typing import Final
from urllib.parse import urlsplit

import jwt

from adapters.api_keys import ApiKeys, UnusableKeys
from adapters.authenticator import Authenticator
from adapters.guarded_fetch import GuardedFetch, NotFetched
from adapters.jwks import KeySet
from adapters.tokens import OWN_ISSUER, Tokens
from mcp_server.config import Settings, SettingsError

OPEN_PATHS: Final = ("/health", "/health/live", "/health/ready")
"""What is answered without a look at who calls, besides where to get a token; and ``/admin``, which has a rule of its
own: its callers show another token in the same header."""

_EVERYWHERE: Final = {"": "localhost", "0.0.0.0": "localhost", "::": "localhost"}  # noqa: S104 - told, not bound


def authenticator(settings: Settings, port: int, now: Callable[[], float]) -> Authenticator | None:
    """What finds out who calls; None when the settings name nothing that callers could show.

    A key that is too short to be one verifies nothing: the server starts, and lets nobody in by it; see
    :func:`unusable_key`.

    Args:
        settings: How to serve.
        port: Where the server listens.
        now: Seconds since the epoch.

    Raises:
        SettingsError: A file or a URL cannot be used, or a setting is missing that others need.
    """
    if not settings.authenticates:
        return None
    resource = resource_of(settings, port)
    secret = None if settings.jwt_secret_key is None or unusable_key(settings) else settings.signing_key()
    keys = _issuer_keys(settings)
    tokens = Tokens(resource, secret, settings.auth_issuer, keys) if secret is not None or keys is not None else None
    found = Authenticator(resource, now, tokens=tokens, keys=_api_keys(settings), issuer=settings.auth_issuer)
    follow(found, settings)
    return found


def follow(found: Authenticator, settings: Settings) -> None:
    """Have it go by what can change while the server runs."""
    found.anonymous = settings.anonymous
    found.scopes = settings.auth_scopes
    needed = (scope for rule in settings.access for scope in rule.needs_scope.split())
    found.offered = tuple(dict.fromkeys((*settings.auth_scopes, *needed)))


def resource_of(settings: Settings, port: int) -> str:
    """The URI of the server, for which tokens must be (RFC 8707).

    Raises:
        SettingsError: It is none, or is not named where an issuer has to know it.
    """
    found = settings.auth_audience
    if not found:
        if settings.auth_issuer:
            raise SettingsError(
                "auth_issuer needs auth_audience: the URI by which clients call this server, such as "
                "https://example.org/mcp, which the issuer's tokens are for"
            )
        host = _EVERYWHERE.get(settings.host, settings.host)
        return f"http://{f'[{host}]' if ':' in host else host}:{port}/mcp"
    parts = urlsplit(found)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.fragment or parts.query or '"' in found:
        raise SettingsError(
            f"auth_audience must be a http or https URI without query and fragment, not {found[:128]!r}"
        )
    return found


def mint(settings: Settings, port: int, claims: dict[str, object]) -> str:
    """A token of our own with ``claims``, among them ``sub`` and ``exp``.

    Raises:
        SettingsError: There is no key to sign it with, or it is too short.
    """
    own = {"iss": OWN_ISSUER, "aud": resource_of(settings, port)}
    return jwt.encode({**own, **claims}, settings.signing_key(), "HS256")


def unusable_key(settings: Settings) -> str:
    """Why no token is taken that is signed with the server's own key; empty when there is none, or it is good."""
    if settings.jwt_secret_key is None:
        return ""
    try:
        settings.signing_key()
    except SettingsError as error:
        return str(error)
    return ""


def _issuer_keys(settings: Settings) -> KeySet | None:
    if not settings.auth_issuer:
        if settings.auth_jwks_url:
            raise SettingsError("auth_jwks_url needs auth_issuer: whose keys are they?")
        return None
    urls = {"auth_issuer": settings.auth_issuer, "auth_jwks_url": settings.auth_jwks_url}
    for name, url in urls.items():
        try:
            if url:
                GuardedFetch(urls.values()).target(url)
        except NotFetched as error:
            raise SettingsError(f"{name}: {error}") from error
    return KeySet(settings.auth_issuer, settings.auth_jwks_url, GuardedFetch(urls.values()), monotonic)


def _api_keys(settings: Settings) -> ApiKeys | None:
    if not settings.api_keys_file:
        return None
    try:
        return ApiKeys(Path(settings.api_keys_file))
    except UnusableKeys as error:
        raise SettingsError(f"api_keys_file: {error}") from error
