"""One connection writes and checkpoints.

SQLite 3.7.0 to 3.51.2 can lose what was committed when two connections write or checkpoint a write-ahead log at the
same instant (https://sqlite.org/wal.html, "the WAL-reset bug"). These tests keep it to one.
"""

import ast
import sqlite3
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from adapters.sqlite_reader import connect_read_only
from tests.adapters.log_contract import A, appended, rows
from tests.adapters.sqlite_store import SqliteStore

ROOT = Path(__file__).parents[2]
FOLDERS = ["adapters", "events", "mcp_server", "operators", "pipeline", "replay"]
MAY_CONNECT = {"adapters/sqlite_writer.py", "adapters/sqlite_reader.py"}
"""The audit view has a database of its own, and a writer of its own."""
NOT_THE_LOG = {
    "adapters/sqlite_pool.py",  # whatever database a user names
    "adapters/sqlite_pool_member.py",
    "mcp_server/config/checks/machine.py",  # asks for the version
    "mcp_server/prompts/search.py",  # an index in memory
}
"""Never given the log: what they connect to is something else."""
MAY_USE_THE_LIBRARY = {"adapters/sqlite_recorder.py"}


def sources() -> Iterator[tuple[str, ast.AST]]:
    for folder in FOLDERS:
        for path in (ROOT / folder).rglob("*.py"):
            name = path.relative_to(ROOT).as_posix()
            if not name.startswith("adapters/audit_"):
                yield name, ast.parse(path.read_text())


def imported(tree: ast.AST) -> Iterator[str]:
    """Modules, and names within them, that a source imports."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def test_only_the_writer_and_the_reader_connect_to_a_database() -> None:
    assert {name for name, tree in sources() if "sqlite3" in imported(tree)} == MAY_CONNECT | NOT_THE_LOG


def test_only_the_recorder_uses_the_connections_of_the_library() -> None:
    assert {name for name, tree in sources() if "eventsourcing.sqlite" in imported(tree)} == MAY_USE_THE_LIBRARY


def test_only_the_writer_connects_in_a_way_that_could_write() -> None:
    calls = {
        name: [
            ast.unparse(node.args[0])
            for node in ast.walk(tree)
            if isinstance(node, ast.Call) and ast.unparse(node.func) in {"sqlite3.connect", "sqlite3.Connection"}
        ]
        for name, tree in sources()
        if name in MAY_CONNECT
    }
    assert calls == {"adapters/sqlite_writer.py": ["path"], "adapters/sqlite_reader.py": ["read_only(path)"]}


def test_the_writer_needs_nothing_of_the_project() -> None:
    tree = ast.parse((ROOT / "adapters/sqlite_writer.py").read_text())
    packages = {name.partition(".")[0] for name in imported(tree)}
    assert packages - sys.stdlib_module_names == {"msgspec"}


async def test_a_reading_connection_can_neither_write_nor_checkpoint(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path)
    async with store.open() as log:
        await appended(log, rows(A, 1))
        ahead = store.ahead()
        content = store.path.read_bytes()
        db = connect_read_only(store.path)
        for statement in (
            "DELETE FROM stored_events",
            "CREATE TABLE mine (name TEXT)",
            "PRAGMA user_version = 7",
            "VACUUM",
        ):
            with pytest.raises(sqlite3.OperationalError, match="readonly"):
                db.execute(statement)
        with pytest.raises(sqlite3.OperationalError):
            db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        assert db.execute("PRAGMA wal_autocheckpoint").fetchone() == (0,)
        assert db.execute("PRAGMA query_only").fetchone() == (1,)
        db.close()
        assert store.ahead() == ahead
        assert store.path.read_bytes() == content


async def test_the_last_reader_to_leave_does_not_checkpoint_either(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path)
    async with store.open() as log:
        reader = store.read()
        await appended(log, rows(A, 1))
        store.destroy(log)
    ahead = store.ahead()
    assert reader.last() == 1
    reader.close()
    assert store.ahead() == ahead > 0
