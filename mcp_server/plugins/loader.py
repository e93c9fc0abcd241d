"""From the names in the settings to plugins that work, and to the reasons why others do not."""

import difflib
import importlib
import re
from collections.abc import Iterable, Mapping
from importlib.metadata import Distribution, EntryPoint, distributions
from typing import Any, Final

import structlog

from mcp_server.features.server import MCPServer
from mcp_server.plugins.files import offer_files
from mcp_server.plugins.plugin import Plugin
from mcp_server.plugins.workspace import Workspace

GROUP: Final = "mcp_rewind.plugins"
"""The group of entry points by which packages offer plugins."""

BUILT_IN: Final = {
    "python_plugin": "mcp_server.plugins.python:plugin",
    "js_plugin": "mcp_server.plugins.js:plugin",
    "c_plugin": "mcp_server.plugins.c:plugin",
}
"""Where the plugins of this distribution are."""

_log = structlog.get_logger(__name__)


class Loaded:
    """The plugins that could be loaded, and why others could not.

    Attributes:
        plugins: By name, in the order in which they were enabled.
        failures: By name, why a plugin is not there: for health, and for whoever mends it.
    """

    def __init__(self, workspace: Workspace | None) -> None:
        self.plugins: dict[str, Plugin] = {}
        self.failures: dict[str, str] = {}
        self._workspace = workspace

    def register(self, server: MCPServer) -> None:
        """Let each plugin offer what it has, and offer the files of the workspace along with them.

        A plugin that fails leaves nothing behind: it moves to ``failures`` and the others go on.

        Raises:
            Unusable: The server has a tool or resource that bears the name of one for the workspace's files.
        """
        if self._workspace is not None:
            offer_files(server, self._workspace)
        for name, plugin in list(self.plugins.items()):
            trial = server.copy()
            try:
                plugin.register(trial, self._workspace)
            except KeyboardInterrupt:
                raise
            except BaseException as error:  # noqa: BLE001 # whatever a plugin raises costs that plugin only
                del self.plugins[name]
                self.fail(name, f"it could not be registered: {told(error)}")
            else:
                server.adopt(trial)

    def fail(self, name: str, reason: str) -> None:
        """Say why a plugin is not there."""
        self.failures[name] = reason
        _log.error("a plugin is left out", plugin=name, reason=reason)


def load_plugins(enabled: Iterable[str], workspace: Workspace | None = None) -> Loaded:
    """Load the plugins that are ``enabled``: those of this distribution, and those that packages offer.

    Raises nothing that a plugin raises: what fails is named in the result.
    """
    loaded = Loaded(workspace)
    offered = _offered()
    for name in dict.fromkeys(enabled):
        try:
            loaded.plugins[name] = _load(name, offered)
        except _Left as error:
            loaded.fail(name, str(error))
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # noqa: BLE001 # importing runs code of others; a panic in Rust is no Exception
            loaded.fail(name, f"it could not be loaded: {told(error)}")
    return loaded


def told(error: BaseException) -> str:
    """One line about what was raised."""
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text[:500]}" if text else type(error).__name__


class _Left(Exception):
    """A plugin that cannot be loaded, with the reason ready to be shown."""


def _offered() -> dict[str, list[EntryPoint]]:
    """The entry points of all packages, each package read apart: one whose entry points are garbled costs no other."""
    found: dict[str, list[EntryPoint]] = {}
    seen: set[str] = set()
    for package in distributions():
        try:
            entries = package.entry_points.select(group=GROUP)
        except Exception as error:  # noqa: BLE001 # the files of other packages may be wrong in any way
            _log.warning("the entry points of a package cannot be read", package=_name(package), reason=told(error))
            continue
        if not entries or (name := _name(package)) in seen:  # a package that is on the path twice counts once
            continue
        seen.add(name)
        for entry in entries:
            found.setdefault(entry.name, []).append(entry)
    return found


def _name(package: Distribution) -> str:
    """What a package calls itself, so that two spellings are one name (PEP 503)."""
    try:
        return re.sub(r"[-_.]+", "-", package.metadata["Name"]).lower()
    except Exception:  # noqa: BLE001 # as above
        return "without a name"


def _load(name: str, offered: Mapping[str, list[EntryPoint]]) -> Plugin:
    if name in BUILT_IN:
        module, _, attribute = BUILT_IN[name].partition(":")
        found = getattr(importlib.import_module(module), attribute)
    elif name not in offered:
        raise _Left(_unknown(name, (*BUILT_IN, *offered)))
    elif len(offered[name]) > 1:
        places = " and ".join(sorted(entry.value for entry in offered[name]))
        raise _Left(f"several packages offer a plugin of this name: {places}")
    else:
        found = offered[name][0].load()
    return _plugin(found)


def _plugin(found: Any) -> Plugin:
    # A class has the attributes of its instances: make one.
    made = found() if isinstance(found, type) or (not isinstance(found, Plugin) and callable(found)) else found
    if not isinstance(made, Plugin):
        kind = type(made).__name__
        raise _Left(f"its entry point gives a {kind}, which has no name or no register(server, workspace)")
    return made


def _unknown(name: str, known: Iterable[str]) -> str:
    names = sorted(known)
    near = difflib.get_close_matches(name, names, n=1)
    hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(names)}"
    return f"there is no plugin of this name; {hint}"
