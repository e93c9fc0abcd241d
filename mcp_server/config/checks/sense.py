"""Checks of the settings themselves: what is allowed, and hardly meant."""

from time import time
from typing import Final

from mcp_server.authentication import authenticator, unusable_key
from mcp_server.config.checks.finding import OK, WARNING, WRONG, Finding
from mcp_server.config.errors import SettingsError
from mcp_server.config.settings import Settings
from mcp_server.stores import MEMORY

_LOOPBACK: Final = ("127.0.0.1", "::1", "localhost")


def sense(settings: Settings) -> list[Finding]:
    """What somebody should think about."""
    found = []
    if problem := unusable_key(settings):
        found.append(Finding("jwt_secret_key", WARNING, *problem.split("; ", 1)))
    try:
        authenticator(settings, settings.port, time)
    except SettingsError as error:
        problem, _, remedy = str(error).partition("; ")
        found.append(Finding("authentication", WRONG, problem, remedy or "mend that: the server does not start so"))
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
        "authentication": (
            not settings.authenticates and settings.host not in _LOOPBACK,
            "callers from the network show nobody who they are",
            "set auth_issuer, api_keys_file or jwt_secret_key",
        ),
        "limits": (not settings.limits, "callers are not limited", "set rate_limit_requests, or limits"),
        "audit": (not settings.audit, "the audit view is not kept", "set audit to true"),
    }
    return [
        Finding(name, WARNING, f"in production, {found}", remedy)
        for name, (is_so, found, remedy) in unusual.items()
        if is_so
    ]
