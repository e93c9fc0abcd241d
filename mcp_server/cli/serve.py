"""``mcp-rewind serve``: run a server."""

import argparse
import asyncio
import logging
import os
import sys
from typing import Any

import uvloop

from mcp_server.config import Settings, SettingsError, from_environment
from mcp_server.config.options import add_options, told
from mcp_server.loader import LoadError
from mcp_server.logs import configure
from mcp_server.offering import offered
from mcp_server.server import named_server
from mcp_server.serving import CannotListen, serve
from mcp_server.stores import StoreError
from pipeline.log import LogFailed

EPILOG = """\
Every setting of the configuration file can also be given as MCP_ and its name in capitals, such as MCP_PORT=9000;
mcp-rewind config shows them all, and mcp-rewind doctor finds what is wrong with them here. SIGHUP has the server read
them anew: limits, windows, time limits, allowed hosts and the log level change at once, the others with a restart.
Exit codes: 0 stopped as asked, 2 a setting is wrong, 3 the log failed or could not be opened, 4 the port is taken.
"""


def add(commands: Any) -> None:
    """Add the command to the others."""
    parser = commands.add_parser(
        "serve", help="run a server", epilog=EPILOG, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add_options(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Serve until stopped; returns the exit code."""
    try:
        settings = from_environment(arguments.config, told(arguments))
    except SettingsError as error:
        return _say(str(error), 2)
    try:
        configure(_level(settings), settings.log_file)
    except OSError as error:
        return _say(f"log_file {settings.log_file!r} cannot be written: {error.strerror}", 2)

    def read_again() -> Settings:
        found = from_environment(arguments.config, told(arguments))
        logging.getLogger().setLevel(_level(found))
        return found

    try:
        sink = _own_standard_output() if settings.transport_type == "stdio" else 1
        offer = offered(settings, named_server(settings))
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(serve(settings, offer, lambda port: _announce(settings, port), sink, read_again))
    except (LoadError, StoreError, SettingsError) as error:
        return _say(str(error), 2)
    except LogFailed as error:
        return _say(str(error), 3)
    except CannotListen as error:
        return _say(str(error), 4)
    return 0


def _level(settings: Settings) -> str:
    return "DEBUG" if settings.debug else settings.log_level


def _own_standard_output() -> int:
    """Keep standard output for messages: what is printed by anyone goes to standard error instead."""
    sink = os.dup(1)
    os.dup2(2, 1)
    return sink


def _announce(settings: Settings, port: int) -> None:
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    print(
        f"websocket        ws://{host}:{port}/ws    (subprotocol mcp)\n"
        f"Streamable HTTP  http://{host}:{port}/mcp\n"
        f"log              {settings.store}    ({settings.durability})\n"
        f"\n"
        f"Try it:          mcp-rewind demo\n"
        f"What happened:   mcp-rewind sessions; mcp-rewind show last; mcp-rewind audit\n"
        f"Stop:            Ctrl-C",
        flush=True,
    )


def _say(problem: str, code: int) -> int:
    print(f"mcp-rewind: {problem}", file=sys.stderr)
    return code
