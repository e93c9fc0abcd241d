import asyncio
import sqlite3
import stat
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from signal import SIGCONT, SIGHUP, SIGINT, SIGKILL, SIGSTOP, SIGTERM
from tempfile import TemporaryDirectory

import pytest
import uvloop
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters import sqlite_process
from adapters.memory_log import MemoryLog
from adapters.sqlite_log import SqliteLog, open_sqlite_log
from adapters.sqlite_reader import SqliteReader
from events.record import TOPIC
from pipeline.log import LogFailed, Record, Row, VersionConflict
from tests.adapters.log_contract import A, B, LogContract, TellingLog, appended, failed, nobody, rows
from tests.adapters.sqlite_store import SqliteStore, tell_writer, until

LOOPS = {"asyncio": asyncio.new_event_loop, "uvloop": uvloop.new_event_loop}


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqliteStore]:
    store = SqliteStore(tmp_path)
    yield store
    store.close()


class TestSqliteLog(LogContract):
    pass


async def test_what_was_acknowledged_survives_the_death_of_the_writer(store: SqliteStore) -> None:
    durable: list[int] = []
    async with store.open() as log:
        ended = asyncio.ensure_future(failed(log))
        version = 0
        while len(durable) < 200:
            version += 1
            log.append(rows(A, version), durable.append)
            await asyncio.sleep(0)
        tell_writer(log, SIGKILL)
        assert "log.db ended before its time" in str(await ended)
    records = list(store.read().records())
    assert [record.position for record in records] == list(range(1, len(records) + 1))
    assert len(records) >= len(durable)
    async with store.open() as log:
        assert await appended(log, rows(B, 1)) == len(records) + 1


async def test_signals_to_the_whole_group_do_not_stop_the_writer(store: SqliteStore) -> None:
    async with store.open() as log:
        for number, interruption in enumerate((SIGINT, SIGTERM, SIGHUP), 1):
            tell_writer(log, interruption)
            assert await appended(log, rows(A, number)) == number


async def test_appending_never_waits_for_the_writer(store: SqliteStore) -> None:
    async with store.open() as log:
        tell_writer(log, SIGSTOP)
        result = asyncio.ensure_future(appended(log, rows(A, *range(1, 5001), state=bytes(1000))))
        await asyncio.sleep(0)
        assert log.waiting > 5_000_000
        tell_writer(log, SIGCONT)
        assert await result == 1


async def test_a_writer_that_does_not_leave_is_not_waited_for_forever(
    store: SqliteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite_process, "EXIT_SECONDS", 0.1)
    log = await SqliteLog.open(store.path)
    tell_writer(log, SIGSTOP)
    log.append(rows(A, 1), nobody)
    with pytest.raises(LogFailed, match="did not end in time"):
        await log.close()


async def test_a_caller_that_breaks_while_it_is_told_fails_the_log(store: SqliteStore) -> None:
    reported: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: reported.append(context["exception"]))
    async with store.open() as log:
        log.append(rows(A, 1), nobody)
        assert "raised an error: AssertionError" in str(await failed(log))
    assert len(reported) == 1


async def test_a_second_server_is_refused_with_a_reason(store: SqliteStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite_process, "_LOCK_SECONDS", 0.1)
    async with store.open() as log:
        with pytest.raises(LogFailed, match=r"log\.db is in use by another server \(process \d+\); stop that server"):
            async with store.open():
                pass
        assert await appended(log, rows(A, 1)) == 1


async def test_a_server_waits_a_moment_for_the_one_before_it(store: SqliteStore) -> None:
    async with store.open() as log:
        tell_writer(log, SIGSTOP)
        opening = asyncio.ensure_future(appended_to_another(store))
        log.append(rows(A, 1), lambda _: None)
        await until(Path(f"{store.path}.writer").exists)
        tell_writer(log, SIGCONT)
    assert await opening == 2


async def appended_to_another(store: SqliteStore) -> int:
    async with store.open() as log:
        return await appended(log, rows(B, 1))


async def test_the_log_is_for_its_owner_alone(store: SqliteStore) -> None:
    async with store.open() as log:
        await appended(log, rows(A, 1))
        modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in store.path.parent.iterdir()}
    assert modes == {"log.db": 0o600, "log.db-wal": 0o600, "log.db-shm": 0o600, "log.db.writer": 0o600}
    assert stat.S_IMODE(store.path.parent.stat().st_mode) == 0o700


async def test_the_write_ahead_log_is_written_from_its_beginning_again_when_there_was_time(store: SqliteStore) -> None:
    async with store.open() as log:
        for number in range(1, 20):
            await appended(log, rows(A, number))
        size = store.ahead()
        await until(lambda: rows_without_the_write_ahead_log(store.path) == 19)
        await asyncio.sleep(0.1)  # what moved the rows is over, and the writer waits
        for number in range(20, 30):
            assert await appended(log, rows(A, number)) == number
        assert store.ahead() == size > 0
    assert not store.has_write_ahead_log()


