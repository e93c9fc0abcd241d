"""Reads a SQLite log, also while a server writes it."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from threading import Lock
from typing import Any, Final, Self
from urllib.parse import quote

from adapters.sqlite_writer import has_table, problem_with
from events.event import SessionId
from events.record import TOPIC
from pipeline.log import Record

# One read transaction holds the writer's checkpoints back, so each is short whatever the caller does between records.
_CHUNK_RECORDS: Final = 500
_CHUNK_BYTES: Final = 4 << 20

_SELECT: Final = f"SELECT rowid, originator_id, originator_version, state FROM stored_events WHERE topic = '{TOPIC}'"  # noqa: S608  # constants
_RECORDS: Final = f"{_SELECT} AND rowid > ? AND rowid <= ? ORDER BY rowid LIMIT {_CHUNK_RECORDS}"
_SESSION: Final = (
    f"{_SELECT} AND originator_id = ? AND originator_version > ? ORDER BY originator_version LIMIT {_CHUNK_RECORDS}"
)
_LAST: Final = "SELECT coalesce(max(rowid), 0) FROM stored_events"
_VERSION: Final = "SELECT coalesce(max(originator_version), 0) FROM stored_events WHERE originator_id = ?"
_NEWEST: Final = "SELECT max(originator_id) FROM stored_events WHERE originator_id >= ? AND originator_id < ?"

_END: Final = (1 << 63) - 1


class UnreadableLog(Exception):
    """There is no log that can be read; says where and what to do."""


class SqliteReader:
    """The past in a SQLite log.

    Its connection can neither write nor checkpoint: only the writer does (see ``sqlite_writer``). It may be used from
    any thread.
    """

    def __init__(self, path: Path) -> None:
        """Open the log at ``path``.

        Raises:
            UnreadableLog: There is none that can be read; so may every method, when the file breaks later.
        """
        self._path = path.absolute()
        # SQLite could do without it. Python keeps the statement of a query for the next who asks the same: two threads
        # would step through one.
        self._asking = Lock()
        if not self._path.is_file():
            raise UnreadableLog(f"there is no log at {self._path}; name a file that a server has written")
        try:
            self._db = connect_read_only(self._path)
        except sqlite3.Error as error:
            reason = f"{self._path} may not be read; read it as the user that runs the server"
            raise UnreadableLog(reason) from error
        try:
            problem = problem_with(self._db) or (None if has_table(self._db) else "holds no log yet")
        except sqlite3.Error as error:
            self._db.close()
            raise self._unreadable(error) from error
        if problem:
            self._db.close()
            raise UnreadableLog(f"{self._path} {problem}; name a file that a server of this version has written")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def last(self) -> int:
        return int(self._value(_LAST))

    def version(self, session: SessionId) -> int:
        return int(self._value(_VERSION, session))

    def at(self, position: int) -> Record | None:
        """The record with that position; None when there is none."""
        return next(self.records(position - 1, position), None)

    def records(self, after: int = 0, upto: int | None = None) -> Iterator[Record]:
        end = _END if upto is None else upto
        while chunk := self._chunk(_RECORDS, after, end):
            yield from chunk
            after = chunk[-1].position

    def session(self, session: SessionId) -> Iterator[Record]:
        version = 0
        while chunk := self._chunk(_SESSION, session, version):
            yield from chunk
            version = chunk[-1].version

    def sessions(self, prefix: str = "") -> Iterator[SessionId]:
        before = f"{prefix}~"  # sorts after every character of an id
        while found := self._value(_NEWEST, prefix, before):
            yield found
            before = found

    def close(self) -> None:
        self._db.close()

    def _value(self, query: str, *values: object) -> Any:
        try:
            with self._asking, closing(self._db.execute(query, values)) as rows:
                return rows.fetchone()[0]
        except sqlite3.Error as error:
            raise self._unreadable(error) from error

    def _chunk(self, query: str, *values: object) -> list[Record]:
        """The next records, in a read transaction that is over when this returns."""
        chunk = []
        size = 0
        try:
            with self._asking, closing(self._db.execute(query, values)) as rows:
                for row in rows:
                    chunk.append(Record(*row))
                    size += len(row[3])
                    if size > _CHUNK_BYTES:
                        break
        except sqlite3.Error as error:
            raise self._unreadable(error) from error
        return chunk

    def _unreadable(self, error: sqlite3.Error) -> UnreadableLog:
        if "unable to open" in str(error) or "readonly" in str(error):
            # SQLite keeps an index of the write-ahead log beside the database, and makes it when there is none.
            return UnreadableLog(
                f"{self._path} cannot be read from a folder in which nothing may be written; read it as the user that "
                "runs the server, or copy it, with the files that end in -wal and -shm, to a folder of your own"
            )
        return UnreadableLog(f"{self._path} cannot be read: {error}")


def connect_read_only(path: Path) -> sqlite3.Connection:
    """A connection that can neither write nor checkpoint."""
    # Threads that read for the event loop share the connection, and take turns.
    db = sqlite3.connect(read_only(path), uri=True, isolation_level=None, check_same_thread=False)
    db.execute("PRAGMA query_only = ON")
    db.execute("PRAGMA wal_autocheckpoint = 0")
    return db


def read_only(path: Path) -> str:
    """The URI that opens a database for reading alone."""
    return f"file:{quote(str(path))}?mode=ro"
