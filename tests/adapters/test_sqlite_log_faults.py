import asyncio
import errno
import os
import resource
import shutil
import subprocess
import sys
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest

from adapters.sqlite_log import SqliteLog
from pipeline.log import LogFailed
from tests.adapters.log_contract import SECONDS, A, B, appended, failed, nobody, rows
from tests.adapters.sqlite_store import SqliteStore, writer

ROOT = Path(__file__).parents[2]


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqliteStore]:
    store = SqliteStore(tmp_path)
    yield store
    store.close()


@pytest.fixture(scope="session")
def faulty_disk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A library that lets a chosen write or sync fail."""
    compiler = shutil.which("cc")
    if sys.platform != "linux" or compiler is None:
        pytest.skip("needs Linux and a C compiler")
    library = tmp_path_factory.mktemp("faults") / "faulty_disk.so"
    source = Path(__file__).with_name("faulty_disk.c")
    subprocess.run([compiler, "-shared", "-fPIC", "-O1", "-o", library, source, "-ldl"], check=True)
    return library


async def use(path: Path) -> tuple[list[int], LogFailed | None]:
    """Open a log, append to it twice, close it. What became durable, and what failed."""
    durable: list[int] = []
    try:
        log = await SqliteLog.open(path)
    except LogFailed as failure:
        return durable, failure
    broken = asyncio.ensure_future(failed(log))
    try:
        for version in (1, 2):
            stored = asyncio.ensure_future(appended(log, rows(A, version)))
            await asyncio.wait([stored, broken], return_when=asyncio.FIRST_COMPLETED)
            if not stored.done():
                stored.cancel()
                break
            durable.append(await stored)
    finally:
        broken.cancel()
        try:
            await log.close()
        except LogFailed:
            assert log.failure is not None
    assert log._process.returncode == (1 if log.failure else 0)
    return durable, log.failure


@pytest.mark.parametrize(
    ("new", "call", "error"),
    [(True, "sync", errno.EIO), (True, "write", errno.ENOSPC), (False, "sync", errno.EIO), (False, "write", errno.EIO)],
    ids=["a sync fails, new log", "the disk is full, new log", "a sync fails, old log", "a write fails, old log"],
)
async def test_whichever_call_fails_the_log_stops_and_keeps_what_it_acknowledged(
    tmp_path: Path, faulty_disk: Path, monkeypatch: pytest.MonkeyPatch, new: bool, call: str, error: int
) -> None:
    old = SqliteStore(tmp_path)
    async with old.open():
        pass
    for number in count(1):
        store = SqliteStore(tmp_path / str(number))
        notes = tmp_path / f"{number}.notes"
        if not new:
            shutil.copytree(old.path.parent, store.path.parent)
        with monkeypatch.context() as writer_only:
            for name, value in {
                "LD_PRELOAD": faulty_disk,
                "FAULT_CALL": call,
                "FAULT_AT": number,
                "FAULT_ERRNO": error,
                "FAULT_NOTES": notes,
            }.items():
                writer_only.setenv(name, str(value))
            durable, failure = await use(store.path)
        if not notes.exists():
            assert (durable, failure) == ([1, 2], None)
            assert number > 5  # there is no such call, though there were some
            break
        assert failure is not None, f"{call} {number} failed unnoticed"
        assert "log.db cannot be written: " in str(failure)
        if not new:  # while a log is made, SQLite undoes what it began
            assert notes.read_text() == "failed\n", f"a sync was tried again after {call} {number}"
        await check(store, durable)


async def check(store: SqliteStore, durable: list[int]) -> None:
    """The log has what was acknowledged, no gaps, and goes on."""
    async with store.open() as log:
        found = list(store.read().records())
        assert [record.position for record in found] == list(range(1, len(found) + 1))
        assert len(found) >= len(durable)
        assert await appended(log, rows(B, 1)) == len(found) + 1
    store.close()


async def test_a_full_disk_fails_the_log_and_keeps_what_it_acknowledged(store: SqliteStore) -> None:
    durable: list[int] = []
    async with store.open() as log:
        limit = 400_000
        resource.prlimit(writer(log), resource.RLIMIT_FSIZE, (limit, limit))
        ended = asyncio.ensure_future(failed(log))
        for version in range(1, 101):
            if log.failure is not None:  # a quick writer meets the limit before all is appended
                break
            log.append(rows(A, version, state=bytes(10_000)), durable.append)
            await asyncio.sleep(0)
        reason = str(await ended)
        assert "log.db cannot be written: " in reason
        with pytest.raises(LogFailed, match=r"log\.db cannot be written"):
            log.append(rows(A, 101), nobody)
    assert log._process.returncode == 1
    await check(store, durable)


def serve(path: Path, *arguments: str) -> "subprocess.Popen[str]":
    command = [sys.executable, "-m", "tests.adapters.dying_server", str(path), *arguments]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)


async def test_what_was_acknowledged_survives_the_death_of_the_server(store: SqliteStore) -> None:
    with serve(store.path) as server:
        assert server.stdout
        for line in server.stdout:
            if int(line) >= 300:
                break
        server.kill()
        durable = [int(line) for line in server.stdout.read().splitlines(keepends=True) if line.endswith("\n")]
    async with store.open() as log:  # waits for the writer of the dead server
        records = list(store.read().records())
        assert [record.version for record in records] == list(range(1, len(records) + 1))
        assert len(records) >= max(durable, default=300)
        assert await appended(log, rows(B, 1)) == len(records) + 1


async def test_what_was_on_its_way_when_the_server_died_is_stored(store: SqliteStore) -> None:
    with serve(store.path, "abruptly") as server:
        assert server.wait(SECONDS) == 7
    async with store.open():
        assert store.read().version(B) == 1000


async def test_a_writer_that_cannot_start_is_told_of(store: SqliteStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", os.devnull)
    with pytest.raises(LogFailed, match=r"could not be started: .* Permission denied"):
        await SqliteLog.open(store.path)
    monkeypatch.setattr(sys, "executable", shutil.which("true"))
    with pytest.raises(LogFailed, match="ended before it was ready"):
        await SqliteLog.open(store.path)
