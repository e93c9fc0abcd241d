"""``mcp-rewind audit --hash`` and ``--error-id``: what cannot be asked of the audit view is looked for in the log."""

import argparse
import os
import re
import sys
from itertools import islice
from typing import Final

import msgspec

from mcp_server.cli.codes import OK, UsageError
from mcp_server.cli.output import Column, Output, Row, progress
from mcp_server.cli.stores import log_path, open_reader
from mcp_server.cli.text import time_text
from mcp_server.config import SettingsError, read_settings
from mcp_server.redaction import redactor_of
from mcp_server.secret import keys_of, secret_file
from replay.holding import holding
from replay.timeline import Entry

LONGEST: Final = 64 * 1024
"""Bytes of a value that is read from standard input."""

_ERROR_ID: Final = re.compile(r"[0-9a-f]{16}")
_COLUMNS: Final = (
    Column("time", "time", style="dim", spare=1),
    Column("session", "session"),
    Column("position", "position", right=True),
    Column("event", "event"),
    Column("request", "id", right=True, spare=3),
    Column("method", "method", spare=2),
    Column("name", "name", spare=2),
    Column("note", "", style="dim", rest=True, spare=4),
)


def find(arguments: argparse.Namespace, output: Output, limit: int | None) -> int:
    """Print the events that hold a secret, or the id of an error.

    Raises:
        UsageError: It cannot be looked for; says why.
    """
    needles = _needles(arguments)
    with open_reader(arguments.store) as reader, progress("reading the log", reader.last()) as done:
        rows = map(_row, holding(reader, needles, done))
        if not output.rows(list(_COLUMNS), islice(rows, limit)):
            output.say("no event holds it")
    return OK


def _needles(arguments: argparse.Namespace) -> list[bytes]:
    if arguments.error_id is not None:
        if arguments.hash is not None:
            raise UsageError("arguments --hash and --error-id: not together")
        if not _ERROR_ID.fullmatch(arguments.error_id):
            raise UsageError("argument --error-id: an id has 16 hexadecimal digits")
        return [arguments.error_id.encode()]
    return _tags(arguments.store, _value(arguments.hash))


def _value(given: str) -> bytes:
    value = sys.stdin.buffer.read(LONGEST + 1).rstrip(b"\r\n") if given == "-" else os.fsencode(given)
    if not value:
        raise UsageError("argument --hash: there is nothing to look for")
    if len(value) > LONGEST:
        raise UsageError(f"argument --hash: a value has at most {LONGEST} bytes")
    return value


def _tags(store: str, value: bytes) -> list[bytes]:
    """What the server wrote in place of ``value``."""
    path = log_path(store)
    try:
        settings = msgspec.structs.replace(read_settings(None, os.environ, {}).given.settled(), store=store)
        file = secret_file(store)
        if settings.secret_key is None and path.exists() and not file.exists():
            raise UsageError(
                f"argument --hash: tags are made with the server's key, and there is none in {file}; "
                "set MCP_SECRET_KEY to the one that it was given"
            )
        return redactor_of(settings, keys_of(settings)).tags(value) if path.exists() else [b""]
    except SettingsError as error:
        raise UsageError(f"argument --hash: {error}") from error


def _row(found: tuple[str, Entry]) -> Row:
    session, entry = found
    return {
        "time": time_text(entry.at),
        "session": session,
        "position": str(entry.position),
        "event": type(entry.event).__name__,
        "request": entry.event.origin.request,
        "method": entry.method,
        "name": entry.name,
        "note": entry.note,
    }
