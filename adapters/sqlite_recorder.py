"""The eventsourcing library's recorder on the log's writer process, for its applications."""

import struct
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from threading import Event, Lock
from typing import Any, Final, Literal, NoReturn
from uuid import UUID

import msgspec
from eventsourcing.persistence import (
    ApplicationRecorder,
    IntegrityError,
    ListenNotifySubscription,
    OperationalError,
    StoredEvent,
    Subscription,
)
from eventsourcing.sqlite import SQLiteApplicationRecorder, SQLiteDatastore, SQLiteFactory
from eventsourcing.utils import Environment, EnvType

from adapters import sqlite_process
from adapters.sqlite_reader import read_only
from adapters.sqlite_writer import CONFLICT, FAILED, REPLY, STORED_BEFORE, Columns
from pipeline.log import LogFailed

_LENGTH: Final = struct.Struct(">I")

_encode = msgspec.msgpack.Encoder().encode


class SqliteRecorder(SQLiteApplicationRecorder):
    """Reads as the library does, through connections that cannot write; stores through the writer process.

    Unlike the log it refuses to store an event twice, as the library expects. May be used from any thread.
    """

    def __init__(self, path: Path, originator_id_type: Literal["uuid", "text"] = "uuid") -> None:
        """Open the database at ``path``, making it when there is none.

        Raises:
            OperationalError: It cannot be opened; says why and what to do.
        """
        super().__init__(SQLiteDatastore(read_only(path.absolute()), originator_id_type=originator_id_type))
        self._failure = ""
        self._lock = Lock()
        self._listeners: set[Event] = set()
        try:
            self._process, self._socket = sqlite_process.start(path)
        except LogFailed as failure:
            raise OperationalError(str(failure)) from failure
        try:
            self._socket.settimeout(sqlite_process.START_SECONDS)
            self._take_reply()
            self._socket.settimeout(None)
        except OperationalError:
            self.close()
            raise

    def create_table(self) -> None:
        """Do nothing: the writer has made it."""

    def insert_events(self, stored_events: Sequence[StoredEvent], **_: Any) -> Sequence[int] | None:
        """Store events in one commit; wait until they are durable.

        Raises:
            IntegrityError: A stream has an event of that version already; nothing was stored.
            OperationalError: Nothing can be stored any more.
        """
        if not stored_events:
            return []
        frame = _encode([[_columns(event) for event in stored_events]])
        with self._lock:
            if self._failure:
                raise OperationalError(self._failure)
            with suppress(OSError):  # the writer has gone; its last words may wait to be read
                self._socket.sendall(_LENGTH.pack(len(frame)) + frame)
            first = self._take_reply()
        for listener in tuple(self._listeners):
            listener.set()
        return list(range(first, first + len(stored_events)))

    def _take_reply(self) -> int:
        """The position that the writer's next reply tells."""
        kind, number, position = REPLY.unpack(self._receive(REPLY.size))
        if kind == STORED_BEFORE:
            raise IntegrityError("these events are stored already")
        if kind == CONFLICT:
            raise IntegrityError(self._receive(number).decode())
        if kind == FAILED:
            self._fail(self._receive(number).decode())
        return int(position)

    def _receive(self, size: int) -> bytes:
        data = b""
        while len(data) < size:
            try:
                more = self._socket.recv(size - len(data))
            except OSError as error:
                self._fail(f"the writer of the log does not answer: {error}")
            if not more:
                self._fail("the writer of the log ended before its time")
            data += more
        return data

    def _fail(self, reason: str) -> NoReturn:
        self._failure = reason
        raise OperationalError(reason)

    def subscribe(self, gt: int | None = None, topics: Sequence[str] = ()) -> Subscription[ApplicationRecorder]:
        """Follow what this recorder stores, after what is stored already."""
        return _Subscription(self, gt, topics)

    def listen(self, listener: Event) -> None:
        self._listeners.add(listener)

    def unlisten(self, listener: Event) -> None:
        self._listeners.discard(listener)

    def close(self) -> None:
        """Let the writer leave; close the connections."""
        with self._lock:
            self._failure = self._failure or "the recorder is closed"
            self._socket.close()
            if not sqlite_process.has_left(self._process):
                sqlite_process.kill(self._process)
        self.datastore.close()


class _Subscription(ListenNotifySubscription[SqliteRecorder]):
    def __init__(self, recorder: SqliteRecorder, gt: int | None, topics: Sequence[str]) -> None:
        super().__init__(recorder, gt, topics)
        recorder.listen(self._has_been_notified)
        self._has_been_notified.set()  # something may have been stored between the first look and the line above

    def stop(self) -> None:
        super().stop()
        self._recorder.unlisten(self._has_been_notified)


class ApplicationFactory(SQLiteFactory):
    """Gives applications this recorder, when ``PERSISTENCE_MODULE`` is ``adapters.sqlite_recorder:ApplicationFactory``.

    They go without snapshots: those would take a second connection that writes.
    """

    def __init__(self, env: Environment | EnvType | None) -> None:
        super().__init__(env)
        self._recorder = SqliteRecorder(Path(self.datastore.pool.db_name), self.datastore.originator_id_type)
        self.datastore = self._recorder.datastore

    def application_recorder(self) -> ApplicationRecorder:
        return self._recorder

    def close(self) -> None:
        self._recorder.close()


def _columns(event: StoredEvent) -> Columns:
    origin = event.originator_id
    return (origin.hex if isinstance(origin, UUID) else origin, event.originator_version, event.topic, event.state)
