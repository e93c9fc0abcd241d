"""What a plugin is."""

from typing import Protocol, runtime_checkable

from mcp_server.features.server import MCPServer
from mcp_server.plugins.workspace import Workspace


@runtime_checkable
class Plugin(Protocol):
    """Something that adds tools, resources and prompts to a server.

    A package offers one by an entry point in the group ``mcp_rewind.plugins`` that names an object like this, or a
    function without parameters that returns one.
    """

    @property
    def name(self) -> str:
        """What settings call it."""

    def register(self, server: MCPServer, workspace: Workspace | None) -> None:
        """Offer everything through the decorators of ``server``.

        ``workspace`` holds the files that clients may have read; None when this server serves none. Whatever this
        raises is told as the reason why the plugin is left out.
        """
