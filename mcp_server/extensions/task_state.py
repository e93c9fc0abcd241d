"""What a task is at a moment: all of it follows from the events of its session."""

from collections.abc import Callable, Collection, Iterable
from datetime import UTC, datetime
from typing import Any, TypeAlias

from events import codes
from events.decided import ErrorReady, InputAwaited, InputGiven, RequestCancelled, ResponseReady
from events.event import Step
from events.message import parse
from events.observed import CacheHit, CallReturned, InputWanted, SessionClosed, SessionOpened, TaskOpened
from events.told import original
from operators.ask_client import TASK

Form: TypeAlias = Callable[[Any], Any]
"""Which form of a value is meant: :func:`original`, which is told, or :func:`as_stored`."""

WORKING = "working"
INPUT_REQUIRED = "input_required"
COMPLETED = "completed"
FAILED = "failed"
CANCELLED = "cancelled"

_CUT_OFF = "the server was stopped while the task ran: part of it may be done; it is not begun again by itself"


class TaskState:
    """A task as its events tell of it (MCP extension tasks, SEP-2663).

    Attributes:
        principal: Whose it is.
        status: ``working``, ``input_required``, ``completed``, ``failed`` or ``cancelled``.
        created: When it was opened, in seconds since the epoch.
        updated: When its status changed last.
        ttl: Seconds for which it is kept from its creation on.
        poll: Seconds between two looks that suffice.
    """

    def __init__(self) -> None:
        self.principal = ""
        self.status = WORKING
        self.created = self.updated = 0.0
        self.ttl = self.poll = 0.0
        self._asked: dict[str, InputWanted] = {}
        self._questions: dict[str, InputWanted] = {}
        self._result = b""
        self._error: dict[str, Any] = {}
        self._is_task = False

    @classmethod
    def of(cls, steps: Iterable[Step]) -> "TaskState | None":
        """The task that a session is; None when it is none."""
        state = cls()
        for step in steps:
            state.take(step)
        return state if state._is_task and state.ttl else None  # its own

    @property
    def over(self) -> bool:
        """Whether nothing changes any more."""
        return self.status in (COMPLETED, FAILED, CANCELLED)

    @property
    def questions(self) -> Collection[str]:
        """The keys of the questions that it waits for."""
        return self._questions.keys()

    def take(self, step: Step) -> None:
        """Take one more step in."""
        fact = step.fact
        match fact:
            case SessionOpened():
                self.principal, self._is_task = fact.principal, fact.transport == TASK
                self.created = self.updated = fact.origin.at
            case TaskOpened():
                self.ttl, self.poll = fact.ttl, fact.poll
            case InputWanted():
                self._asked[fact.key] = fact
            case SessionClosed() if not self.over:
                self.cut_off()
        for decision in step.decisions:
            match decision:
                case InputAwaited():
                    if (asked := self._asked.pop(decision.key, None)) is not None:
                        self._questions[decision.key] = asked
                    self._become(INPUT_REQUIRED, decision.origin.at)
                case InputGiven():
                    self._questions.pop(decision.key, None)
                    self._become(INPUT_REQUIRED if self._questions else WORKING, decision.origin.at)
                case ResponseReady() if isinstance(fact, CallReturned | CacheHit):
                    self._result = fact.payload
                    self._end(COMPLETED, decision.origin.at)
                case ErrorReady():
                    self._error = {"code": decision.code, "message": decision.message}
                    self._error |= {} if decision.data is None else {"data": decision.data}
                    self._end(FAILED, decision.origin.at)
                case RequestCancelled():
                    self._end(CANCELLED, decision.origin.at)

    def cut_off(self) -> None:
        """Nobody works on it any more, and it has not come to its end."""
        self._error = {"code": codes.ABORTED, "message": _CUT_OFF}
        self._end(FAILED, self.updated)

    def expired(self, at: float) -> bool:
        """Whether its time is over."""
        return self.ttl > 0 and at > self.created + self.ttl

    def about(self, id: str) -> dict[str, Any]:
        """What is told of it when it is created."""
        return {
            "taskId": id,
            "status": self.status,
            "createdAt": _time(self.created),
            "lastUpdatedAt": _time(self.updated),
            "ttlMs": round(self.ttl * 1000),
            "pollIntervalMs": round(self.poll * 1000),
        }

    def detail(self, id: str, form: Form = original) -> dict[str, Any]:
        """All that is told of it: with what it waits for, or what became of it."""
        found = self.about(id)
        if self.status == INPUT_REQUIRED:
            found["inputRequests"] = {
                key: {"method": asked.method, "params": parse(form(asked.params))}
                for key, asked in self._questions.items()
            }
        elif self.status == COMPLETED:
            found["result"] = parse(form(self._result))
        elif self.status == FAILED:
            found["error"] = {member: form(value) for member, value in self._error.items()}
        return found

    def _become(self, status: str, at: float) -> None:
        if not self.over:
            self.status, self.updated = status, at

    def _end(self, status: str, at: float) -> None:
        if not self.over:
            self.status, self.updated = status, at
            self._questions = {}


def _time(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
