"""The journal: what came and what it led to, written down before anything acts on it."""

from collections.abc import Callable
from functools import partial
from typing import Final, NamedTuple

from events.event import SessionId, Step
from events.observed import SessionClosed
from events.record import pack
from pipeline.hot import Hot
from pipeline.log import Log, LogFailed, Row

IN_FLIGHT: Final = 2
"""Groups on their way to the log at once: one being committed, one being sent."""


class Recorded(NamedTuple):
    """Steps of one session that are durable. ``position`` is their record's number in the log."""

    position: int
    steps: list[Step]


class Journal:
    """Gathers the steps of each session into records.

    While groups are under way steps gather; that is what makes a busy log cheap.

    Attributes:
        accepted: Steps that are complete, on their way to the log. For questions, and for effects that a weaker
            durability lets act early.
        recorded: Records that are durable. Effects listen here.
    """

    def __init__(self, log: Log, soon: Callable[[Callable[[], None]], object]) -> None:
        """``soon`` calls a function at the end of the current turn of the event loop."""
        self.accepted: Hot[Step] = Hot()
        self.recorded: Hot[Recorded] = Hot()
        self._log = log
        self._soon = soon
        self._versions: dict[SessionId, int] = {}
        self._pending: dict[SessionId, list[Step]] = {}
        self._under_way = 0
        self._scheduled = False

    @property
    def failure(self) -> LogFailed | None:
        """Why nothing can be recorded any more; None while all is well."""
        return self._log.failure

    @property
    def waiting(self) -> int:
        """Bytes that are not durable yet."""
        return self._log.waiting

    @property
    def idle(self) -> bool:
        """Whether everything that was taken in is durable."""
        return not self._pending and not self._under_way

    def add(self, step: Step) -> None:
        """Write a step down; accept it only while it can be recorded. To be subscribed to the chain."""
        if self._log.failure is not None:
            return
        session = step.fact.origin.session
        if session in self._pending:
            self._pending[session].append(step)
        else:
            self._pending[session] = [step]
        if not self._scheduled and self._under_way < IN_FLIGHT:
            self._scheduled = True
            self._soon(self._flush)
        self.accepted.emit(step)

    def resume(self, session: SessionId, version: int) -> None:
        """Go on with a session whose newest record in the log is ``version``."""
        self._versions[session] = version

    def _flush(self) -> None:
        self._scheduled = False
        pending, self._pending = self._pending, {}
        if not pending or self._log.failure is not None:
            return
        rows = [self._row(session, steps) for session, steps in pending.items()]
        self._under_way += 1
        try:
            self._log.append(rows, partial(self._durable, list(pending.values())))
        except LogFailed:
            self._under_way -= 1

    def _row(self, session: SessionId, steps: list[Step]) -> Row:
        version = self._versions.get(session, 0) + 1
        if isinstance(steps[-1].fact, SessionClosed):
            self._versions.pop(session, None)
        else:
            self._versions[session] = version
        return Row(session, version, pack(steps))

    def _durable(self, records: list[list[Step]], first: int) -> None:
        self._under_way -= 1
        if self._pending and not self._scheduled:
            self._flush()  # first, so that the log writes while effects act
        for position, steps in enumerate(records, first):
            self.recorded.emit(Recorded(position, steps))
