"""Where settings come from: what a file, the environment and the command line hold, and under which name each stood."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple

from pydantic_settings import EnvSettingsSource

from mcp_server.config.errors import SettingsError
from mcp_server.config.given import Given
from mcp_server.config.names import ALIASES, NESTED, OPTIONS, PREFIX, variables
from mcp_server.config.problems import names, unknown

MOST_BYTES: Final = 1 << 20
"""The largest file of settings that is read."""

_MAY_BE_EMPTY: Final = frozenset(name for name, field in Given.model_fields.items() if field.default == "")


class Source(NamedTuple):
    """The settings of one place.

    Attributes:
        kind: ``file``, ``environment`` or ``command line``.
        place: What a message about one of them begins with.
        values: By setting, as they stand there.
        written: By setting, or by member of one as ``database.pool_size``, the name under which it stands there.
    """

    kind: str
    place: str
    values: dict[str, Any]
    written: dict[str, str]


def from_file(file: Path) -> Source:
    """The settings in a file.

    Raises:
        SettingsError: It cannot be read, or is no JSON object.
    """
    found = _object(file)
    found.pop("$schema", None)  # for editors
    values: dict[str, Any] = {}
    written: dict[str, str] = {}
    for name, value in found.items():
        setting = ALIASES.get(name, name)
        if setting in written:
            raise SettingsError(f"{file}: {written[setting]} and {name} are the same setting; leave one of them out")
        if setting not in Given.model_fields:
            raise SettingsError(f"{file}: {unknown(name, Given)}")
        values[setting], written[setting] = value, name
    return Source("file", str(file), values, written)


def _object(file: Path) -> dict[str, Any]:
    try:
        with file.open("rb") as opened:
            document = opened.read(MOST_BYTES + 1)
        if len(document) > MOST_BYTES:
            raise SettingsError(f"{file} has more than {MOST_BYTES} bytes")
        found = json.loads(document.decode(), object_pairs_hook=_once, parse_constant=_no_number)
    except OSError as error:
        raise SettingsError(f"{file} cannot be read: {error.strerror}") from error
    except json.JSONDecodeError as error:
        problem = f"line {error.lineno}, column {error.colno}: {error.msg}"
        raise SettingsError(f"{file} is no JSON object: {problem}") from error
    except (ValueError, RecursionError) as error:
        if isinstance(error, SettingsError):
            raise
        raise SettingsError(f"{file} is no JSON object: {error}") from error
    if not isinstance(found, dict):
        raise SettingsError(f"{file} is no JSON object")
    return found


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name in found:
            raise ValueError(f"{name!r} is there twice")
        found[name] = value
    return found


def _no_number(text: str) -> Any:
    raise ValueError(f"{text} is no number in JSON")


def from_environment(environment: Mapping[str, str]) -> Source:
    """The settings in environment variables.

    An empty variable empties what is empty by default, such as ``log_file``. Of any other setting it says nothing, as
    if it were not there: an empty MCP_HOST does not open the server to the network.
    """
    written: dict[str, str] = {}
    lower: dict[str, str] = {}  # as pydantic-settings looks for them
    for setting in Given.model_fields:
        for variable in variables(setting):
            value = environment.get(variable)
            if value is not None and (value or setting in _MAY_BE_EMPTY):
                written[setting], lower[f"{PREFIX}{setting}".lower()] = variable, value
                break
    for path in names(Given):
        variable = f"{PREFIX}{path.replace('.', NESTED)}".upper()
        if "." in path and variable in environment:
            written[path], lower[variable.lower()] = variable, environment[variable]
    source = EnvSettingsSource(Given, case_sensitive=False, env_prefix=PREFIX, env_nested_delimiter=NESTED)
    source.env_vars = lower
    try:
        values = source()
    except ValueError as error:  # all others are checked later
        problem = "a setting with members is a JSON object, or a variable for each of them, as MCP_DATABASE__POOL_SIZE"
        raise SettingsError(f"the environment: {written.get('database', 'MCP_DATABASE')}: {problem}") from error
    return Source("environment", "the environment", values, written)


def unknown_variables(environment: Mapping[str, str]) -> list[tuple[str, str]]:
    """Variables that look like settings and are none; each with what to say of it."""
    known = {variable for setting in Given.model_fields for variable in variables(setting)}
    known |= {f"{PREFIX}{path.replace('.', NESTED)}".upper() for path in names(Given)}
    strange = (name for name in sorted(environment) if name.startswith(PREFIX) and name not in known)
    return [(name, unknown(name.removeprefix(PREFIX).replace(NESTED, ".").lower(), Given)) for name in strange]


def from_arguments(arguments: Mapping[str, object]) -> Source:
    """The settings on the command line; those that are None are not there."""
    values = {ALIASES.get(name, name): value for name, value in arguments.items() if value is not None}
    for name in values:
        if name not in Given.model_fields:
            raise SettingsError(f"the command line: {unknown(name, Given)}")
    return Source("command line", "the command line", values, {name: OPTIONS.get(name, name) for name in values})
