"""The audit view that projectors made, killed again and again on the way, beside one that is made at one go."""

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

from adapters.audit_schema import view_path
from adapters.audit_view import AuditView
from adapters.sqlite_reader import SqliteReader


def difference(log: Path) -> str | None:
    """How the view of a log differs from one that is made anew; None when it does not."""
    with SqliteReader(log) as reader:
        found, anew = (_made(path, reader) for path in (view_path(log), log.with_name("anew.audit.db")))
    for table, rows in anew.items():
        if rows != found[table]:
            return f"{len(found[table])} {table} in the view, {len(rows)} in one made anew, and they differ"
    return None


def _made(path: Path, reader: SqliteReader) -> dict[str, list[Any]]:
    """The rows of a view that is up to date."""
    with AuditView(path, reader) as view:
        while view.behind or not view.indexed:
            view.advance()
    with closing(sqlite3.connect(path)) as db:
        return {table: db.execute(f"SELECT * FROM {table} ORDER BY id").fetchall() for table in ("calls", "sessions")}
