"""The journal: what came and what it led to, written down before anything acts on it."""

import logging
from collections import deque
from collections.abc import Callable
from functools import partial
from typing import Final, NamedTuple

from msgspec import Struct

from events.event import SessionId, Step
from events.observed import SessionClosed
from events.record import pack
from pipeline.hot import Hot
from pipeline.log import Log, LogFailed, Row

_log: Final = logging.getLogger(__name__)

IN_FLIGHT: Final = 4
"""Large groups on their way to the log at once: one being committed, and three that its writer will take as one."""

GROUP: Final = 8
"""Records that make a group large: it is appended as soon as another follows, and while the log is busy."""


class Recorded(Struct, frozen=True, gc=False):
    """Steps of one session that are durable. ``position`` is their record's number in the log."""

    position: int
    steps: list[Step]


class Lost(NamedTuple):
    """Steps of one session that will never be in the log: the recording ends before them."""

    session: SessionId
    steps: list[Step]


class Journal:
    """Gathers the steps of each session into records.

    A group of them is appended at the end of the event loop's turn. While the log is busy steps gather, which makes it
    cheap; a large group is appended all the same, so that the log never waits for one.

    Attributes:
        accepted: Steps that are complete, on their way to the log. For questions, and for effects that a weaker
            durability lets act early.
        recorded: Records that are durable. Effects listen here.
        failure: Why nothing can be recorded any more; None while all is well.
        restoring: Whether what comes is recorded already, and is neither written nor acted on.
        lost: Steps that have no stored form, and what comes after them in their sessions: a bug of ours, or a value
            from a tool that cannot be written. Nothing acts on them; the session is to be ended.
    """

    def __init__(self, log: Log, soon: Callable[[Callable[[], None]], object]) -> None:
        """``soon`` calls a function at the end of the current turn of the event loop."""
        self.accepted: Hot[Step] = Hot()
        self.recorded: Hot[Recorded] = Hot()
        self.lost: Hot[Lost] = Hot()
        self.failure = log.failure
        self.restoring = False
        self._log = log
        self._soon = soon
        self._versions: dict[SessionId, int] = {}
        self._pending: dict[SessionId, list[Step]] = {}
        self._broken: set[SessionId] = set()
        self._under_way: deque[list[list[Step]]] = deque()
        self._scheduled = False
        log.on_failure(self._fail)

    @property
    def waiting(self) -> int:
        """Bytes that are not durable yet."""
        return self._log.waiting

    @property
    def idle(self) -> bool:
        """Whether everything that was taken in is durable."""
        return not self._pending and not self._under_way

    def is_writing(self, session: SessionId) -> bool:
        """Whether there are steps of a session that are not durable yet. It looks at all that are under way."""
        under_way = (steps[0].fact.origin.session for records in self._under_way for steps in records)
        return session in self._pending or session in under_way

    def add(self, step: Step) -> None:
        """Write a step down; accept it only while it can be recorded. To be subscribed to the chain."""
        if self.failure is not None or self.restoring:
            return
        session = step.fact.origin.session
        if self._broken and session in self._broken:
            self._lose(session, [step])
            return
        if session in self._pending:
            self._pending[session].append(step)
        else:
            if len(self._pending) >= GROUP:  # not before: what the last of them asked may have been answered just now
                self._flush()
            self._pending[session] = [step]
        if not self._scheduled and (not self._under_way or len(self._pending) >= GROUP):
            self._scheduled = True
            self._soon(self._flush)
        self.accepted.emit(step)

    def resume(self, session: SessionId, version: int) -> None:
        """Go on with a session whose newest record in the log is ``version``."""
        self._versions[session] = version

    def _fail(self, failure: LogFailed) -> None:
        self.failure = failure

    def _flush(self) -> None:
        self._scheduled = False
        most = IN_FLIGHT if len(self._pending) >= GROUP else 1
        if not self._pending or len(self._under_way) >= most or self.failure is not None:
            return
        pending, self._pending = self._pending, {}
        rows, broken = [], []
        for session, steps in pending.items():
            try:
                rows.append(self._row(session, steps))
            except Exception as error:  # noqa: BLE001 - whatever it was, it costs this session and no other
                _log.critical("a session cannot be recorded", exc_info=error, extra={"session": session})
                broken.append(session)
        lost = [(session, pending.pop(session)) for session in broken]
        if rows:
            self._append(rows, list(pending.values()))
        for session, steps in lost:
            self._lose(session, steps)

    def _append(self, rows: list[Row], records: list[list[Step]]) -> None:
        self._under_way.append(records)
        try:
            self._log.append(rows, partial(self._durable, records))
        except LogFailed:
            self._under_way.pop()

    def _row(self, session: SessionId, steps: list[Step]) -> Row:
        state = pack(steps)
        version = self._versions.get(session, 0) + 1
        if type(steps[-1].fact) is SessionClosed:
            self._versions.pop(session, None)
        else:
            self._versions[session] = version
        return Row(session, version, state)

    def _lose(self, session: SessionId, steps: list[Step]) -> None:
        if isinstance(steps[-1].fact, SessionClosed):
            self._broken.discard(session)  # nothing comes after it
            self._versions.pop(session, None)
        else:
            self._broken.add(session)
        self.lost.emit(Lost(session, steps))

    def _durable(self, records: list[list[Step]], first: int) -> None:
        self._under_way.popleft()
        if not self._scheduled:
            self._flush()  # first, so that the log writes while effects act
        for position, steps in enumerate(records, first):
            self.recorded.emit(Recorded(position, steps))
