"""``mcp-rewind replay``: decide again what was decided, and compare."""

import argparse
import time
from pathlib import Path
from typing import Any, Final

from adapters.sqlite_reader import SqliteReader
from mcp_server.cli.arguments import Parser, command
from mcp_server.cli.codes import DIFFERS, OK, UNREADABLE, UsageError
from mcp_server.cli.junit import write_junit
from mcp_server.cli.output import Output
from mcp_server.cli.reading import read
from mcp_server.cli.stores import open_reader
from mcp_server.cli.text import clipped, many, to_json, value_text
from replay.difference import Pointer, pointer
from replay.divergence import Divergence, shown
from replay.replay import Verdict, verify
from replay.sessions import resolve

_ABOUT: Final = """\
Feed the recorded facts of a session to the same decisions again, under a virtual clock, and compare every decision
with the recorded one. Nothing is called and nothing is sent. With --rerun the tools are really called again; with
--what-if the limits of a settings file are put in place of the recorded ones.
"""
_CLIP: Final = 400


def add(commands: Any) -> None:
    """Add the command to the others."""
    parser = command(commands, "replay", "replay sessions and check every decision", _ABOUT)
    which = parser.add_mutually_exclusive_group(required=True)
    which.add_argument("session", metavar="SESSION", nargs="?", help="an id, the beginning of one, or last")
    which.add_argument("--all", action="store_true", help="every session in the log")
    parser.add_argument("--junit", metavar="FILE", type=Path, help="write the verdicts as JUnit XML, a case a session")
    parser.add_argument("--hex", action="store_true", help="show the stored bytes of decisions that differ")
    parser.add_argument(
        "--what-if", metavar="FILE", type=Path, help="settings: tell what their limits would have done differently"
    )
    _add_rerun(parser)
    parser.set_defaults(run=run)


def _add_rerun(parser: Parser) -> None:
    rerun = parser.add_argument_group("calling the tools again")
    rerun.add_argument("--rerun", action="store_true", help="call the recorded calls again and compare the results")
    rerun.add_argument("--server", metavar="SERVER", default="", help="FILE.py or module:attribute (default: built-in)")
    rerun.add_argument("--yes", action="store_true", help="also call, unasked, what may act on something")
    rerun.add_argument(
        "--ignore",
        metavar="POINTER",
        type=_pointer,
        action="append",
        default=[],
        help="do not compare what always differs, such as /result/structuredContent/time; a JSON pointer (RFC 6901) "
        "into the result, * for any key or index; may be given more than once",
    )


def _pointer(text: str) -> Pointer:
    try:
        return pointer(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def run(arguments: argparse.Namespace) -> int:
    """Replay, call again, or ask what other limits would have done."""
    if arguments.ignore and not arguments.rerun:
        raise UsageError("argument --ignore: only with --rerun; a replay compares every byte")
    output = Output(json=arguments.json)
    with open_reader(arguments.store) as reader:
        session = None if arguments.all else resolve(reader, arguments.session)
        if arguments.rerun:
            from mcp_server.cli.rerun import rerun

            return rerun(reader, session, arguments, output)
        if arguments.what_if:
            from mcp_server.cli.what_if import ask_what_if

            return ask_what_if(reader, session, arguments.what_if, output)
        return _verify(reader, session, arguments, output)


def _verify(reader: SqliteReader, session: str | None, arguments: argparse.Namespace, output: Output) -> int:
    tally, kept = _Tally(), []
    began = time.perf_counter()
    with read(reader, session, "replaying") as records:
        for verdict in verify(records):
            tally.count(verdict)
            if arguments.junit:
                kept.append(verdict)
            output.record(_json(verdict))
            if not verdict.holds:
                _tell(output, verdict, in_hex=arguments.hex)
    if arguments.junit:
        write_junit(arguments.junit, kept)
    output.say(tally.summary(time.perf_counter() - began), "green" if not tally.code else "red")
    return tally.code


class _Tally:
    """What all verdicts together come to."""

    def __init__(self) -> None:
        self.sessions = self.events = self.open = self.diverged = self.unreadable = 0

    def count(self, verdict: Verdict) -> None:
        self.sessions += 1
        self.events += verdict.events
        self.open += verdict.holds and not verdict.closed
        self.diverged += verdict.divergence is not None
        self.unreadable += bool(verdict.problem)

    @property
    def code(self) -> int:
        if self.unreadable:
            return UNREADABLE
        return DIFFERS if self.diverged else OK

    def summary(self, seconds: float) -> str:
        if not self.sessions:
            return "no sessions yet: start a server with mcp-rewind serve"
        what = f"{many(self.sessions, 'session')}, {many(self.events, 'event')} in {seconds:.2f} s"
        still = f" ({self.open} without an end)" if self.open else ""
        if not self.code:
            return f"{what}: every decision came out the same{still}"
        failed = [f"{self.diverged} diverged"] * bool(self.diverged)
        failed += [f"{self.unreadable} cannot be replayed"] * bool(self.unreadable)
        return f"{what}: {', '.join(failed)}"


def _tell(output: Output, verdict: Verdict, *, in_hex: bool) -> None:
    if verdict.divergence is None:
        output.say(f"session {verdict.session} cannot be replayed\n  {verdict.problem}", "red")
        return
    found = verdict.divergence
    difference = found.difference
    output.say(f"session {verdict.session} diverged at {found.position}", "bold red")
    output.say(f"  at        {difference.path}")
    output.say(f"  expected  {clipped(value_text(difference.before), _CLIP)}", "green")
    output.say(f"  actual    {clipped(value_text(difference.after), _CLIP)}", "red")
    output.say("  the decision that is recorded, and the one that was made:")
    output.say(f"  expected  {_event(found, 'expected')}", "dim")
    output.say(f"  actual    {_event(found, 'actual')}", "dim")
    if in_hex:
        output.say(f"  expected  {found.expected_bytes.hex()}", "dim")
        output.say(f"  actual    {found.actual_bytes.hex()}", "dim")


def _event(divergence: Divergence, side: str) -> str:
    event = getattr(divergence, side)
    return "nothing" if event is None else clipped(to_json(shown(event)), _CLIP)


def _json(verdict: Verdict) -> dict[str, Any]:
    row: dict[str, Any] = {
        "session": verdict.session,
        "holds": verdict.holds,
        "records": verdict.records,
        "events": verdict.events,
        "closed": verdict.closed,
    }
    if verdict.problem:
        row["problem"] = verdict.problem
    if (found := verdict.divergence) is not None:
        difference = found.difference
        row["divergence"] = {
            "position": str(found.position),
            "path": difference.path,
            "expected": found.expected and shown(found.expected),
            "actual": found.actual and shown(found.actual),
            "expected_hex": found.expected_bytes.hex(),
            "actual_hex": found.actual_bytes.hex(),
        }
    return row
