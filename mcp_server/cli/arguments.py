"""The parser of the command line: a wrong argument is named in one line, with what may have been meant."""

import argparse
import difflib
import os
import re
from collections.abc import Iterable, Sequence
from typing import Any, Final, NoReturn

from mcp_server.cli.codes import EPILOG, UsageError
from mcp_server.cli.text import clean

_RELATIVE: Final = re.compile(r"-\d")
DEFAULT_STORE: Final = "sqlite:///var/events.db"


class Parser(argparse.ArgumentParser):
    """An argument parser that raises where others print their usage and leave."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs.setdefault("formatter_class", argparse.RawDescriptionHelpFormatter)
        kwargs["allow_abbrev"] = False  # an abbreviation that works today is ambiguous tomorrow
        super().__init__(*args, **kwargs)

    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{message} (see {self.prog} --help)")

    def parse_all(self, arguments: Sequence[str]) -> argparse.Namespace:
        """Parse ``arguments``.

        Raises:
            UsageError: One of them is wrong.
        """
        found, unknown = self.parse_known_args(_joined(arguments))
        if unknown:
            parser = self._chosen(found)
            parser.error(f"unknown argument {unknown[0]!r}{near(unknown[0], parser.options())}")
        return found

    def options(self) -> list[str]:
        """All options that it knows."""
        return [option for action in self._actions for option in action.option_strings]

    def _chosen(self, found: argparse.Namespace) -> "Parser":
        for action in self._actions:
            if isinstance(action, argparse._SubParsersAction):  # noqa: SLF001 - argparse has no other way to ask
                chosen = action.choices.get(getattr(found, action.dest, None) or "")
                if isinstance(chosen, Parser):
                    return chosen
        return self


def _joined(arguments: Sequence[str]) -> list[str]:
    """Let a time such as ``-2h`` follow its option, though it looks like an option itself."""
    joined: list[str] = []
    for argument in arguments:
        if joined and joined[-1] in {"--since", "--until"} and _RELATIVE.match(argument):
            joined[-1] += f"={argument}"
        else:
            joined.append(argument)
    return joined


def near(word: str, known: Iterable[str]) -> str:
    """What may have been meant, as the end of a sentence; empty when nothing is close."""
    found = difflib.get_close_matches(word.partition("=")[0], list(known), n=1, cutoff=0.6)
    return f": did you mean {found[0]}?" if found else ""


def command(commands: Any, name: str, summary: str, description: str) -> Parser:
    """Add a command that reads the past."""
    parser: Parser = commands.add_parser(name, help=summary, description=description, epilog=EPILOG)
    store = os.environ.get("MCP_STORE", DEFAULT_STORE)
    parser.add_argument("--store", metavar="URL", default=store, help=f"the log to read (default: {clean(store)})")
    parser.add_argument("--json", action="store_true", help="print JSON, one object a line")
    return parser


def count(text: str) -> int:
    """A number of things, at least 1."""
    if not (text.isascii() and text.isdigit() and int(text) >= 1):
        raise argparse.ArgumentTypeError(f"{text!r} is no number from 1 up")
    return int(text)
