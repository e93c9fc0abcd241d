"""What every log does, whatever it is kept in."""

import asyncio
import re
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Protocol

import pytest

from events.event import SessionId
from pipeline.log import Log, LogFailed, LogReader, Record, Row, VersionConflict

A, B = "01900000-0000-7000-8000-00000000000a", "01900000-0000-7000-8000-00000000000b"
SECONDS = 20  # for anything to happen, on a machine that is busy with other things


class TellingLog(Log, Protocol):
    """A log that tells one caller of a conflict."""

    def append(
        self,
        rows: Sequence[Row],
        done: Callable[[int], None],
        refused: Callable[[VersionConflict], None] | None = None,
    ) -> None: ...


class SeekingReader(LogReader, Protocol):
    """A reader that finds one record."""

    def at(self, position: int) -> Record | None: ...


class Store(Protocol):
    """Where a log is kept."""

    def open(self) -> AbstractAsyncContextManager[TellingLog]: ...

    def read(self) -> SeekingReader: ...

    def destroy(self, log: TellingLog) -> None:
        """Make the log fail."""


def rows(session: SessionId, *versions: int, state: bytes = b"state") -> list[Row]:
    return [Row(session, version, state) for version in versions]


async def appended(log: TellingLog, rows: Sequence[Row]) -> int:
    """Append; wait until it is durable."""
    result: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    log.append(rows, result.set_result, result.set_exception)
    async with asyncio.timeout(SECONDS):
        return await result


async def failed(log: TellingLog) -> LogFailed:
    """Wait until the log fails."""
    result: asyncio.Future[LogFailed] = asyncio.get_running_loop().create_future()
    log.on_failure(result.set_result)
    async with asyncio.timeout(SECONDS):
        return await result


def nobody(_: object) -> None:
    raise AssertionError("this was not to be called")


