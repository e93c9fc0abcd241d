"""Checks of the settings themselves: what is allowed, and hardly meant."""

from typing import Final

from mcp_server.config.checks.finding import OK, WARNING, Finding
from mcp_server.config.errors import SettingsError
from mcp_server.config.settings import Settings
from mcp_server.stores import MEMORY

_LOOPBACK: Final = ("127.0.0.1", "::1", "localhost")


def sense(settings: Settings) -> list[Finding]:
    """What somebody should think about."""
    found = []
    if settings.jwt_secret_key is not None:
        try:
            settings.signing_key()
        except SettingsError as error:
            found.append(Finding("jwt_secret_key", WARNING, *str(error).split("; ", 1)))
    if settings.host not in _LOOPBACK and settings.transport_type != "stdio" and not settings.allowed_hosts:
        open_ = f"the server listens on {settings.host or 'every address'} and knows no name but the loopback ones"
        found.append(Finding("allowed_hosts", WARNING, open_, "name the hosts by which clients call it"))
    if settings.environment == "production":
        found += _production(settings)
    return found or [Finding("settings", OK, "nothing unusual")]


def _production(settings: Settings) -> list[Finding]:
    unusual = {
        "debug": (settings.debug, "everything is logged", "set debug to false"),
        "store": (settings.store == MEMORY, "nothing is kept", "set store to a file"),
        "limits": (not settings.limits, "callers are not limited", "set rate_limit_requests, or limits"),
        "audit": (not settings.audit, "the audit view is not kept", "set audit to true"),
    }
    return [
        Finding(name, WARNING, f"in production, {found}", remedy)
        for name, (is_so, found, remedy) in unusual.items()
        if is_so
    ]
