"""The process that writes a SQLite log.

A writer thread would share the interpreter's lock with the event loop: measured, a commit of 100 rows took 94 ms in
place of 0.8 ms while the loop was busy. A process shares nothing. This file is that process, started as a script with
the path of the database and the number of a socket; it imports nothing of the project, so that it starts quickly.

To the writer: frames, each a length in bytes (4 bytes, big-endian) before a msgpack array of submissions; a submission
is an array of rows, a row the array of its columns without the position. What has arrived together is one commit.
From the writer: replies (see ``REPLY``), in the order of the submissions.

It holds the only connection that writes or checkpoints: SQLite 3.7.0 to 3.51.2 can damage a database when two
connections do so at the same instant. A lock on ``<database>.writer`` keeps other servers out. The end of the socket
means that the server has closed the log or died: what has arrived whole is committed, and the process ends.
"""

import contextlib
import gc
import os
import select
import signal
import socket
import sqlite3
import struct
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final, TypeAlias

import msgspec

REPLY: Final = struct.Struct("=BIQ")
"""A kind, a number, a position. The number counts submissions, or the bytes of a text (UTF-8) that follows."""

READY: Final = 0  # the position is that of the newest row
DURABLE: Final = 1  # so many submissions are stored; the first row has this position, the others follow without a gap
STORED_BEFORE: Final = 2  # one submission was stored earlier, byte for byte; its first row has this position
CONFLICT: Final = 3  # one submission cannot be stored, because of another row of that number; a text follows
FAILED: Final = 4  # nothing can be stored from here on; a text follows

APPLICATION_ID: Final = 0x6D637077  # "mcpw", in the header of the file
SCHEMA_VERSION: Final = 1

# The table is named as in the eventsourcing library, whose SQL also needs the key to be named rowid.
_CREATE: Final = """
    CREATE TABLE stored_events (
        rowid INTEGER PRIMARY KEY,
        originator_id TEXT NOT NULL,
        originator_version INTEGER NOT NULL,
        topic TEXT NOT NULL,
        state BLOB NOT NULL,
        UNIQUE (originator_id, originator_version)
    )
"""
_INSERT: Final = "INSERT INTO stored_events VALUES (?, ?, ?, ?, ?)"
# A conflict ends the whole transaction: measured, SQLite then keeps no journal of the statement, which would cost half
# as much again. One statement for so many rows takes three quarters of the time of a statement for each.
_INSERT_ROWS: Final = 128
_INSERTS: Final = [
    "INSERT OR ROLLBACK INTO stored_events VALUES " + ", ".join(["(?, ?, ?, ?, ?)"] * rows)  # noqa: S608  # constants
    for rows in range(_INSERT_ROWS + 1)
]
_FIND: Final = "SELECT rowid, topic, state FROM stored_events WHERE originator_id = ? AND originator_version = ?"

_GROUP_BYTES: Final = 4 << 20  # what one commit takes from the socket at most, give or take a frame
_RECEIVE_BYTES: Final = 256 << 10
_CHECKPOINT_BYTES: Final = 128 << 20  # of write-ahead log; a longer one makes longer stalls, a shorter one more of them
_PAGE: Final = 4096
_QUIET_MS: Final = 1000

Columns: TypeAlias = tuple[str, int, str, bytes]
Submission: TypeAlias = list[Columns]

_decode = msgspec.msgpack.Decoder(list[Submission]).decode


class Refused(Exception):
    """The database cannot be opened, for the reason given."""


