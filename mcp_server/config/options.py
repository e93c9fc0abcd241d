"""The settings that the command line takes, for every command that goes by a server's settings."""

import argparse
from pathlib import Path

from mcp_server.config.names import OPTIONS


def add_options(parser: argparse.ArgumentParser) -> None:
    """Let a command be told what ``serve`` can be told."""
    parser.add_argument("server", nargs="?", help="FILE.py or module:attribute; the built-in server when none is named")
    parser.add_argument("--config", type=Path, metavar="FILE", help="settings as a JSON object")
    parser.add_argument(
        "--transport",
        dest="transport_type",
        choices=("websocket", "http", "stdio"),
        help="default: http, with websocket",
    )
    parser.add_argument("--host", help="address to listen on (default: 127.0.0.1)")
    parser.add_argument("--port", type=int, help="port to listen on, 0 for a free one (default: 8080)")
    parser.add_argument("--store", metavar="URL", help="where the log is kept (default: sqlite:///var/events.db)")
    parser.add_argument("--durability", choices=("strict", "group", "async"), help="default: strict")


def told(arguments: argparse.Namespace) -> dict[str, object]:
    """What was said there, by setting; None for what was not."""
    return {name: getattr(arguments, name) for name in OPTIONS}
