"""The settings of a server: from a file, the environment and the command line, the later before the earlier."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Final, Literal

import msgspec
from msgspec import Meta, Struct

from mcp_server.effects import Durability
from operators.policy import Limit

Port = Annotated[int, Meta(ge=0, le=65535)]
Count = Annotated[int, Meta(ge=1)]
Seconds = Annotated[float, Meta(gt=0)]

_ALIASES: Final = {"websocket_host": "host", "websocket_port": "port"}
_BARE: Final = {"LOG_LEVEL": "log_level", "LOG_FILE": "log_file", "CACHE_MAX_ENTRIES": "cache_max_entries"}


class SettingsError(ValueError):
    """A setting is wrong; says which, where, and what it may be."""


class Settings(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One server's settings.

    Attributes:
        transport_type: ``websocket`` and ``http`` both serve websocket and Streamable HTTP on one port.
        host: The address to listen on. Anything but loopback opens the server to the network.
        port: The port; 0 takes a free one.
        store: Where the log is kept: ``sqlite:///`` and a path, or ``memory:`` for none that lasts.
        durability: When an effect may act on an event: ``strict``, ``group`` or ``async``.
        server: The server to serve: a file, or ``module:attribute``; empty for the built-in one.
        allowed_hosts: Names besides the loopback ones by which the server may be called.
        allowed_origins: Origins of pages that may call it.
        anonymous: Whether callers that nobody vouches for may use it.
        limits: Rate limits; all that cover a request must let it pass.
        cache_max_entries: Results that are kept.
        cache_max_memory_mb: Their size together, in MiB.
        connection_window: Unanswered requests of one connection; then it is not read any further.
        server_window: Unanswered requests of all together; more are refused with a time to try again.
        max_connections: Connections that are open at once.
        call_timeout: Seconds that a call may take.
        session_idle: Seconds after which an unused session is closed.
        head_timeout: Seconds in which a connection must bring its first request head.
        body_timeout: Seconds in which a request must bring its body.
        drain_timeout: Seconds for which calls may go on after the server was told to stop.
        audit: Whether the audit view is kept up to date while the server runs.
        log_level: The least severe log lines that are written.
        log_file: Where they go; empty for standard error.
        debug: Log everything.
    """

    transport_type: Literal["websocket", "http", "stdio"] = "http"
    host: str = "127.0.0.1"
    port: Port = 8080
    store: str = "sqlite:///var/events.db"
    durability: Durability = Durability.STRICT
    server: str = ""
    allowed_hosts: tuple[str, ...] = ()
    allowed_origins: tuple[str, ...] = ()
    anonymous: bool = True
    limits: tuple[Limit, ...] = ()
    cache_max_entries: Count = 10_000
    cache_max_memory_mb: Count = 64
    connection_window: Count = 64
    server_window: Count = 4096
    max_connections: Count = 10_000
    call_timeout: Seconds = 300.0
    session_idle: Seconds = 1800.0
    head_timeout: Seconds = 10.0
    body_timeout: Seconds = 30.0
    drain_timeout: Annotated[float, Meta(ge=0)] = 10.0
    audit: bool = True
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"] = "INFO"
    log_file: str = ""
    debug: bool = False


def load_settings(file: Path | None, environment: Mapping[str, str], arguments: Mapping[str, object]) -> Settings:
    """Read the settings.

    Args:
        file: A JSON object; None for none.
        environment: ``MCP_`` and a setting's name in capitals, such as ``MCP_PORT``.
        arguments: Settings from the command line; those that are None are not set.

    Raises:
        SettingsError: One of them is wrong.
    """
    values: dict[str, Any] = {}
    if file is not None:
        values |= _checked(_file(file), f"{file}")
    values |= _checked(_environment(environment), "the environment")
    values |= {name: value for name, value in arguments.items() if value is not None}
    return _convert(values, "the command line")


def _file(file: Path) -> dict[str, Any]:
    try:
        found = msgspec.json.decode(file.read_bytes(), type=dict[str, Any])
    except OSError as error:
        raise SettingsError(f"{file} cannot be read: {error.strerror}") from error
    except msgspec.MsgspecError as error:
        raise SettingsError(f"{file} is no JSON object: {error}") from error
    return {_ALIASES.get(name, name): value for name, value in found.items()}


def _environment(environment: Mapping[str, str]) -> dict[str, Any]:
    names = {f"MCP_{name.upper()}": name for name in (*Settings.__struct_fields__, *_ALIASES)}
    found = {name: environment[key] for key, name in {**_BARE, **names}.items() if key in environment}
    return {_ALIASES.get(name, name): value for name, value in found.items()}


def _checked(values: dict[str, Any], where: str) -> dict[str, Any]:
    """The values as they will be, so that a mistake is told with the place where it was made."""
    settings = _convert(values, where)
    return {name: getattr(settings, name) for name in values}


def _convert(values: dict[str, Any], where: str) -> Settings:
    try:
        return msgspec.convert(values, Settings, strict=False)
    except msgspec.ValidationError as error:
        raise SettingsError(f"{where}: {_plainly(str(error))}") from error


def _plainly(problem: str) -> str:
    if problem.startswith("Object contains unknown field"):
        name = problem.split("`")[1]
        return f"there is no setting {name!r}"
    return problem.replace(" - at `$.", ", at `")


def from_environment(file: Path | None, arguments: Mapping[str, object]) -> Settings:
    """The settings with this process's environment. Raises as :func:`load_settings` does."""
    return load_settings(file, os.environ, arguments)
