"""A log in memory: the smallest example of one, for tests."""

import asyncio
from collections.abc import Callable, Iterator, Sequence

from eventsourcing.persistence import IntegrityError, StoredEvent
from eventsourcing.popo import POPOApplicationRecorder

from events.event import SessionId
from events.record import TOPIC
from pipeline.log import LogFailed, Record, Row, VersionConflict

Refused = Callable[[VersionConflict], None]


class MemoryLog:
    """Keeps rows for as long as it lives."""

    def __init__(self) -> None:
        self._recorder = POPOApplicationRecorder()
        self._waiting = 0
        self._failure: LogFailed | None = None
        self._watchers: list[Callable[[LogFailed], None]] = []

    @property
    def waiting(self) -> int:
        return self._waiting

    @property
    def failure(self) -> LogFailed | None:
        return self._failure

    def append(self, rows: Sequence[Row], done: Callable[[int], None], refused: Refused | None = None) -> None:
        """As ``SqliteLog.append``."""
        if self._failure is not None:
            raise LogFailed(str(self._failure))
        self._waiting += _size(rows)
        asyncio.get_running_loop().call_soon(self._commit, tuple(rows), done, refused)

    def _commit(self, rows: Sequence[Row], done: Callable[[int], None], refused: Refused | None) -> None:
        if self._failure is not None:
            return
        self._waiting -= _size(rows)
        try:
            position = self.store(rows)
        except VersionConflict as conflict:
            if refused is None:
                self.fail(str(conflict))
            else:
                refused(conflict)
        else:
            done(position)

    def store(self, rows: Sequence[Row]) -> int:
        """Store rows at once; needs no event loop.

        Returns:
            The position of the first.

        Raises:
            VersionConflict: A stream has another record with that version.
        """
        first = self.reader().last() + 1
        try:
            self._recorder.insert_events([StoredEvent(row.session, row.version, TOPIC, row.state) for row in rows])
        except IntegrityError:
            return self._stored_before(rows)
        return first

    def _stored_before(self, rows: Sequence[Row]) -> int:
        """The position of rows that are stored already; a repetition is no conflict."""
        records = {(record.session, record.version): record for record in self.reader().records()}
        first: int | None = None
        for number, row in enumerate(rows):
            record = records.get((row.session, row.version))
            if record is not None and first is None:
                first = record.position
            if record is None or first is None or record != (first + number, *row):
                raise VersionConflict(f"{row.session} already has another record with the version {row.version}")
        return first or 0

    def fail(self, reason: str) -> None:
        """Fail as a disk would."""
        if self._failure is None:
            self._failure = LogFailed(reason)
            for failed in self._watchers:
                failed(self._failure)

    def on_failure(self, failed: Callable[[LogFailed], None]) -> None:
        if self._failure is None:
            self._watchers.append(failed)
        else:
            asyncio.get_running_loop().call_soon(failed, self._failure)

    async def close(self) -> None:
        await asyncio.sleep(0)  # what was appended is committed in the coming turn
        if self._failure is None:
            self._failure = LogFailed("the log is closed")

    def reader(self) -> "MemoryReader":
        """What reads this log."""
        return MemoryReader(self._recorder)


class MemoryReader:
    """Reads what a ``MemoryLog`` keeps."""

    def __init__(self, recorder: POPOApplicationRecorder) -> None:
        self._recorder = recorder

    def last(self) -> int:
        return self._recorder.max_notification_id() or 0

    def version(self, session: SessionId) -> int:
        newest = self._recorder.select_events(session, desc=True, limit=1)
        return newest[0].originator_version if newest else 0

    def at(self, position: int) -> Record | None:
        """The record with that position; None when there is none."""
        return next(self.records(position - 1, position), None)

    def records(self, after: int = 0, upto: int | None = None) -> Iterator[Record]:
        newest = self.last()
        for found in self._recorder.select_notifications(after, newest, upto, inclusive_of_start=False):
            yield Record(found.id, str(found.originator_id), found.originator_version, found.state)

    def session(self, session: SessionId) -> Iterator[Record]:
        return (record for record in self.records() if record.session == session)

    def sessions(self, prefix: str = "") -> Iterator[SessionId]:
        found = {record.session for record in self.records()}
        return iter(sorted((session for session in found if session.startswith(prefix)), reverse=True))

    def close(self) -> None:
        pass


def _size(rows: Sequence[Row]) -> int:
    return sum(len(row.state) for row in rows)
