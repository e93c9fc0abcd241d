"""``mcp-rewind audit``: who called what, and what became of it."""

import argparse
import time
from typing import Any, Final

import msgspec

from adapters.audit_fold import PLACE_BITS
from adapters.audit_reader import AuditReader
from events.outcome import DENIED
from mcp_server.cli.arguments import command, count
from mcp_server.cli.codes import OK, UsageError
from mcp_server.cli.find import find
from mcp_server.cli.output import Column, Output, Row
from mcp_server.cli.show import outcome_style
from mcp_server.cli.stores import open_reader
from mcp_server.cli.text import number, time_text
from mcp_server.cli.view import View, open_view
from replay.audit import PENDING, Query, QueryError, ask, fits, narrowed, parse
from replay.position import Position
from replay.sessions import resolve

_ABOUT: Final = """\
Every request and every malformed message, the newest first. All conditions have to hold; they can be given as flags
or as terms, such as:  mcp-rewind audit tool=echo outcome=error 'latency>=100ms' since=-2h
"""
_FLAGS: Final = (
    ("principal", "NAME", "who called"),
    ("session", "SESSION", "an id, the beginning of one, or last"),
    ("method", "METHOD", "the JSON-RPC method"),
    ("name", "NAME", "the tool, prompt or resource"),
    ("outcome", "OUTCOME", "ok, cached, tool-error, error, rejected, denied, throttled, cancelled or pending"),
    ("since", "TIME", "from then on: -2h, 2026-11-23 or 2026-11-23T09:30:00Z (UTC)"),
    ("until", "TIME", "before then"),
    ("min-latency", "SPAN", "that took at least as long: 100ms, 1.5s"),
)
_SHOWN: Final = (
    *("time", "session", "position", "principal", "transport", "client", "method", "name", "request"),
    *("outcome", "code", "latency_ms", "bytes_in", "bytes_out", "trace", "rule"),
)
_AS_STORED: Final = frozenset(_SHOWN) - {"time", "position", "latency_ms"}
_LOOK: Final = 0.25
_SHORT_ID: Final = 13  # characters of a session's id: the moment when it was opened
_MOST_PENDING: Final = 10_000


def add(commands: Any) -> None:
    """Add the command to the others."""
    parser = command(commands, "audit", "search all requests", _ABOUT)
    parser.add_argument("terms", metavar="TERM", nargs="*", help="conditions, as outcome=error")
    for flag, metavar, explained in _FLAGS:
        parser.add_argument(f"--{flag}", metavar=metavar, help=explained)
    parser.add_argument("--limit", metavar="N", type=count, default=50, help="how many to show (default: 50)")
    parser.add_argument("--all", action="store_true", help="show all there are")
    parser.add_argument("--csv", action="store_true", help="print comma-separated values with a heading")
    parser.add_argument("--follow", action="store_true", help="go on with new ones as they end")
    parser.add_argument("--rebuild", action="store_true", help="build the audit view anew from the log first")
    parser.add_argument("--hash", metavar="VALUE", help="find a secret in the log instead; - reads it from the input")
    parser.add_argument("--error-id", metavar="ID", help="find an internal error in the log instead")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Search."""
    query = _query(arguments)
    if arguments.json and arguments.csv:
        raise UsageError("argument --csv: not together with --json")
    output = Output(json=arguments.json, csv=arguments.csv)
    limit = None if arguments.all else arguments.limit
    if arguments.hash is not None or arguments.error_id is not None:
        if query != Query() or arguments.follow or arguments.rebuild:
            raise UsageError("arguments --hash and --error-id: not together with conditions, --follow or --rebuild")
        return find(arguments, output, limit)
    with open_view(arguments.store, rebuild=arguments.rebuild) as view, view.reading() as reader:
        if arguments.follow:
            return _follow(view, reader, query, limit, output)
        if not output.rows(_columns(output, query), map(_row, ask(reader, query, limit=limit))):
            _explain(output, query)
    return OK


def _query(arguments: argparse.Namespace) -> Query:
    now = time.time()
    try:
        query = parse(arguments.terms, now)
    except QueryError as error:
        raise UsageError(f"argument TERM: {error}") from error
    for flag, _, _ in _FLAGS:
        if (text := getattr(arguments, flag.replace("-", "_"))) is not None:
            try:
                query = narrowed(query, flag, text, now)
            except QueryError as error:
                raise UsageError(f"argument --{flag}: {error}") from error
    if query.session is not None:
        with open_reader(arguments.store) as reader:
            query = msgspec.structs.replace(query, session=resolve(reader, query.session))
    return query


def _explain(output: Output, query: Query) -> None:
    if query == Query():
        output.say("no requests yet: start a server with mcp-rewind serve")
    else:
        output.say("no request fits; mcp-rewind audit without conditions shows what there is")


def _follow(view: View, reader: AuditReader, query: Query, limit: int | None, output: Output) -> int:
    """Show what there is, oldest first, then what comes, each when it has ended."""
    columns = _columns(output, query)
    newest = next(reader.calls({}, limit=1), {"id": 0})["id"]
    pending = [row["id"] for row in reader.calls({"outcome": None}, limit=_MOST_PENDING)]
    known = list(ask(reader, query, limit=limit))[::-1]
    output.rows(columns, (_row(row) for row in known if _shows(row, query)))
    while True:
        time.sleep(_LOOK)
        view.catch_up()
        fresh = list(reader.calls({}, after=newest))[::-1]
        newest = fresh[-1]["id"] if fresh else newest
        older = [row for id in pending if (row := reader.call(id)) is not None]
        seen = [*older, *fresh]
        pending = [row["id"] for row in seen if row["outcome"] is None][-_MOST_PENDING:]
        ended = [row for row in seen if _shows(row, query)]
        output.rows(columns, map(_row, ended), heading=False)


def _shows(row: Row, query: Query) -> bool:
    return (row["outcome"] is not None or query.outcome == PENDING) and fits(query, row)


def _row(call: Row) -> Row:
    """A call as it is shown."""
    id, latency = call["id"], call["latency"]
    row: dict[str, Any] = {name: call[name] for name in _AS_STORED}
    row["position"] = str(Position(id >> PLACE_BITS, id & ((1 << PLACE_BITS) - 1)))
    row["time"] = time_text(call["at"])
    row["latency_ms"] = None if latency is None else round(latency, 3)
    return {name: row[name] for name in _SHOWN}


def _columns(output: Output, query: Query) -> list[Column]:
    if not output.table:
        return [Column(name, name) for name in _SHOWN]
    return [
        Column("time", "time", style="dim"),
        Column("session", "session", lambda id: str(id)[:_SHORT_ID], spare=1),
        Column("position", "position", right=True, style="dim", spare=6),
        Column("principal", "principal", spare=2),
        Column("method", "method"),
        Column("name", "name"),
        Column("outcome", "outcome", lambda word: word or PENDING, style=outcome_style),
        Column("code", "code", right=True, spare=3),
        *([Column("rule", "rule")] if query.outcome == DENIED else []),  # most servers have none
        Column("latency_ms", "ms", number, right=True),
        Column("bytes_in", "in", lambda size: number(size, 0), right=True, style="dim", spare=5),
        Column("bytes_out", "out", lambda size: number(size, 0), right=True, style="dim", spare=4),
    ]
