"""The command ``mcp-rewind``."""

import os
import sys
from collections.abc import Sequence
from importlib import import_module
from io import TextIOWrapper
from typing import Final

from adapters.audit_errors import UnreadableView, UnwritableView
from adapters.sqlite_reader import UnreadableLog
from events.record import UnreadableRecord
from mcp_server import __version__
from mcp_server.cli import codes
from mcp_server.cli.arguments import Parser, near
from mcp_server.cli.text import clean
from replay.sessions import UnknownSession

COMMANDS: Final = ("serve", "demo", "sessions", "show", "replay", "audit", "config", "doctor", "key")

_ABOUT: Final = "An MCP server that remembers: every message is an event, so every session can be replayed."
_FIRST_STEPS: Final = """\
first steps:
  mcp-rewind demo          see a session recorded, shown and replayed
  mcp-rewind serve         run the built-in server; or your own: mcp-rewind serve server.py
  mcp-rewind show last     the newest session, event by event
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; returns the exit code. All expected failures are told in one line on standard error."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):  # a terminal that cannot show a character gets its number
            stream.reconfigure(errors="backslashreplace")
    try:
        return _run(sys.argv[1:] if arguments is None else list(arguments))
    except (codes.UsageError, UnknownSession) as error:
        return _say(str(error), codes.USAGE)
    except (UnreadableLog, UnreadableRecord, UnreadableView, UnwritableView) as error:
        return _say(str(error), codes.UNREADABLE)
    except KeyboardInterrupt:
        return codes.INTERRUPTED
    except BrokenPipeError:
        # The interpreter flushes standard output at its end: let it do that into the void.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return codes.BROKEN_PIPE


def _run(arguments: list[str]) -> int:
    parser = Parser("mcp-rewind", description=_ABOUT, epilog=f"{_FIRST_STEPS}\n{codes.EPILOG}")
    parser.add_argument("--version", action="version", version=f"mcp-rewind {__version__}")
    commands = parser.add_subparsers(title="commands", dest="command", metavar="COMMAND", required=True)
    first = arguments[0] if arguments else "--help"
    if not first.startswith("-") and first not in COMMANDS:
        parser.error(f"there is no command {first!r}{near(first, COMMANDS)}")
    for name in (first,) if first in COMMANDS else COMMANDS:
        # Only what is needed is imported: a server's libraries take a second.
        import_module(f"mcp_server.cli.{name}").add(commands)
    try:
        found = parser.parse_all(arguments or ["--help"])
    except SystemExit as left:  # after --help and --version
        return int(left.code or 0)
    code: int = found.run(found)
    sys.stdout.flush()
    return code


def _say(problem: str, code: int) -> int:
    print(f"mcp-rewind: {clean(problem)}", file=sys.stderr)
    return code
