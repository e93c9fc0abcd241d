"""What a server can take over from changed settings while it runs."""

from typing import Final, NamedTuple

import msgspec

from mcp_server.config.settings import Settings

RELOADABLE: Final = frozenset(
    {
        "access",
        "access_default",
        "admin_token",
        "allowed_hosts",
        "allowed_origins",
        "anonymous",
        "auth_scopes",
        "body_timeout",
        "call_timeout",
        "debug",
        "drain_timeout",
        "head_timeout",
        "limits",
        "log_level",
        "max_connections",
        "server_window",
        "session_idle",
    }
)
"""Numbers and lists that are looked up each time. The others hold a socket, a file, a connection or a catalogue that
clients have seen: those change with a restart."""


class Reloaded(NamedTuple):
    """The names of the settings that differ, in the order of :class:`Settings`.

    Attributes:
        applied: Those that the server takes over.
        needs_restart: Those that stay as they were until it is started again.
    """

    applied: tuple[str, ...]
    needs_restart: tuple[str, ...]


def reloaded(old: Settings, new: Settings) -> Reloaded:
    """What comes of new settings."""
    changed = [name for name in Settings.__struct_fields__ if getattr(old, name) != getattr(new, name)]
    return Reloaded(
        tuple(name for name in changed if name in RELOADABLE),
        tuple(name for name in changed if name not in RELOADABLE),
    )


def in_force(old: Settings, new: Settings) -> Settings:
    """The settings with which a server goes on that had ``old`` and was given ``new``."""
    return msgspec.structs.replace(old, **{name: getattr(new, name) for name in reloaded(old, new).applied})
