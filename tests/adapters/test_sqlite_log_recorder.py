import asyncio
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from uuid import UUID

import pytest
from eventsourcing.application import Application
from eventsourcing.domain import Aggregate, event
from eventsourcing.persistence import IntegrityError, OperationalError, StoredEvent
from eventsourcing.tests import persistence as library

from adapters import sqlite_process
from adapters.sqlite_log import SqliteLog
from adapters.sqlite_reader import SqliteReader
from adapters.sqlite_recorder import SqliteRecorder
from pipeline.log import LogFailed
from tests.adapters.log_contract import A, appended, rows


class Recording(library.RecorderTestCase):
    """Gives the library's own test cases a recorder."""

    def create_recorder(self) -> SqliteRecorder:
        folder = TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        recorder = SqliteRecorder(Path(folder.name) / "log.db")
        self.addCleanup(recorder.close)
        return recorder


class TestAsTheLibraryDoes(Recording, library.ApplicationRecorderTestCase[SqliteRecorder]):
    def test_what_is_stored_reaches_subscribers(self) -> None:
        self.optional_test_insert_subscribe()


class TestInOrder(Recording, library.NonInterleavingNotificationIDsBaseCase):
    pass


@pytest.fixture
def recorder(tmp_path: Path) -> Iterator[SqliteRecorder]:
    recorder = SqliteRecorder(tmp_path / "log.db", originator_id_type="text")
    yield recorder
    recorder.close()


def stored(*versions: int) -> list[StoredEvent]:
    return [StoredEvent("stream", version, "topic", b"state") for version in versions]


def test_nothing_of_a_conflicting_commit_is_stored(recorder: SqliteRecorder) -> None:
    assert recorder.insert_events(stored(1)) == [1]
    with pytest.raises(IntegrityError, match="stream already has another record with the version"):
        recorder.insert_events(stored(2, 1))
    with pytest.raises(IntegrityError, match="these events are stored already"):
        recorder.insert_events(stored(1))
    assert recorder.insert_events(stored(2)) == [2]
    assert recorder.select_events("stream") == stored(1, 2)


def test_a_recorder_whose_writer_is_gone_stores_nothing_more(recorder: SqliteRecorder) -> None:
    recorder.insert_events(stored(1))
    sqlite_process.kill(recorder._process)
    for _ in range(2):
        with pytest.raises(OperationalError, match="writer of the log"):
            recorder.insert_events(stored(2))
    assert recorder.select_events("stream") == stored(1)


def test_a_closed_recorder_stores_nothing_more(recorder: SqliteRecorder) -> None:
    recorder.close()
    with pytest.raises(OperationalError, match="closed"):
        recorder.insert_events(stored(1))


def test_its_own_connections_cannot_write(recorder: SqliteRecorder) -> None:
    with pytest.raises(OperationalError, match="readonly"), recorder.datastore.transaction(commit=True) as cursor:
        cursor.execute("DELETE FROM stored_events")


def test_a_database_that_is_in_use_is_refused(recorder: SqliteRecorder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite_process, "_LOCK_SECONDS", 0.1)
    path = Path(recorder.datastore.pool.db_name.removeprefix("file:").removesuffix("?mode=ro"))
    with pytest.raises(OperationalError, match="in use by another server"):
        SqliteRecorder(path)
    with pytest.raises(LogFailed, match="in use by another server"):
        asyncio.run(SqliteLog.open(path))


def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    (tmp_path / "log.db").write_text("what is this? " * 100)
    with pytest.raises(OperationalError, match="not a database"):
        SqliteRecorder(tmp_path / "log.db")


async def test_a_log_goes_on_where_a_recorder_left_off(tmp_path: Path) -> None:
    recorder = SqliteRecorder(tmp_path / "log.db", originator_id_type="text")
    recorder.insert_events(stored(1, 2))
    recorder.close()
    log = await SqliteLog.open(tmp_path / "log.db")
    assert await appended(log, rows(A, 1)) == 3
    await log.close()
    with SqliteReader(tmp_path / "log.db") as reader:
        assert [record.position for record in reader.records()] == [3]  # the others are no records of ours


class Counter(Aggregate):
    count = 0

    @event("Counted")
    def increase(self) -> None:
        self.count += 1


def test_an_application_runs_on_it_unchanged(tmp_path: Path) -> None:
    environment = {
        "PERSISTENCE_MODULE": "adapters.sqlite_recorder:ApplicationFactory",
        "SQLITE_DBNAME": str(tmp_path / "counters.db"),
    }
    with Application[UUID](environment) as application:
        counter = Counter()
        counter.increase()
        application.save(counter)
        assert isinstance(application.recorder, SqliteRecorder)
    with Application[UUID](environment) as application:
        found: Counter = application.repository.get(counter.id)
        assert found.count == 1
