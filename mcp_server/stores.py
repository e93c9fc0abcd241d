"""From the URL of a store to the log behind it."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Final

from adapters.memory_log import MemoryLog
from adapters.sqlite_log import open_sqlite_log
from adapters.sqlite_reader import SqliteReader
from pipeline.log import Log, LogReader

MEMORY: Final = "memory:"
"""The store that lasts as long as its process."""


class StoreError(ValueError):
    """A store's URL is wrong; says what it may be."""


def sqlite_path(store: str) -> Path:
    """The file that ``sqlite:///relative/path`` or ``sqlite:////absolute/path`` names.

    Raises:
        StoreError: It names none.
    """
    scheme, _, path = store.partition(":///")
    if scheme != "sqlite" or not path:
        raise StoreError(f"{store!r} is no store: write sqlite:/// and a path, such as sqlite:///var/events.db")
    return Path(path)


@asynccontextmanager
async def open_log(store: str) -> AsyncIterator[Log]:
    """Open the log that ``store`` names, for writing.

    Raises:
        StoreError: The URL is wrong.
        LogFailed: It cannot be opened.
    """
    if store == MEMORY:
        yield MemoryLog()
        return
    async with open_sqlite_log(sqlite_path(store)) as log:
        yield log


@contextmanager
def reading(store: str, log: Log) -> Iterator[LogReader]:
    """Open what ``log``, which ``store`` names, has made durable so far.

    Raises:
        UnreadableLog: It cannot be read.
    """
    reader: LogReader = log.reader() if isinstance(log, MemoryLog) else SqliteReader(sqlite_path(store))
    try:
        yield reader
    finally:
        reader.close()