class Store:
    """The connection that writes."""

    def __init__(self, path: Path) -> None:
        self._db = _open(path)
        self._last: int = self._db.execute("SELECT coalesce(max(rowid), 0) FROM stored_events").fetchone()[0]
        self._unchecked = 0
        # Pages of the write-ahead log that an earlier writer could not sync may be gone from the disk though they can
        # still be read; rows after them would be lost with them. So nothing is appended to a log of unknown state.
        self._checkpoint("TRUNCATE", patience=5000)

    @property
    def last(self) -> int:
        """The position of the newest row; 0 when there is none."""
        return self._last

    def add(self, group: list[Submission]) -> list[bytes]:
        """Store submissions in one commit.

        Returns:
            The replies to send.

        Raises:
            sqlite3.Error: They could not be stored, and nothing more should be.
        """
        rows = [row for submission in group for row in submission]
        first = self._last + 1
        try:
            self._db.execute("BEGIN IMMEDIATE")
            for start in range(0, len(rows), _INSERT_ROWS):
                self._insert_at(first + start, rows[start : start + _INSERT_ROWS])
            self._db.execute("COMMIT")
        except sqlite3.IntegrityError:
            return self._add_singly(group)
        self._last += len(rows)
        self._unchecked += _logged(rows)
        return [REPLY.pack(DURABLE, len(group), first)]

    def _insert_at(self, position: int, rows: list[Columns]) -> None:
        values: list[object] = []
        for number, row in enumerate(rows, position):
            values += (number, *row)
        self._db.execute(_INSERTS[len(rows)], values)

    def _add_singly(self, group: list[Submission]) -> list[bytes]:
        """Store those submissions of a group that can be stored, still in one commit."""
        replies = []
        self._db.execute("BEGIN IMMEDIATE")
        for submission in group:
            first = self._last + 1
            self._db.execute("SAVEPOINT submission")
            try:
                self._db.executemany(_INSERT, [(number, *row) for number, row in enumerate(submission, first)])
            except sqlite3.IntegrityError:
                self._db.execute("ROLLBACK TO submission")
                replies.append(self._answer_stored(submission))
            else:
                self._last += len(submission)
                replies.append(REPLY.pack(DURABLE, 1, first))
            self._db.execute("RELEASE submission")
        self._db.execute("COMMIT")
        self._unchecked += sum(map(_logged, group))
        return replies

    def _answer_stored(self, submission: Submission) -> bytes:
        """Tell a repetition from a conflict."""
        found = [self._db.execute(_FIND, row[:2]).fetchone() for row in submission]
        if not any(found) and len({row[:2] for row in submission}) == len(submission):
            raise sqlite3.IntegrityError("another program has written to it")
        for number, (row, stored) in enumerate(zip(submission, found, strict=True)):
            if stored is None or stored != (found[0][0] + number, *row[2:]):
                return _text(CONFLICT, f"{row[0]} already has another record with the version {row[1]}")
        return REPLY.pack(STORED_BEFORE, 1, found[0][0])

    def tidy(self, *, quiet: bool) -> None:
        """Checkpoint when it is due; ``quiet`` says that there is time to do it thoroughly."""
        if quiet and self._unchecked:
            self._checkpoint("RESTART")  # keeps the file: a sync takes half as long when the file need not grow
        elif self._unchecked > _CHECKPOINT_BYTES:
            self._checkpoint("PASSIVE")

    def _checkpoint(self, mode: str, patience: int = 0) -> None:
        """Move the write-ahead log into the database, as far as readers let it.

        After RESTART it is written again from its beginning; TRUNCATE also gives its room on the disk back.

        It waits ``patience`` milliseconds for readers. When they take longer, the next time will do.
        """
        self._db.execute(f"PRAGMA busy_timeout = {patience}")
        busy, _, _ = self._db.execute(f"PRAGMA wal_checkpoint({mode})").fetchone()
        self._db.execute("PRAGMA busy_timeout = 5000")
        self._unchecked = 1 if mode == "PASSIVE" or busy else 0

    def close(self) -> None:
        self._checkpoint("TRUNCATE")
        self._db.close()


def _logged(rows: list[Columns]) -> int:
    """About how much a commit of ``rows`` adds to the write-ahead log: pages of rows, one of the index a session."""
    return sum(len(row[3]) for row in rows) + _PAGE * (2 + len({row[0] for row in rows}))


