"""``mcp-rewind sessions``: the sessions that are recorded."""

import argparse
from typing import Any, Final

from mcp_server.cli.arguments import command, count
from mcp_server.cli.codes import OK
from mcp_server.cli.output import Column, Output, Row
from mcp_server.cli.text import number, time_text
from mcp_server.cli.view import open_view

_ABOUT: Final = """\
The recorded sessions, the newest first. A session without an end is still open, or its server was killed.
"""
_FIELDS: Final = ("session", "transport", "peer", "principal", "client", "version", "requests", "errors")


def add(commands: Any) -> None:
    """Add the command to the others."""
    parser = command(commands, "sessions", "list the recorded sessions", _ABOUT)
    parser.add_argument("--limit", metavar="N", type=count, default=50, help="how many to show (default: 50)")
    parser.add_argument("--all", action="store_true", help="show all there are")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """List them."""
    output = Output(json=arguments.json)
    with open_view(arguments.store) as view, view.reading() as reader:
        rows = reader.sessions(None if arguments.all else arguments.limit)
        if not output.rows(_columns(output), map(_row, rows)):
            output.say("no sessions yet: start a server with mcp-rewind serve")
    return OK


def _row(session: Row) -> Row:
    row = {name: session[name] for name in _FIELDS}
    row["opened"] = time_text(session["opened"])
    row["closed"] = time_text(session["closed"]) or None
    row["seconds"] = round(session["last_at"] - session["opened"], 3)
    row["last_position"] = session["last_position"]
    row["reason"] = session["reason"]
    row["trace"] = session["trace"]
    return row


def _columns(output: Output) -> list[Column]:
    return [
        Column("session", "session"),
        Column("opened", "opened", style="dim", spare=1),
        Column("seconds", "seconds", number, right=True, spare=3),
        Column("transport", "transport", spare=4),
        Column("principal", "principal"),
        Column("client", "client", spare=2),
        Column("version", "version", style="dim", spare=5),
        Column("requests", "requests", lambda n: number(n, 0) if output.table else str(n), right=True),
        Column("errors", "errors", lambda n: number(n, 0) if output.table else str(n), right=True, style=_errors_style),
        Column("reason", "end", lambda reason: reason or "none recorded", style="dim", rest=True, spare=6),
    ]


def _errors_style(row: Row) -> str:
    return "red" if row["errors"] else "dim"
