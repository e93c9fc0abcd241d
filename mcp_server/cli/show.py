"""``mcp-rewind show``: a session's timeline, or the moment at a position of it."""

import argparse
from collections.abc import Iterable, Iterator
from typing import Any, Final

from adapters.sqlite_reader import SqliteReader
from mcp_server.cli.arguments import command
from mcp_server.cli.codes import OK, UsageError
from mcp_server.cli.output import Column, Output, Row
from mcp_server.cli.stores import open_reader
from mcp_server.cli.text import clean, clipped, frame_text, number, time_text
from replay.position import Position
from replay.sessions import resolve
from replay.timeline import Entry, Flight, Timeline

_CLIP: Final = 160

_ABOUT: Final = """\
The events of a session in order. Facts, which came from outside, are marked with a dot; the decisions that followed
from a fact stand below it. With --at the session is shown as it was at that position, with the requests in flight.
"""


def outcome_style(row: Row) -> str:
    """How an outcome looks on a terminal."""
    return {"ok": "green", "cached": "cyan", "cancelled": "yellow", None: "dim"}.get(row["outcome"], "red")


def _event_style(row: Row) -> str:
    return "bold" if row["kind"] == "fact" else "dim"


_COLUMNS: Final = [
    Column("position", "position", right=True, style="dim"),
    Column("ms", "ms", number, right=True, spare=1),
    Column("event", "event", style=_event_style),
    Column("request", "id", right=True, spare=1),
    Column("subject", "method"),
    Column("outcome", "outcome", style=outcome_style),
    Column("note", "", style="dim", rest=True, spare=2),
]
_FLIGHTS: Final = [
    Column("request", "id", right=True),
    Column("method", "method"),
    Column("name", "name"),
    Column("received", "received at", right=True, style="dim"),
    Column("for_ms", "ms ago", number, right=True),
    Column("latest", "latest event", rest=True),
]


def add(commands: Any) -> None:
    """Add the command to the others."""
    parser = command(commands, "show", "show a session's timeline", _ABOUT)
    parser.add_argument("session", metavar="SESSION", help="an id, the beginning of one, or last")
    parser.add_argument("--at", metavar="POSITION", type=_position, help="as 1042.3: show the session up to there")
    parser.add_argument("--frames", action="store_true", help="show the messages that came in and went out")
    parser.add_argument("--full", action="store_true", help="do not clip messages")
    parser.set_defaults(run=run)


def _position(text: str) -> Position:
    try:
        return Position.parse(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def run(arguments: argparse.Namespace) -> int:
    """Print the timeline."""
    output = Output(json=arguments.json)
    with open_reader(arguments.store) as reader:
        timeline = Timeline(reader.session(_session(reader, arguments.session, arguments.at)))
        shown = _Shown(output, timeline.entries(arguments.at))
        rows = shown.rows(frames=arguments.frames, clip=None if arguments.full else _CLIP)
        if arguments.frames and not output.json:
            _with_frames(output, rows)
        else:
            output.rows(_COLUMNS, rows)
        if arguments.at is not None:
            _flights(output, timeline, shown.newest)
    return OK


def _session(reader: SqliteReader, text: str, at: Position | None) -> str:
    session = resolve(reader, text)
    if at is not None:
        record = reader.at(at.record)
        if record is None:
            raise UsageError(f"argument --at: the log ends at {reader.last()}, before {at.record}")
        if record.session != session:
            raise UsageError(f"argument --at: {at.record} belongs to session {record.session}, not to {session}")
    return session


def show(output: Output, timeline: Timeline) -> set[str]:
    """Print a whole timeline; returns the outcomes in it."""
    outcomes: set[str] = set()

    def rows() -> Iterator[Row]:
        for row in _Shown(output, timeline.entries()).rows(frames=False, clip=None):
            outcomes.add(row["outcome"] or "")
            yield row

    output.rows(_COLUMNS, rows())
    return outcomes


class _Shown:
    """The entries as rows; remembers the newest."""

    def __init__(self, output: Output, entries: Iterable[Entry]) -> None:
        self._json = output.json
        self._table = output.table
        self._entries = entries
        self.newest: Entry | None = None

    def rows(self, *, frames: bool, clip: int | None) -> Iterator[Row]:
        for entry in self._entries:
            self.newest = entry
            yield self._row(entry, frames=frames, clip=clip)

    def _row(self, entry: Entry, *, frames: bool, clip: int | None) -> Row:
        kind = "fact" if entry.is_fact else "decision"
        row: dict[str, Any] = {
            "position": str(entry.position),
            "ms": round(entry.offset, 3),
            "kind": kind,
            "event": type(entry.event).__name__,
            "request": entry.event.origin.request,
            "method": entry.method,
            "name": entry.name,
            "outcome": entry.outcome,
            "note": entry.note,
        }
        if self._json:
            row |= {"session": entry.event.origin.session, "at": entry.at}
        else:
            row["subject"] = " ".join(filter(None, (entry.method, entry.name)))
            row["event"] = f"{'●' if entry.is_fact else '  └'} {row['event']}"
        if frames:
            row["frame"] = None if entry.frame is None else _frame(entry.frame, None if self._json else clip)
        return row


def _frame(frame: bytes, clip: int | None) -> str:
    return frame_text(frame) if clip is None else clipped(frame_text(frame), clip)


def _with_frames(output: Output, rows: Iterable[Row]) -> None:
    """Each row on a line of its own, followed by its frame."""
    for row in rows:
        cells = (row[key] for key in ("position", "ms", "event", "subject", "outcome"))
        head = "  ".join(clean(str(cell)) for cell in cells if cell not in (None, ""))
        output.say(head, _event_style(row))
        if row["frame"] is not None:
            arrow = "<-" if row["kind"] == "fact" else "->"
            output.say(f"      {arrow} {row['frame']}")


def _flights(output: Output, timeline: Timeline, newest: Entry | None) -> None:
    if newest is None:
        return
    flights = list(timeline.in_flight.values())
    output.say(f"\nat {newest.position}, {time_text(newest.at)}: {len(flights) or 'no'} requests in flight")
    output.rows(_FLIGHTS, (_flight(each, newest) for each in flights))


def _flight(flight: Flight, newest: Entry) -> Row:
    return {
        "in_flight": True,
        "request": flight.request,
        "method": flight.method,
        "name": flight.name,
        "received": str(flight.position),
        "for_ms": round(newest.offset - flight.since, 3),
        "latest": flight.latest,
    }
