"""What is stored of the audit view, and how far in the log it has come, in one transaction."""

from collections.abc import Callable, Sequence
from operator import attrgetter
from pathlib import Path
from typing import Any, Final, TypeVar
from urllib.parse import quote

import orjson
from eventsourcing.persistence import Tracking
from eventsourcing.sqlite import SQLiteCursor, SQLiteDatastore, SQLiteTrackingRecorder

from adapters.audit_fold import CallRow, Fold, SessionRow
from adapters.audit_schema import DROPPED, INDICES, NAME, TABLES, VERSION
from adapters.turns import Pace, at_once
from events.event import SessionId

SPAN: Final = 128
"""Calls in a span. A search by latency reads every span and the calls of those with a match: with a million calls, this
is where the two cost about the same."""

_CALL: Final = (
    *("id", "session", "at", "principal", "method", "name", "request", "outcome", "code", "latency"),
    *("bytes_in", "bytes_out", "trace", "rule"),
)
_SESSION: Final = (
    *("id", "session", "opened", "closed", "reason", "transport", "peer", "principal", "client", "version"),
    *("trace", "requests", "errors", "last_position", "last_at"),
)
_ENDED: Final = ("outcome", "code", "latency", "bytes_out", "id")

_INSERT_CALL: Final = f"INSERT INTO calls VALUES ({', '.join('?' * len(_CALL))})"  # noqa: S608 - only marks
_UPDATE_CALL: Final = "UPDATE calls SET outcome = ?, code = ?, latency = ?, bytes_out = ? WHERE id = ?"
_PUT_SESSION: Final = f"INSERT OR REPLACE INTO sessions VALUES ({', '.join('?' * len(_SESSION))})"  # noqa: S608 - as above
_PUT_SPAN: Final = "INSERT OR REPLACE INTO spans VALUES (?, ?, ?, ?, ?, ?)"
_NEWEST_SPAN: Final = "SELECT first, last, calls, earliest, latest, slowest FROM spans ORDER BY first DESC LIMIT 1"
_SLOWER: Final = """
    UPDATE spans SET slowest = max(coalesce(slowest, 0), ?)
    WHERE first = (SELECT max(first) FROM spans WHERE first <= ?)
"""
_FIND_SESSION: Final = f"SELECT {', '.join(_SESSION)} FROM sessions WHERE session = ?"  # noqa: S608 - constants
_FIND_OPEN: Final = f"SELECT {', '.join(_CALL)} FROM calls WHERE session = ? AND outcome IS NULL"  # noqa: S608 - as above

_Row = TypeVar("_Row", CallRow, SessionRow)

_call_values: Callable[[CallRow], tuple[Any, ...]] = attrgetter(*_CALL)
_session_values: Callable[[SessionRow], tuple[Any, ...]] = attrgetter(*_SESSION)
_ended_values: Callable[[CallRow], tuple[Any, ...]] = attrgetter(*_ENDED)


