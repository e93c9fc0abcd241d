import asyncio
import os
import sqlite3
import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from signal import SIGKILL
from tempfile import TemporaryDirectory

import pytest

from adapters.sqlite_reader import SqliteReader, UnreadableLog
from adapters.sqlite_recorder import SqliteRecorder
from tests.adapters.log_contract import A, B, appended, failed, rows
from tests.adapters.sqlite_store import SqliteStore, tell_writer

NOBODY = 65534


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqliteStore]:
    store = SqliteStore(tmp_path)
    yield store
    store.close()


async def killed(store: SqliteStore) -> None:
    """Leave behind what a writer does that had no time to tidy up."""
    async with store.open() as log:
        await appended(log, rows(A, 1, 2))
        tell_writer(log, SIGKILL)
        await failed(log)
    assert store.ahead() > 0


async def test_a_reader_sees_only_whole_commits_while_a_server_writes(store: SqliteStore) -> None:
    async with store.open() as log:
        reader = store.read()
        seen = [0]
        for version in range(1, 2001, 20):
            log.append(rows(A, *range(version, version + 20)), lambda _: None)
            await asyncio.sleep(0)
            seen.append(reader.last())
        last = await appended(log, rows(B, 1))
        seen.append(reader.last())
    assert seen[-1] == last == 2001
    assert all(later >= earlier for earlier, later in pairwise(seen))
    assert all(number % 20 == 0 for number in seen[:-1])


async def test_a_slow_reader_keeps_nothing_from_being_written(store: SqliteStore) -> None:
    async with store.open() as log:
        await appended(log, rows(A, *range(1, 1001)))
        slow = store.read().records()
        assert next(slow).position == 1
        assert await appended(log, rows(A, *range(1001, 2001))) == 1001
        assert [record.position for record in slow] == list(range(2, 2001))


async def test_several_readers_follow_one_writer_from_other_threads(store: SqliteStore) -> None:
    async with store.open() as log:
        await appended(log, rows(A, *range(1, 1001)))
        reader = store.read()

        def read() -> int:
            return sum(len(list(reader.records())) + reader.last() for _ in range(50))

        found = await asyncio.gather(*(asyncio.to_thread(read) for _ in range(4)))
    assert found == [50 * 2000] * 4


async def test_a_log_can_be_read_after_its_writer_was_killed(store: SqliteStore) -> None:
    await killed(store)
    assert [record.position for record in store.read().records()] == [1, 2]


async def test_a_log_can_be_read_when_its_index_was_lost_too(store: SqliteStore) -> None:
    await killed(store)
    store.path.with_name("log.db-shm").unlink()
    assert [record.position for record in store.read().records()] == [1, 2]


async def test_a_reader_stays_when_the_writer_changes(store: SqliteStore) -> None:
    await killed(store)
    reader = store.read()
    assert reader.last() == 2
    async with store.open() as log:
        await appended(log, rows(A, 3))
        assert reader.last() == 3
    assert reader.last() == 3


@contextmanager
def powerless() -> Iterator[None]:
    """Be a user who owns nothing, where we are one who may do everything."""
    if os.geteuid():
        yield
        return
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)


@pytest.mark.parametrize(
    ("mode", "reason"),
    [
        (0o444, "cannot be read from a folder in which nothing may be written; read it as the user that runs"),
        (0o000, "may not be read; read it as the user that runs"),
    ],
)
def test_what_a_user_may_not_do_is_explained(mode: int, reason: str) -> None:
    with TemporaryDirectory() as place:  # pytest's own folders are closed to other users
        folder = Path(place)
        path = folder / "log.db"
        SqliteRecorder(path).close()
        path.chmod(mode)
        folder.chmod(0o555)
        with powerless(), pytest.raises(UnreadableLog, match=rf"log\.db {reason}"):
            SqliteReader(path)
        folder.chmod(0o755)


def test_a_missing_log_is_explained(tmp_path: Path) -> None:
    with pytest.raises(UnreadableLog, match=r"there is no log at /.*/log\.db; name a file that a server has written"):
        SqliteReader(tmp_path / "log.db")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"what is this? " * 100, "cannot be read: file is not a database"),
        (b"", "holds no log yet"),
    ],
)
def test_a_file_of_another_kind_is_explained(tmp_path: Path, content: bytes, reason: str) -> None:
    path = tmp_path / "log.db"
    path.write_bytes(content)
    with pytest.raises(UnreadableLog, match=rf"log\.db {reason}"):
        SqliteReader(path)
    assert path.read_bytes() == content


@pytest.mark.parametrize(
    ("pragma", "reason"),
    [
        ("user_version = 1", "is the database of another program"),
        ("application_id = 0x6D637077; PRAGMA user_version = 9", r"was written by a later version \(schema 9\)"),
    ],
)
def test_a_database_of_another_kind_is_explained(tmp_path: Path, pragma: str, reason: str) -> None:
    path = tmp_path / "log.db"
    db = sqlite3.connect(path)
    db.executescript(f"PRAGMA {pragma}; CREATE TABLE stored_events (name TEXT)")
    db.close()
    with pytest.raises(UnreadableLog, match=rf"log\.db {reason}; name a file"):
        SqliteReader(path)


async def test_a_log_that_is_damaged_later_is_explained(store: SqliteStore) -> None:
    async with store.open() as log:
        await appended(log, rows(A, *range(1, 201), state=bytes(1000)))
    reader = store.read()
    with store.path.open("r+b") as file:
        file.seek(4096)
        file.write(b"\xff" * 100_000)
    with pytest.raises(UnreadableLog, match=r"log\.db cannot be read: database disk image is malformed"):
        list(reader.records())


async def test_a_name_with_signs_that_mean_something_in_a_url_is_only_a_name(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "50% off?mode=rwc#1")
    async with store.open() as log:
        await appended(log, rows(A, 1))
    assert store.read().last() == 1
    store.close()


async def test_memory_stays_flat_however_much_is_read(store: SqliteStore) -> None:
    async with store.open() as log:
        for version in range(1, 41):
            await appended(log, rows(A, version, state=bytes(1 << 20)))
    reader = store.read()
    tracemalloc.start()
    assert sum(len(record.state) for record in reader.records()) == 40 << 20
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 12 << 20
