"""``mcp-rewind config``: the settings that a server would have, and where each comes from."""

import argparse
import json
import os
import sys
from collections.abc import Iterator
from typing import Any, Final

from mcp_server.cli.arguments import Parser
from mcp_server.cli.codes import OK, UsageError
from mcp_server.cli.output import Column, Output, Row
from mcp_server.cli.text import clean, to_json
from mcp_server.config import RELOADABLE, Origin, Read, SettingsError, read_settings
from mcp_server.config.options import add_options, told

_ABOUT: Final = """\
The settings with which `mcp-rewind serve` would start here, with the same file and options, and where each of them was
given: in the file, in the environment or on the command line, of which the later counts. Secrets are not shown.
"""
_EPILOG: Final = """\
exit codes:
  0    all settings are right
  2    one of them is wrong; it is named

On a terminal the output is a table; in a pipe one line a setting, columns separated by tabs; with --json one JSON
object a line.
"""


def add(commands: Any) -> None:
    """Add the command to the others."""
    parser: Parser = commands.add_parser(
        "config", help="show the settings and where each comes from", description=_ABOUT, epilog=_EPILOG
    )
    add_options(parser)
    parser.add_argument("--json", action="store_true", help="print JSON, one object a line")
    parser.add_argument("--schema", action="store_true", help="print a JSON Schema of the file instead, for editors")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Print them."""
    if arguments.schema:
        from mcp_server.config.schema import file_schema

        print(json.dumps(file_schema(), indent=2))
        return OK
    try:
        read = read_settings(arguments.config, os.environ, told(arguments))
        read.given.settled()
    except SettingsError as error:
        raise UsageError(str(error)) from error
    _warn()
    output = Output(json=arguments.json)
    output.rows(_columns(output), _rows(read))
    return OK


def _warn() -> None:
    """Tell of variables that look like settings: one that is misspelt would be overlooked for long."""
    from mcp_server.config.sources import unknown_variables

    for variable, problem in unknown_variables(os.environ):
        print(f"mcp-rewind: {clean(variable)} says nothing: {clean(problem)}", file=sys.stderr)


def _rows(read: Read) -> Iterator[Row]:
    from mcp_server.config.given import Given
    from mcp_server.config.masks import shown
    from mcp_server.config.problems import names

    default = Given()
    for path in names(Given):
        origin = read.origins.get(path, Origin("default"))
        setting = path.partition(".")[0]
        yield {
            "setting": path,
            "value": shown(path, _value(read.given, path)),
            "default": shown(path, _value(default, path)),
            "source": origin.kind,
            "from": str(origin),
            "reload": setting in RELOADABLE or setting.startswith("rate_limit_"),
        }


def _value(given: Any, path: str) -> Any:
    for name in path.split("."):
        given = getattr(given, name)
    return given


def _columns(output: Output) -> list[Column]:
    def style(row: Row) -> str:
        return "dim" if row["source"] == "default" else "bold"

    return [
        Column("setting", "setting"),
        Column("value", "value", _text, style=style),
        Column("from", "from", style=style, rest=output.table),
    ]


def _text(value: Any) -> str:
    return value if isinstance(value, str) and value else to_json(value)
