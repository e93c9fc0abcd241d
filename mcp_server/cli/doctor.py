"""``mcp-rewind doctor``: what keeps a server from starting or working here, and how to mend it."""

import argparse
import os
from functools import partial
from typing import Any, Final

from rich.table import Table
from rich.text import Text

from mcp_server.cli.arguments import Parser
from mcp_server.cli.codes import DIFFERS, OK
from mcp_server.cli.output import Column, Output
from mcp_server.cli.text import clean, many
from mcp_server.config import Settings, SettingsError, load_settings
from mcp_server.config.checks.finding import OK as FINE
from mcp_server.config.checks.finding import WARNING, WRONG, Check, Finding
from mcp_server.config.checks.run import SECONDS, run_checks
from mcp_server.config.options import add_options, told

_ABOUT: Final = f"""\
Look at what `mcp-rewind serve` needs to start here, with the same file and options: ports, files, disks, services and
their clocks, packages, limits of the system; and say how to mend what is wrong. Everything is looked at at once, for
{SECONDS:g} seconds at most, and nothing is changed.
"""
_EPILOG: Final = """\
exit codes:
  0    nothing is wrong; there may be warnings
  1    something is wrong
  2    an argument is wrong

On a terminal the output is for people; in a pipe one line a finding, columns separated by tabs; with --json one JSON
object a line. Passwords are never shown.
"""
_STYLES: Final = {"ok": "green", "warning": "yellow", "wrong": "bold red"}


def add(commands: Any) -> None:
    """Add the command to the others."""
    parser: Parser = commands.add_parser(
        "doctor", help="find what is wrong here, and how to mend it", description=_ABOUT, epilog=_EPILOG
    )
    add_options(parser)
    parser.add_argument("--json", action="store_true", help="print JSON, one object a line")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Look, and tell."""
    output = Output(json=arguments.json)
    try:
        settings = load_settings(arguments.config, os.environ, told(arguments))
    except SettingsError as error:
        found = [Finding("settings", WRONG, str(error), "mend that, then look again: the rest depends on it")]
        found += run_checks(_checks(None))
    else:
        found = run_checks(_checks(settings))
    if output.table:
        _show(output, found)
    else:
        output.rows([Column(name, name) for name in Finding._fields], [each._asdict() for each in found])
    wrong, warnings = (sum(each.status == status for each in found) for status in (WRONG, WARNING))
    if output.table:
        verdict = f"{many(wrong, 'thing')} wrong, {many(warnings, 'warning')}" if wrong or warnings else "all is well"
        output.say(verdict, _STYLES["wrong" if wrong else "warning" if warnings else "ok"])
    return DIFFERS if wrong else OK


def _checks(settings: Settings | None) -> dict[str, Check]:
    """What to look at; without settings, what does not depend on them."""
    from mcp_server.config.checks import files, machine, ports, sense, services

    always: dict[str, Check] = {
        "python": machine.python,
        "packages": partial(machine.packages, settings.server if settings else ""),
        "variables": _variables,
    }
    if settings is None:
        return always
    return always | {
        "settings": partial(sense.sense, settings),
        "descriptors": partial(machine.descriptors, settings),
        "ports": partial(ports.ports, settings),
        "store": partial(files.store, settings),
        "log_file": partial(files.log_file, settings),
        "folders": partial(files.folders, settings),
        "redis": partial(services.redis, settings),
        "postgresql": partial(services.postgresql, settings),
    }


def _show(output: Output, found: list[Finding]) -> None:
    """A line for each finding, and below it what to do: nothing is cut off here."""
    table = Table.grid(padding=(0, 2))
    for _ in ("status", "check"):
        table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for each in found:
        text = Text(clean(each.found))
        if each.remedy:
            text.append(f"\n→ {clean(each.remedy)}", "bold")
        table.add_row(Text(each.status, _STYLES[each.status]), Text(each.check, "dim"), text)
    output.console.print(table)


def _variables() -> list[Finding]:
    """Variables that look like settings and are none."""
    from mcp_server.config.sources import unknown_variables

    strange = unknown_variables(os.environ)
    remedy = "mend its name, or unset it"
    found = [Finding("environment", WARNING, f"{name}: {problem}", remedy) for name, problem in strange]
    return found or [Finding("environment", FINE, "every MCP_ variable is a setting")]
