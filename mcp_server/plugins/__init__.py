"""Plugins: what adds tools for a kind of work to a server."""

from mcp_server.plugins.files import is_concerned
from mcp_server.plugins.loader import GROUP, Loaded, load_plugins
from mcp_server.plugins.plugin import Plugin
from mcp_server.plugins.watching import Changed, changes
from mcp_server.plugins.workspace import Workspace

__all__ = ["GROUP", "Changed", "Loaded", "Plugin", "Workspace", "changes", "is_concerned", "load_plugins"]
