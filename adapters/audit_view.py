"""The audit view of a log: a projection in its own file, exactly once in effect.

Rows and the position in the log that they reach are stored in one transaction, so that a view whose building was
interrupted goes on where it stopped. It can be thrown away and built again at any time.
"""

import contextlib
import fcntl
import hashlib
import os
import sqlite3
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Final, Self

from eventsourcing.persistence import PersistenceError

from adapters.audit_errors import BusyView, UnwritableView
from adapters.audit_fold import Fold
from adapters.audit_recorder import AuditRecorder
from adapters.turns import Pace, at_once
from events.record import UnreadableRecord, unpack
from pipeline.log import LogReader, Record

BATCH: Final = 8000
"""Records that are stored in one transaction. Each page is written once a transaction, and the log waits for the same
disk."""

BULK: Final = 20_000
"""So many records behind, a new view is filled first and indexed then: that takes a third of the time."""

_RETRY: Final = 0.005  # seconds; a batch takes some tenths of one


class AuditView:
    """Keeps the view of one log up to date. Several processes may: each batch is written under a lock.

    Attributes:
        position: How far in the log the view has come, as far as this process knows.
        indexed: Whether it has its indices.
        unreadable: Positions of records that were left out because they are damaged.
    """

    def __init__(self, path: Path, reader: LogReader, patience: float = 60.0, pace: Pace = at_once) -> None:
        """Open the view at ``path``, or make it; one of another log or of an older version is made anew.

        Args:
            path: The view's file.
            reader: The log that it is a view of.
            patience: Seconds to wait while others write.
            pace: How fast to work.

        Raises:
            BusyView: Another process was writing for all that time; so may every method.
            UnwritableView: It cannot be written; so may every method.
        """
        self._path = path.absolute()
        self._reader = reader
        self._patience = patience
        self._pace = pace
        self._held = 0
        self._made = ""
        self.position = 0
        self.indexed = False
        self.unreadable: list[int] = []
        try:
            self._lock = _open(self._path.with_name(f"{self._path.name}.lock"))
            os.close(_open(self._path))
        except OSError as error:
            raise UnwritableView(f"{self._path} cannot be written: {error.strerror}") from error
        try:
            with self.alone():
                self._recorder = AuditRecorder(self._path)
                self._keep_pace()
        except BaseException:
            os.close(self._lock)
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the file."""
        with contextlib.suppress(PersistenceError, sqlite3.Error):
            self._recorder.datastore.close()
        os.close(self._lock)

    @property
    def behind(self) -> int:
        """Records in the log that the view has not taken in."""
        return max(0, self._reader.last() - self.position)

    def advance(self, most: int = BATCH) -> int:
        """Take in the next records of the log; returns how many there were. At its end, index what is not indexed."""
        with self.alone():
            self._keep_pace()
            records = list(self._pace(islice(self._reader.records(self.position), most)))
            if records:
                self._take(records)
            if len(records) < most and not self.indexed:
                self._index()
            return len(records)

    def rebuild(self) -> None:
        """Throw everything away; :meth:`advance` builds it again."""
        with self.alone():
            self._make_anew()

    @contextlib.contextmanager
    def alone(self) -> Iterator[None]:
        """Keep others from writing meanwhile. Every batch does; a long job may do it for many batches."""
        if not self._held:
            self._take_lock()
        self._held += 1
        try:
            yield
        except (PersistenceError, sqlite3.Error) as error:
            self._made = ""  # what was folded is not stored: begin from what is
            raise UnwritableView(f"{self._path} cannot be written: {error}") from error
        finally:
            self._held -= 1
            if not self._held:
                fcntl.flock(self._lock, fcntl.LOCK_UN)

    def _take_lock(self) -> None:
        until = time.monotonic() + self._patience
        while True:
            try:
                return fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if time.monotonic() >= until:
                    raise BusyView(f"{self._path} is being built by another process") from None
                time.sleep(_RETRY)

    def _keep_pace(self) -> None:
        """Go on from what is stored, whoever stored it."""
        position, made, newest = self._recorder.state()
        if made and (position, made) == (self.position, self._made):
            return
        if not made or newest != self._digest(position):
            self._make_anew()
        else:
            self._begin_from(position, made)

    def _make_anew(self) -> None:
        self._recorder.make()
        position, made, _ = self._recorder.state()
        self._begin_from(position, made)
        if self.behind < BULK:
            self._index()

    def _index(self) -> None:
        for name in self._recorder.missing_indices():
            self._recorder.index(name)
        self.indexed = True

    def _begin_from(self, position: int, made: str) -> None:
        self.position, self._made = position, made
        self.indexed = not self._recorder.missing_indices()
        self._fold = Fold(self._recorder.find, self._recorder.next_session())

    def _take(self, records: list[Record]) -> None:
        for record in self._pace(records):
            try:
                steps = unpack(record.state, record.session)
            except UnreadableRecord:
                self.unreadable.append(record.position)  # one damaged record must not hide all that follow
            else:
                self._fold.take(record.position, steps)
        position = records[-1].position
        self._recorder.store(self._fold, position, _digest(records[-1]), self._pace)
        self._fold.settle()
        self.position = position

    def _digest(self, position: int) -> str:
        """Of the record at ``position``: tells this log from another, or an older copy, that was put in its place."""
        record = next(self._reader.records(position - 1, position), None)
        return "" if record is None else _digest(record)


def _digest(record: Record) -> str:
    return hashlib.sha256(record.session.encode() + record.state).hexdigest()


def _open(path: Path) -> int:
    """Open a file, or make it for its owner alone."""
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
