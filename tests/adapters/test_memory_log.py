from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from adapters.memory_log import MemoryLog, MemoryReader
from pipeline.log import Row
from tests.adapters.log_contract import LogContract, TellingLog


class MemoryStore:
    """Its contents outlive a closed log, as a file's do."""

    def __init__(self) -> None:
        self.log = MemoryLog()

    @asynccontextmanager
    async def open(self) -> AsyncIterator[TellingLog]:
        kept = self.log.reader()
        self.log = MemoryLog()
        for record in kept.records():
            self.log.store([Row(*record[1:])])
        yield self.log
        await self.log.close()

    def read(self) -> MemoryReader:
        return self.log.reader()

    def destroy(self, log: TellingLog) -> None:
        assert log is self.log
        self.log.fail("the memory is full")


class TestMemoryLog(LogContract):
    @pytest.fixture
    def store(self) -> MemoryStore:
        return MemoryStore()