def _open(path: Path) -> sqlite3.Connection:
    os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
    db = sqlite3.connect(path, timeout=5, isolation_level=None, cached_statements=_INSERT_ROWS + 32)
    if problem := problem_with(db):  # looked for before the first change: a file that is not ours stays as it is
        raise Refused(f"{path} {problem}; name another file for the log")
    if db.execute("PRAGMA journal_mode = WAL").fetchone() != ("wal",):  # SQLite does not say why
        raise Refused(f"{path} cannot be written: its disk is full, faulty or remote; name a file on another disk")
    for pragma in (
        "synchronous = FULL",
        "fullfsync = ON",  # macOS: reach the disk, not only its cache
        "checkpoint_fullfsync = ON",
        f"journal_size_limit = {2 * _CHECKPOINT_BYTES}",  # when a reader let it grow further
        "wal_autocheckpoint = 0",  # it would come before the reply, and its failure would not be told
    ):
        db.execute(f"PRAGMA {pragma}")
    if not has_table(db):
        db.execute("BEGIN IMMEDIATE")
        db.execute(_CREATE)
        db.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        db.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
        db.execute("COMMIT")
    return db


def problem_with(db: sqlite3.Connection) -> str | None:
    """Why this version cannot use a database, as the rest of a sentence; None when it is ours or empty."""
    owner, version = (db.execute(f"PRAGMA {name}").fetchone()[0] for name in ("application_id", "user_version"))
    if owner == APPLICATION_ID:
        return f"was written by a later version (schema {version})" if version > SCHEMA_VERSION else None
    empty = not db.execute("SELECT 1 FROM sqlite_master").fetchone()
    return None if empty and not owner and not version else "is the database of another program"


def has_table(db: sqlite3.Connection) -> bool:
    """Whether there is a log in a database."""
    return bool(db.execute("SELECT 1 FROM sqlite_master WHERE name = 'stored_events'").fetchone())


def _groups(sock: socket.socket) -> Iterator[list[Submission]]:
    """Yield what has arrived, as one group; an empty one after a quiet time. Ends when the server has left."""
    poller = select.poll()
    poller.register(sock, select.POLLIN)
    held = bytearray()
    connected = True
    while connected:
        if poller.poll(_QUIET_MS):
            connected = _receive(sock, held)
            if group := _take(held):
                yield group
        else:
            yield []


def _receive(sock: socket.socket, held: bytearray) -> bool:
    """Add what waits in the socket to ``held``; False at its end."""
    enough = len(held) + _GROUP_BYTES
    while len(held) < enough:
        try:
            data = sock.recv(_RECEIVE_BYTES, socket.MSG_DONTWAIT)
        except BlockingIOError:
            break
        except ConnectionError:
            return False
        if not data:
            return False
        held += data
    return True


def _take(held: bytearray) -> list[Submission]:
    """Take the whole frames out of ``held``."""
    group: list[Submission] = []
    start = 0
    with memoryview(held) as view:
        while (body := start + 4) <= len(view):
            end = body + int.from_bytes(view[start:body], "big")
            if end > len(view):
                break
            group += _decode(view[body:end])
            start = end
    del held[:start]
    return group


def _serve(store: Store, sock: socket.socket) -> None:
    for group in _groups(sock):
        if group:
            _send(sock, *store.add(group))
        store.tidy(quiet=not group)


def _send(sock: socket.socket, *replies: bytes) -> None:
    with contextlib.suppress(ConnectionError):  # a server that has died needs no reply
        sock.sendall(b"".join(replies))


def _text(kind: int, text: str) -> bytes:
    data = text.encode(errors="replace")
    return REPLY.pack(kind, len(data), 0) + data


def main(path: Path, sock: socket.socket) -> None:
    """Write until the server leaves or something breaks; what broke is sent to the server."""
    for interruption in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):  # meant for the server, which will tell us
        signal.signal(interruption, signal.SIG_IGN)
    gc.disable()  # there are no cycles here, only rows by the thousand to look through in vain
    try:
        store = Store(path)
        _send(sock, REPLY.pack(READY, 0, store.last))
        _serve(store, sock)
        store.close()
    except Refused as refusal:
        _fail(sock, str(refusal))
    except OSError as error:
        _fail(sock, f"{error.filename or path} cannot be written: {error.strerror}")
    except Exception as error:  # noqa: BLE001  # whatever it is, the server must hear of it
        _fail(sock, f"{path} cannot be written: {error}")


def _fail(sock: socket.socket, reason: str) -> None:
    _send(sock, _text(FAILED, reason))
    # Leave without closing the database: that would checkpoint, and a sync that failed must not be tried again.
    os._exit(1)


if __name__ == "__main__":
    main(Path(sys.argv[1]), socket.socket(fileno=int(sys.argv[2])))
