"""Answers questions about the audit view, also while it is being kept up to date.

Every answer comes newest first, and each of the plans below reads little more than what it gives: rows of one value
through that value's index, rows of a time or above a latency through the spans that can hold any.
"""

import sqlite3
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final, Self
from urllib.parse import quote

from adapters.audit_errors import UnreadableView
from adapters.audit_fold import PLACE_BITS
from adapters.audit_schema import FILTERS, NAME, VERSION

FEW: Final = 5_000
"""Rows that are quickly read one by one; a filter that leaves no more than these needs no help from others."""

_MOST_ID: Final = (1 << 63) - 1
_PLACES: Final = (1 << PLACE_BITS) - 1

_COLUMNS: Final = """
    calls.id, sessions.session, calls.at, calls.principal, sessions.transport, sessions.client,
    calls.method, calls.name, calls.request, calls.outcome, calls.code, calls.latency,
    calls.bytes_in, calls.bytes_out, calls.trace, calls.rule
"""
_CALL: Final = f"SELECT {_COLUMNS} FROM calls JOIN sessions ON sessions.id = calls.session WHERE calls.id = ?"  # noqa: S608 - constants


class AuditReader:
    """Reads a view. Its connection can neither write nor checkpoint."""

    def __init__(self, path: Path) -> None:
        """Open the view at ``path``.

        Raises:
            UnreadableView: There is none that can be read; so may every method.
        """
        self._path = path.absolute()
        try:
            self._db = sqlite3.connect(f"file:{quote(str(self._path))}?mode=ro", uri=True, isolation_level=None)
            self._db.row_factory = sqlite3.Row
            self._db.execute("PRAGMA query_only = ON")
            version = self._db.execute("PRAGMA user_version").fetchone()[0]
        except sqlite3.Error as error:
            raise UnreadableView(f"{self._path} cannot be read: {error}") from error
        if version != VERSION:
            self._db.close()
            raise UnreadableView(f"{self._path} is no audit view of this version: mcp-rewind audit --rebuild makes one")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the file."""
        self._db.close()

    def position(self) -> int:
        """How far in the log the view has come."""
        found = self._rows("SELECT max(notification_id) AS position FROM tracking WHERE application_name = ?", (NAME,))
        return next(found)["position"] or 0

    def sessions(self, limit: int | None = None) -> Iterator[dict[str, Any]]:
        """The sessions, the newest first."""
        return self._rows("SELECT * FROM sessions ORDER BY session DESC LIMIT ?", (-1 if limit is None else limit,))

    def calls(
        self,
        equal: Mapping[str, str | None],
        *,
        since: float | None = None,
        until: float | None = None,
        slower: float | None = None,
        after: int = 0,
        limit: int | None = None,
    ) -> Iterator[dict[str, Any]]:
        """Calls that all conditions hold for, the newest first.

        Args:
            equal: Values of columns (``audit_schema.FILTERS``); a session by its id, the outcome None for open calls.
            since: Seconds since the epoch from which on they came.
            until: Seconds since the epoch before which they came.
            slower: Milliseconds that they took at least.
            after: The id that theirs are above.
            limit: How many to give; all when None.
        """
        wanted = _Wanted(self._known(equal), since, until, slower, after)
        if not wanted.possible:
            return iter(())
        sql, values = self._plan(wanted)
        return self._rows(f"{sql} LIMIT ?", (*values, -1 if limit is None else limit))

    def call(self, id: int) -> dict[str, Any] | None:
        """The call with that id."""
        return next(self._rows(_CALL, (id,)), None)

    def _known(self, equal: Mapping[str, str | None]) -> dict[str, Any]:
        """The conditions with a session's number in place of its id."""
        if not set(equal) <= set(FILTERS):
            raise ValueError(f"there are no columns {sorted(set(equal) - set(FILTERS))}")
        known: dict[str, Any] = dict(equal)
        if "session" in known:
            found = next(self._rows("SELECT id FROM sessions WHERE session = ?", (known["session"],)), {"id": -1})
            known["session"] = found["id"]
        return known

    def _plan(self, wanted: "_Wanted") -> tuple[str, tuple[Any, ...]]:
        column, rows = self._most_selective(wanted.equal)
        conditions, values = wanted.conditions()
        if wanted.slower is not None and rows >= FEW:
            # CROSS JOIN keeps the order of the tables: the newest span first, its calls from its end.
            source, order = (
                "spans CROSS JOIN calls ON calls.id BETWEEN spans.first AND spans.last",
                "spans.first DESC, ",
            )
            conditions.insert(0, "spans.slowest >= ?")
            values.insert(0, wanted.slower)
        else:
            source, order = f"calls INDEXED BY calls_by_{column}" if column else "calls NOT INDEXED", ""
        if wanted.since is not None or wanted.until is not None:
            conditions.append("calls.id BETWEEN ? AND ?")
            values += self._range(wanted.since, wanted.until)
        where = f"WHERE {' AND '.join(conditions)}" if conditions else ""
        joined = "CROSS JOIN sessions ON sessions.id = calls.session"
        sql = f"SELECT {_COLUMNS} FROM {source} {joined} {where} ORDER BY {order}calls.id DESC"  # noqa: S608 - as above
        return sql, tuple(values)

    def _most_selective(self, equal: Mapping[str, Any]) -> tuple[str, int]:
        """The column whose condition leaves the fewest rows, and how many, counted up to :data:`FEW`."""
        indexed = {row["name"] for row in self._rows("SELECT name FROM sqlite_master WHERE type = 'index'", ())}
        best, fewest = "", FEW
        for column, value in equal.items():
            if f"calls_by_{column}" not in indexed:
                continue  # the view is being built
            sql = f"SELECT count(*) AS rows FROM (SELECT 1 FROM calls WHERE {column} IS ? LIMIT {FEW})"  # noqa: S608
            rows = next(self._rows(sql, (value,)))["rows"]
            if rows < fewest or not best:
                best, fewest = column, rows
        return best, fewest

    def _range(self, since: float | None, until: float | None) -> tuple[int, int]:
        """Ids between which all calls of that time are."""
        first, last = 0, _MOST_ID
        if since is not None:
            found = next(self._rows("SELECT min(first) AS id FROM spans WHERE latest >= ?", (since,)))["id"]
            first = _MOST_ID if found is None else found
        if until is not None:
            found = next(self._rows("SELECT max(last) AS id FROM spans WHERE earliest < ?", (until,)))["id"]
            last = -1 if found is None else found
        return first, last

    def _rows(self, sql: str, values: tuple[Any, ...]) -> Iterator[dict[str, Any]]:
        try:
            for row in self._db.execute(sql, values):
                yield dict(row)
        except sqlite3.Error as error:
            raise UnreadableView(f"{self._path} cannot be read: {error}") from error


class _Wanted:
    """The conditions of a search."""

    def __init__(
        self, equal: dict[str, Any], since: float | None, until: float | None, slower: float | None, after: int
    ) -> None:
        self.equal = equal
        self.since = since
        self.until = until
        self.slower = slower
        self.after = after
        self.possible = equal.get("session") != -1

    def conditions(self) -> tuple[list[str], list[Any]]:
        """As SQL, with the values to put in."""
        conditions = [f"calls.{column} IS ?" for column in self.equal]
        values: list[Any] = list(self.equal.values())
        for condition, value in (
            ("calls.at >= ?", self.since),
            ("calls.at < ?", self.until),
            ("calls.latency >= ?", self.slower),
            ("calls.id > ?", self.after or None),
        ):
            if value is not None:
                conditions.append(condition)
                values.append(value)
        return conditions, values