class AuditRecorder(SQLiteTrackingRecorder):
    """The library's recorder of a projection's place, with the view's tables beside it."""

    def __init__(self, path: Path) -> None:
        # One connection: with two that write, SQLite 3.7.0 to 3.51.2 can damage a database.
        uri = f"file:{quote(str(path))}?mode=rwc"
        super().__init__(SQLiteDatastore(uri, pool_size=1, max_overflow=0, pool_timeout=1))
        with self.datastore.get_connection(commit=True) as connection:
            # What a power cut takes from the end of the view is built again.
            connection.cursor().execute("PRAGMA synchronous = NORMAL")

    def construct_create_table_statements(self) -> list[str]:
        return [*super().construct_create_table_statements(), *TABLES]

    def make(self) -> None:
        """Throw away what there is and make the tables."""
        with self.datastore.transaction(commit=True) as c:
            for table in DROPPED:
                c.execute(f"DROP TABLE IF EXISTS {table}")
            self.tracking_table_exists = False
            self._create_table(c)
            # Anyone who goes on from what was here before sees by this that it is gone.
            c.execute("INSERT INTO about VALUES ('made', hex(randomblob(8))), ('newest', '')")
            c.execute(f"PRAGMA user_version = {VERSION}")

    def state(self) -> tuple[int, str, str]:
        """How far it has come, a name for its making, and the digest of its newest record; empty when it is no view."""
        with self.datastore.transaction(commit=False) as c:
            c.execute("PRAGMA user_version")
            if c.fetchone()[0] != VERSION:
                return 0, "", ""
            c.execute("SELECT name, value FROM about")
            about = dict(map(tuple, c.fetchall()))
            return self._max_tracking_id(NAME, c) or 0, about.get("made", ""), about.get("newest", "")

    def store(self, fold: Fold, position: int, digest: str, pace: Pace = at_once) -> None:
        """Store what changed, at that pace, and that the view has come to the record at ``position`` with that digest.

        Raises:
            IntegrityError: It has come there already.
        """
        with self.datastore.transaction(commit=True) as c:
            c.executemany(_INSERT_CALL, map(_call_values, pace(fold.begun)))
            c.executemany(_PUT_SPAN, _spans(c, fold.begun))
            c.executemany(_UPDATE_CALL, map(_ended_values, pace(fold.changed.values())))
            ended = [(row.latency, row.id) for row in fold.changed.values() if row.latency is not None]
            c.executemany(_SLOWER, pace(ended))
            c.executemany(_PUT_SESSION, map(_session_values, fold.touched.values()))
            c.execute("UPDATE about SET value = ? WHERE name = 'newest'", (digest,))
            self._insert_tracking(c, Tracking(NAME, position))

    def find(self, session: SessionId) -> SessionRow | None:
        """A session that was stored, with its open requests."""
        with self.datastore.transaction(commit=False) as c:
            c.execute(_FIND_SESSION, (session,))
            if (values := c.fetchone()) is None:
                return None
            found = _filled(SessionRow, _SESSION, values)
            found.open = {}
            c.execute(_FIND_OPEN, (found.id,))
            for values in c.fetchall():
                call = _filled(CallRow, _CALL, values)
                call.stored = True
                found.open[None if call.request is None else orjson.loads(call.request)] = call
            return found

    def next_session(self) -> int:
        """The number for the next new session."""
        with self.datastore.transaction(commit=False) as c:
            c.execute("SELECT coalesce(max(id), 0) + 1 FROM sessions")
            return int(c.fetchone()[0])

    def missing_indices(self) -> list[str]:
        """The indices that were put off."""
        with self.datastore.transaction(commit=False) as c:
            c.execute("SELECT name FROM sqlite_master WHERE type = 'index'")
            there = {row["name"] for row in c.fetchall()}
        return [name for name in INDICES if name not in there]

    def index(self, name: str) -> None:
        """Make one of them."""
        with self.datastore.transaction(commit=True) as c:
            c.execute(INDICES[name])


def _filled(kind: type[_Row], names: Sequence[str], values: Sequence[Any]) -> _Row:
    """A row made again from its columns."""
    row = object.__new__(kind)
    for name, value in zip(names, values, strict=True):
        setattr(row, name, value)
    return row


def _spans(c: SQLiteCursor, begun: Sequence[CallRow]) -> list[tuple[Any, ...]]:
    """The newest span, continued with the calls that began, and those that follow it."""
    c.execute(_NEWEST_SPAN)
    newest = c.fetchone()
    spans: list[list[Any]] = [] if newest is None else [list(newest)]
    for call in begun:
        if not spans or spans[-1][2] >= SPAN:
            spans.append([call.id, call.id, 0, call.at, call.at, None])
        span = spans[-1]
        span[1] = call.id
        span[2] += 1
        span[3] = min(span[3], call.at)
        span[4] = max(span[4], call.at)
        if call.latency is not None:
            span[5] = call.latency if span[5] is None else max(span[5], call.latency)
    return list(map(tuple, spans)) if begun else []
