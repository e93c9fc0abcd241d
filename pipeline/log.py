"""What the journal asks of a log, and what a reader of the past asks of it."""

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple, Protocol

from events.event import SessionId


class Row(NamedTuple):
    """A record on its way into the log.

    Attributes:
        session: The stream it belongs to.
        version: Its number in that stream, 1 for the first; an expected version, so that two writers cannot both win.
        state: The packed steps (see ``events.record``).
    """

    session: SessionId
    version: int
    state: bytes


class Record(NamedTuple):
    """A record in the log. ``position`` is its number in the whole log, 1 for the first."""

    position: int
    session: SessionId
    version: int
    state: bytes


class LogFailed(Exception):
    """The log cannot store any more: nothing acts from here on. Says what broke and where."""


class VersionConflict(Exception):
    """The stream already has another record with that version."""


class Log(Protocol):
    """Where rows become durable, in the order in which they were appended."""

    @property
    def waiting(self) -> int:
        """Bytes that were appended and are not durable yet."""

    @property
    def failure(self) -> LogFailed | None:
        """Why nothing can be stored any more; None while all is well."""

    def append(
        self,
        rows: Sequence[Row],
        done: Callable[[int], None],
        refused: "Callable[[VersionConflict], None] | None" = None,
    ) -> None:
        """Store ``rows`` in one commit, or in one with those appended around the same time.

        Returns at once. ``done`` is called from the event loop once they are durable, with the position of the first
        row; the others follow it without a gap. Calls come in the order of the appends. After a failure it is never
        called. Rows that are stored already, byte for byte, are done at their old positions. ``refused`` is called in
        its place, and nothing of ``rows`` is stored, when a stream has another record with that version; without it
        such a conflict is a failure of the log.

        Raises:
            LogFailed: The log has failed before.
        """

    def on_failure(self, failed: Callable[[LogFailed], None]) -> None:
        """Have ``failed`` called from the event loop, once, when the log fails."""

    async def close(self) -> None:
        """Make durable what was appended, and leave."""


class LogReader(Protocol):
    """The past, readable while a server is writing and after one was killed."""

    def last(self) -> int:
        """The position of the newest record; 0 when there is none."""

    def version(self, session: SessionId) -> int:
        """The version of a session's newest record; 0 when there is none."""

    def records(self, after: int = 0, upto: int | None = None) -> Iterator[Record]:
        """Records of all sessions with a position above ``after`` and not above ``upto``, in order.

        Memory stays flat however many there are.
        """

    def session(self, session: SessionId) -> Iterator[Record]:
        """The records of one session, in order."""

    def sessions(self, prefix: str = "") -> Iterator[SessionId]:
        """The sessions whose ids begin with ``prefix``, the newest first."""

    def close(self) -> None:
        """Let go of what was opened."""