def rows_without_the_write_ahead_log(path: Path) -> int:
    """The rows that are in the database itself."""
    with closing(sqlite3.connect(f"file:{path}?immutable=1", uri=True)) as db:
        try:
            return int(db.execute("SELECT count(*) FROM stored_events").fetchone()[0])
        except sqlite3.Error:  # it is being written
            return 0


async def test_a_row_of_another_program_fails_the_log(store: SqliteStore) -> None:
    async with store.open() as log:
        await appended(log, rows(A, 1))
        with sqlite3.connect(store.path) as intruder:
            intruder.execute("INSERT INTO stored_events VALUES (2, 'x', 1, 'x', 'x')")
        intruder.close()
        log.append(rows(A, 2), nobody)
        assert "another program has written to it" in str(await failed(log))


def database(path: Path, *statements: str) -> None:
    path.parent.mkdir()
    with sqlite3.connect(path) as db:
        for statement in statements:
            db.execute(statement)
    db.close()


@pytest.mark.parametrize(
    ("statements", "reason"),
    [
        (["CREATE TABLE customers (name TEXT)"], "is the database of another program; name another file"),
        (["PRAGMA application_id = 7"], "is the database of another program; name another file"),
        (["PRAGMA user_version = 1"], "is the database of another program; name another file"),
        (
            ["PRAGMA application_id = 0x6D637077", "PRAGMA user_version = 2"],
            r"was written by a later version \(schema 2\); name another file",
        ),
    ],
)
async def test_a_database_that_is_not_ours_is_refused_and_left_alone(
    store: SqliteStore, statements: list[str], reason: str
) -> None:
    database(store.path, *statements)
    before = store.path.read_bytes()
    with pytest.raises(LogFailed, match=rf"log\.db {reason}"):
        async with store.open():
            pass
    assert store.path.read_bytes() == before


async def test_a_file_that_is_no_database_is_refused_and_left_alone(store: SqliteStore) -> None:
    store.path.parent.mkdir()
    store.path.write_bytes(b"what is this? " * 100)
    with pytest.raises(LogFailed, match=r"log\.db cannot be written: file is not a database"):
        async with store.open():
            pass
    assert store.path.read_bytes() == b"what is this? " * 100


async def test_a_folder_that_cannot_be_made_is_named(store: SqliteStore) -> None:
    store.path.parent.write_bytes(b"")
    with pytest.raises(LogFailed, match=r"data.* cannot be written: "):
        async with store.open():
            pass


async def test_a_folder_in_the_place_of_the_log_is_named(store: SqliteStore) -> None:
    store.path.mkdir(parents=True)
    with pytest.raises(LogFailed, match=r"log\.db cannot be written: Is a directory"):
        async with store.open():
            pass


async def test_an_empty_file_becomes_a_log(store: SqliteStore) -> None:
    store.path.parent.mkdir()
    store.path.touch()
    async with store.open() as log:
        assert await appended(log, rows(A, 1)) == 1
    db = sqlite3.connect(store.path)
    assert db.execute("SELECT * FROM stored_events").fetchall() == [(1, A, 1, TOPIC, b"state")]
    db.close()


Outcome = int | str
appends = st.lists(st.builds(Row, st.sampled_from("AB"), st.integers(1, 5), st.sampled_from([b"x", b"y"])), max_size=4)
histories = st.lists(st.lists(appends, max_size=4), max_size=8)


@given(histories)
@settings(max_examples=15)
def test_every_history_of_appends_ends_as_it_does_in_memory(history: list[list[list[Row]]]) -> None:
    async def run(log: TellingLog) -> list[Outcome]:
        outcomes: list[Outcome] = []

        def refused(conflict: VersionConflict) -> None:
            outcomes.append(str(conflict))

        for turn in history:
            for submission in turn:
                log.append(submission, outcomes.append, refused)
            await asyncio.sleep(0)
        await log.close()
        return outcomes

    async def run_sqlite(path: Path) -> tuple[list[Outcome], list[Record]]:
        async with open_sqlite_log(path) as log:
            outcomes = await run(log)
        with SqliteReader(path) as reader:
            return outcomes, list(reader.records())

    async def run_memory() -> tuple[list[Outcome], list[Record]]:
        log = MemoryLog()
        return await run(log), list(log.reader().records())

    with TemporaryDirectory() as folder:
        assert uvloop.run(run_sqlite(Path(folder) / "log.db")) == asyncio.run(run_memory())