class LogContract:
    async def test_positions_are_contiguous_in_the_order_of_the_appends(self, store: Store) -> None:
        async with store.open() as log:
            assert await appended(log, rows(A, 1, 2, 3)) == 1
            assert await appended(log, rows(B, 1)) == 4
            assert await appended(log, rows(A, 4)) == 5
        assert [record[:3] for record in store.read().records()] == [
            (1, A, 1),
            (2, A, 2),
            (3, A, 3),
            (4, B, 1),
            (5, A, 4),
        ]

    async def test_callers_are_called_back_in_the_order_of_the_appends(self, store: Store) -> None:
        told: list[tuple[int, int]] = []

        def tell(version: int) -> Callable[[int], None]:
            return lambda position: told.append((version, position))

        async with store.open() as log:
            for version in range(1, 301):
                log.append(rows(A, version), tell(version))
                if version % 70 == 0:
                    await asyncio.sleep(0)
        assert told == [(number, number) for number in range(1, 301)]

    async def test_nobody_is_called_back_before_append_returns(self, store: Store) -> None:
        async with store.open() as log:
            told: list[int] = []
            log.append(rows(A, 1), told.append)
            assert told == []

    async def test_a_record_can_be_read_as_soon_as_its_caller_is_told(self, store: Store) -> None:
        async with store.open() as log:
            reader = store.read()
            for version in range(1, 6):
                position = await appended(log, rows(A, version))
                assert reader.last() == position
                assert reader.at(position) == Record(position, A, version, b"state")
            reader.close()

    async def test_bytes_come_back_as_they_went(self, store: Store) -> None:
        states = [b"", b"\0", bytes(range(256)), b"\xff\xfe" * 5000]
        async with store.open() as log:
            await appended(log, [Row(A, version, state) for version, state in enumerate(states, 1)])
        assert [record.state for record in store.read().records()] == states

    async def test_rows_larger_than_any_buffer_are_stored(self, store: Store) -> None:
        states = [bytes([number]) * 3_000_000 for number in range(4)]
        async with store.open() as log:
            assert await appended(log, [Row(A, version, state) for version, state in enumerate(states, 1)]) == 1
            assert await appended(log, rows(A, 5)) == 5
        assert [record.state for record in store.read().records(upto=4)] == states

    async def test_what_is_appended_again_keeps_its_positions(self, store: Store) -> None:
        async with store.open() as log:
            await appended(log, rows(B, 1))
            await appended(log, rows(A, 1, 2))
            assert await appended(log, rows(A, 1, 2)) == 2
            assert await appended(log, rows(A, 2)) == 3
            assert await appended(log, rows(A, 3)) == 4
        assert store.read().last() == 4

    async def test_what_is_appended_again_after_a_restart_keeps_its_positions(self, store: Store) -> None:
        async with store.open() as log:
            await appended(log, rows(A, 1, 2))
        async with store.open() as log:
            assert await appended(log, rows(A, 1, 2)) == 1
            assert await appended(log, rows(A, 3)) == 3

    @pytest.mark.parametrize(
        "late",
        [
            rows(A, 2, state=b"other"),
            [*rows(A, 2), *rows(A, 3)],
            [*rows(A, 3), *rows(A, 2)],
            [*rows(B, 1), *rows(A, 1, state=b"other")],
            rows(A, 3, 3),
        ],
        ids=["other bytes", "old before new", "new before old", "another stream", "twice in one"],
    )
    async def test_of_two_records_with_one_version_the_first_is_stored(self, store: Store, late: list[Row]) -> None:
        async with store.open() as log:
            told: list[object] = []
            log.append(rows(A, 1, 2), told.append, nobody)
            log.append(late, nobody, told.append)
            log.append(rows(A, 3), told.append, nobody)
        assert told[0::2] == [1, 3]
        assert isinstance(told[1], VersionConflict)
        assert "another record" in str(told[1])
        assert [record[:3] for record in store.read().records()] == [(1, A, 1), (2, A, 2), (3, A, 3)]

    async def test_a_conflict_that_nobody_listens_for_fails_the_log(self, store: Store) -> None:
        async with store.open() as log:
            await appended(log, rows(A, 1))
            log.append(rows(A, 1, state=b"other"), nobody)
            assert A in str(await failed(log))

    async def test_bytes_wait_until_they_are_durable(self, store: Store) -> None:
        async with store.open() as log:
            assert log.waiting == 0
            log.append(rows(A, 1, state=bytes(1000)), lambda _: None)
            first = log.waiting
            log.append(rows(A, 2, state=bytes(1000)), lambda _: None)
            assert 1000 <= first < 1200
            assert log.waiting == 2 * first
            await appended(log, rows(A, 3))
            assert log.waiting == 0

    async def test_closing_makes_durable_what_was_appended(self, store: Store) -> None:
        told: list[int] = []
        async with store.open() as log:
            for version in range(1, 101):
                log.append(rows(A, version), told.append)
        assert told == list(range(1, 101))
        assert store.read().last() == 100

    async def test_a_closed_log_takes_nothing_more(self, store: Store) -> None:
        async with store.open() as log:
            pass
        with pytest.raises(LogFailed, match="closed"):
            log.append(rows(A, 1), nobody)

    async def test_a_failure_is_told_once_and_stays(self, store: Store) -> None:
        async with store.open() as log:
            await appended(log, rows(A, 1))
            told: list[LogFailed] = []
            log.on_failure(told.append)
            assert log.failure is None
            log.append(rows(A, 2), nobody)
            store.destroy(log)
            reason = await failed(log)
            assert await failed(log) is reason  # whoever asks late is told too
            assert told == [reason]
            assert log.failure is reason
            with pytest.raises(LogFailed, match=re.escape(str(reason))):
                log.append(rows(A, 3), nobody)
        assert told == [reason]

    async def test_an_empty_log_can_be_read(self, store: Store) -> None:
        async with store.open():
            pass
        reader = store.read()
        assert (reader.last(), reader.version(A), reader.at(1)) == (0, 0, None)
        assert list(reader.records()) == list(reader.session(A)) == []

    async def test_records_are_read_in_parts(self, store: Store) -> None:
        async with store.open() as log:
            await appended(log, [row for version in range(1, 701) for row in (*rows(A, version), *rows(B, version))])
        reader = store.read()
        assert [record.position for record in reader.records()] == list(range(1, 1401))
        assert [record.position for record in reader.records(after=2, upto=5)] == [3, 4, 5]
        assert list(reader.records(after=1400)) == list(reader.records(after=7, upto=7)) == []
        assert [record.version for record in reader.session(B)] == list(range(1, 701))
        assert {record.session for record in reader.session(B)} == {B}
        assert (reader.version(A), reader.version("nobody"), reader.last()) == (700, 0, 1400)
        assert reader.at(0) is reader.at(1401) is None
        reader.close()
