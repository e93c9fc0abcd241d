"""``mcp-rewind key``: make what callers show of who they are."""

import argparse
import sys
import time
from pathlib import Path
from typing import Any, Final

from mcp_server.cli.arguments import Parser, count
from mcp_server.cli.codes import OK, UsageError
from mcp_server.cli.text import clean
from mcp_server.config import Settings, SettingsError, from_environment

_ABOUT: Final = """\
Make an API key or a token for a server with the same settings. It is printed once, on standard output, and kept
nowhere: of a key only a salted hash goes into the file that the setting api_keys_file names, of a token nothing.
"""
_EPILOG: Final = """\
exit codes:
  0    it is made
  2    an argument or a setting is wrong

A server that runs takes a new key within a second. To take a key back, remove its line from the file.
"""
_DAY: Final = 86_400.0
_MINUTE: Final = 60.0


def add(commands: Any) -> None:
    """Add the command to the others."""
    parser: Parser = commands.add_parser(
        "key", help="make an API key or a token for a caller", description=_ABOUT, epilog=_EPILOG
    )
    kinds = parser.add_subparsers(title="what to make", dest="kind", metavar="KIND", required=True)
    new = kinds.add_parser("new", help="an API key; its hash goes into the file of keys")
    new.add_argument("--file", type=Path, metavar="FILE", help="the file of keys (default: the setting api_keys_file)")
    new.add_argument("--days", type=count, metavar="N", help="how long it is valid (default: for ever)")
    new.set_defaults(run=_new)
    token = kinds.add_parser("token", help="a token, signed by HS256 with jwt_secret_key")
    token.add_argument("--minutes", type=count, metavar="N", default=60, help="how long it is valid (default: 60)")
    token.set_defaults(run=_token)
    for kind in (new, token):
        kind.add_argument("name", metavar="NAME", help="whose it is")
        kind.add_argument("--scope", action="append", default=[], metavar="SCOPE", help="what it allows; repeatable")
        kind.add_argument("--group", action="append", default=[], metavar="GROUP", help="its group; repeatable")
        kind.add_argument("--config", type=Path, metavar="FILE", help="settings as a JSON object")


def _new(arguments: argparse.Namespace) -> int:
    from adapters.api_keys import UnusableKeys, append, new_key

    file = arguments.file or Path(_settings(arguments).api_keys_file)
    if file == Path():
        raise UsageError("there is no file of keys: set api_keys_file, or name one with --file")
    expires = None if arguments.days is None else time.time() + arguments.days * _DAY
    try:
        key, entry = new_key(arguments.name, tuple(arguments.scope), tuple(arguments.group), expires)
        append(file, entry)
    except (ValueError, UnusableKeys) as error:
        raise UsageError(str(error)) from error
    print(key)
    print(f"its hash is in {clean(str(file))}; the key itself is shown this once", file=sys.stderr)
    return OK


def _token(arguments: argparse.Namespace) -> int:
    from mcp_server.authentication import mint

    settings = _settings(arguments)
    now = int(time.time())
    claims: dict[str, object] = {"sub": arguments.name, "iat": now, "exp": now + int(arguments.minutes * _MINUTE)}
    if arguments.scope:
        claims["scope"] = " ".join(arguments.scope)
    if arguments.group:
        claims["groups"] = arguments.group
    try:
        print(mint(settings, settings.port, claims))
    except SettingsError as error:
        raise UsageError(str(error)) from error
    return OK


def _settings(arguments: argparse.Namespace) -> Settings:
    try:
        return from_environment(arguments.config, {})
    except SettingsError as error:
        raise UsageError(str(error)) from error
