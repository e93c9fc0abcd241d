"""Checks of what the server runs on: Python, SQLite, packages, file descriptors."""

import platform
import resource
import sqlite3
import sys
from pathlib import Path
from typing import Final

from mcp_server.config.checks.finding import OK, WARNING, WRONG, Finding, Status
from mcp_server.config.settings import Settings
from mcp_server.loader import TAKEN

PYTHON: Final = (3, 11)
SQLITE: Final = (3, 35)
"""Since then it has RETURNING, which the library below the log uses."""

SPARE: Final = 128
"""Descriptors besides those of connections: the log, the view, services, libraries."""


def python() -> list[Finding]:
    """The versions of Python and SQLite."""
    old = sys.version_info[:2] < PYTHON
    remedy = f"use Python {'.'.join(map(str, PYTHON))} or newer" if old else ""
    found = [Finding("python", WRONG if old else OK, platform.python_version(), remedy)]
    old = sqlite3.sqlite_version_info < SQLITE
    remedy = f"use a Python that brings SQLite {'.'.join(map(str, SQLITE))} or newer" if old else ""
    return [*found, Finding("sqlite", WRONG if old else OK, sqlite3.sqlite_version, remedy)]


def packages(server: str) -> list[Finding]:
    """Whether files of the user's have names that this distribution's packages have.

    Where a server of one's own is loaded from, it is refused then. In the folder where one stands they are only in the
    way of ``python -m mcp_server.server``: the command does not look there.
    """
    file = server.partition(".py:")[0] if ".py:" in server else server
    loaded = Path(file).absolute().parent if ".py" in server else Path.cwd()
    found = _strangers(loaded, WRONG, "rename it, or move your server elsewhere") if server else []
    if not server or loaded.resolve() != Path.cwd():
        found += _strangers(Path.cwd(), WARNING, "rename it, or start the server as mcp-rewind serve")
    return found or [Finding("packages", OK, "nothing shadows them")]


def _strangers(folder: Path, status: Status, remedy: str) -> list[Finding]:
    if folder.resolve() == Path(__file__).resolve().parents[3]:
        return []
    places = (place for name in TAKEN for place in (folder / f"{name}.py", folder / name))
    return [
        Finding("packages", status, f"{place} has the name of a package of mcp-rewind's", remedy)
        for place in places
        if place.is_file() or (place.is_dir() and any(place.glob("*.py")))
    ]


def descriptors(settings: Settings) -> list[Finding]:
    """Whether as many files may be open as there may be connections."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = settings.max_connections + SPARE
    shown = "unlimited" if soft == resource.RLIM_INFINITY else f"{soft:,}"
    if soft == resource.RLIM_INFINITY or soft >= needed:
        return [Finding("descriptors", OK, f"{shown} files may be open")]
    raised = f"ulimit -n {needed}" if hard == resource.RLIM_INFINITY or hard >= needed else "raise the hard limit"
    return [
        Finding(
            "descriptors",
            WARNING,
            f"{shown} files may be open, and max_connections is {settings.max_connections:,}",
            f"{raised} (LimitNOFILE={needed} in a systemd unit), or set max_connections to {max(1, soft - SPARE)}",
        )
    ]
