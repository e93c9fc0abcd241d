"""The settings of a server: from a file, the environment and the command line, the later before the earlier.

What is imported here takes no time. Reading settings does: it brings in pydantic, which is 0.17 s on top of the 0.76 s
that the imports of ``mcp-rewind serve`` take (medians of nine, CPython 3.11 on two cores).
"""

from mcp_server.config.errors import SettingsError
from mcp_server.config.names import ALIASES as _ALIASES
from mcp_server.config.names import BARE as _BARE
from mcp_server.config.reading import Origin, Read, from_environment, load_settings, read_settings
from mcp_server.config.reload import RELOADABLE, Reloaded, in_force, reloaded
from mcp_server.config.settings import Database, Settings

__all__ = [
    "RELOADABLE",
    "_ALIASES",
    "_BARE",
    "Database",
    "Origin",
    "Read",
    "Reloaded",
    "Settings",
    "SettingsError",
    "from_environment",
    "in_force",
    "load_settings",
    "read_settings",
    "reloaded",
]
