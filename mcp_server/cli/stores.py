"""From ``--store`` to what can be read of it."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from adapters.sqlite_reader import SqliteReader
from mcp_server.cli.codes import UsageError
from mcp_server.stores import StoreError, sqlite_path


def log_path(store: str) -> Path:
    """The file of the log.

    Raises:
        UsageError: The URL names none.
    """
    if store == "memory:":
        raise UsageError("argument --store: what a server keeps in memory can be read by that server alone")
    try:
        return sqlite_path(store)
    except StoreError as error:
        raise UsageError(f"argument --store: {error}") from error


@contextmanager
def open_reader(store: str) -> Iterator[SqliteReader]:
    """The log that ``store`` names, for reading.

    Raises:
        UsageError: The URL is wrong.
        UnreadableLog: There is none that can be read.
    """
    with SqliteReader(log_path(store)) as reader:
        yield reader
