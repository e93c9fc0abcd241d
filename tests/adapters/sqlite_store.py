"""A SQLite log, for the tests of all that touches one."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from adapters.sqlite_log import SqliteLog, open_sqlite_log
from adapters.sqlite_reader import SqliteReader
from tests.adapters.log_contract import SECONDS, TellingLog


class SqliteStore:
    def __init__(self, folder: Path) -> None:
        self.path = folder / "data" / "log.db"
        self.readers: list[SqliteReader] = []

    @asynccontextmanager
    async def open(self) -> AsyncIterator[SqliteLog]:
        async with open_sqlite_log(self.path) as log:
            yield log

    def read(self) -> SqliteReader:
        self.readers.append(SqliteReader(self.path))
        return self.readers[-1]

    def destroy(self, log: TellingLog) -> None:
        tell_writer(log, signal.SIGKILL)

    def ahead(self) -> int:
        """Bytes in the write-ahead log."""
        return self._write_ahead_log.stat().st_size

    def has_write_ahead_log(self) -> bool:
        return self._write_ahead_log.exists()

    @property
    def _write_ahead_log(self) -> Path:
        return Path(f"{self.path}-wal")

    def close(self) -> None:
        for reader in self.readers:
            reader.close()


def writer(log: TellingLog) -> int:
    """The process that writes."""
    assert isinstance(log, SqliteLog)
    return log._process.pid


def tell_writer(log: TellingLog, number: signal.Signals) -> None:
    os.kill(writer(log), number)


async def until(condition: Callable[[], bool]) -> None:
    """Wait until something outside this process has come about."""
    async with asyncio.timeout(SECONDS):
        while not condition():  # noqa: ASYNC110  # nobody tells us
            await asyncio.sleep(0.01)
