"""What is served: a server's own offer, and what the plugins add that the settings enable."""

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

from mcp_server.config import Settings, SettingsError
from mcp_server.features.catalogue import Catalogue
from mcp_server.features.server import MCPServer
from mcp_server.features.unusable import Unusable

if TYPE_CHECKING:
    from mcp_server.plugins import Workspace


class Offered(NamedTuple):
    """All that is served.

    Attributes:
        catalogue: It answers.
        failed_plugins: Plugins that were enabled and are left out, each with why.
        workspace: The files that plugins read; None without plugins.
    """

    catalogue: Catalogue
    failed_plugins: Mapping[str, str] = MappingProxyType({})
    workspace: "Workspace | None" = None


def offered(settings: Settings, server: MCPServer) -> Offered:
    """What ``server`` offers together with the plugins; ``server`` itself stays as it is.

    Raises:
        SettingsError: The workspace is no folder, or the server has a tool or resource with the name of one of its.
    """
    if not settings.enabled_plugins:
        return Offered(server.catalogue())
    from mcp_server.plugins import Workspace, load_plugins

    extended = server.copy()
    try:
        workspace = Workspace(Path(settings.workspace or "."))
        loaded = load_plugins(settings.enabled_plugins, workspace)
        loaded.register(extended)
    except (NotADirectoryError, Unusable) as error:
        raise SettingsError(f"workspace: {error}") from error
    catalogue = extended.catalogue()
    catalogue.subscribable = True  # the workspace is watched
    return Offered(catalogue, loaded.failures, workspace)
