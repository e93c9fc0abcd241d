"""Settings, read: from the file, then the environment, then the command line; the later wins."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from mcp_server.config.errors import SettingsError
from mcp_server.config.settings import Settings

if TYPE_CHECKING:  # pydantic takes time to import, and not every command needs settings
    from mcp_server.config.given import Given
    from mcp_server.config.sources import Source


class Origin(NamedTuple):
    """Where a setting was given.

    Attributes:
        kind: ``default``, ``file``, ``environment`` or ``command line``.
        name: The file and the name in it, the variable, or the option; empty for a default.
    """

    kind: str
    name: str = ""

    def __str__(self) -> str:
        return self.name or self.kind


class Read(NamedTuple):
    """What was read.

    Attributes:
        given: The settings.
        origins: By setting, or by member of one as ``database.pool_size``, where it was given; what keeps its default
            is not there.
    """

    given: "Given"
    origins: dict[str, Origin]


def read_settings(file: Path | None, environment: Mapping[str, str], arguments: Mapping[str, object]) -> Read:
    """Read the settings, and where each was given.

    Args:
        file: A JSON object; None for none.
        environment: ``MCP_`` and a setting's name in capitals, such as ``MCP_PORT``; some count without ``MCP_`` too.
        arguments: Settings from the command line; those that are None are not set.

    Raises:
        SettingsError: One of them is wrong.
    """
    from mcp_server.config.given import Given
    from mcp_server.config.sources import from_arguments, from_environment, from_file

    sources = [from_file(file)] if file is not None else []
    sources += [from_environment(environment), from_arguments(arguments)]
    values: dict[str, Any] = {}
    origins: dict[str, Origin] = {}
    for source in sources:
        for name, value in _checked(source).items():
            members = value if isinstance(value, dict) else {}
            values[name] = {**values.get(name, {}), **members} if members else value
            origins |= {path: _origin(source, path) for path in ([f"{name}.{member}" for member in members] or [name])}
    return Read(Given(**values), origins)


def _checked(source: "Source") -> dict[str, Any]:
    """The values as they will be, so that a mistake is told with the place where it was made."""
    from pydantic import BaseModel, ValidationError

    from mcp_server.config.given import Given
    from mcp_server.config.problems import problems

    try:
        given = Given(**source.values)
    except ValidationError as error:
        raise SettingsError(f"{source.place}: {problems(error, Given, source.written)}") from error
    found = {name: getattr(given, name) for name in source.values}
    return {
        name: value.model_dump(exclude_unset=True) if isinstance(value, BaseModel) else value
        for name, value in found.items()
    }


def _origin(source: "Source", path: str) -> Origin:
    setting, dot, member = path.partition(".")
    written = source.written.get(path) or f"{source.written[setting]}{dot}{member}"
    return Origin(source.kind, f"{source.place}: {written}" if source.kind == "file" else written)


def load_settings(file: Path | None, environment: Mapping[str, str], arguments: Mapping[str, object]) -> Settings:
    """The settings to serve with. Takes and raises what :func:`read_settings` does."""
    return read_settings(file, environment, arguments).given.settled()


def from_environment(file: Path | None, arguments: Mapping[str, object]) -> Settings:
    """The settings with this process's environment. Raises as :func:`load_settings` does."""
    return load_settings(file, os.environ, arguments)
