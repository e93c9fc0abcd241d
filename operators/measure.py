"""Count and time the requests through an injected meter."""

from collections.abc import Sequence
from typing import Final, Protocol, runtime_checkable

from events.decided import (
    ChunkEmitted,
    ClientAsked,
    ErrorReady,
    ListChangeEmitted,
    LogEmitted,
    ProgressEmitted,
    QuestionWithdrawn,
    RequestCancelled,
    ResponseReady,
    StreamEmitted,
    SubscriptionOpened,
    TaskEmitted,
    UpdateEmitted,
)
from events.event import Decided, Event, Observed, RequestId
from events.observed import (
    CacheHit,
    CallFailed,
    CallReturned,
    Interrupted,
    MessageMalformed,
    PermitRefused,
    RequestOverflowed,
    RequestReceived,
    SessionClosed,
    SessionOpened,
)
from events.outcome import outcome
from operators.methods import TASKS
from operators.stage import Decision, Stage, stage

KINDS: Final[dict[type[Event], str]] = {
    ChunkEmitted: "chunk",
    StreamEmitted: "stream",
    ProgressEmitted: "progress",
    LogEmitted: "log",
    UpdateEmitted: "update",
    ListChangeEmitted: "list change",
    SubscriptionOpened: "subscription",
    TaskEmitted: "task",
    ClientAsked: "question",
    QuestionWithdrawn: "withdrawal",
}
"""What goes to a client before the answer, and what a meter calls it."""


class Meter(Protocol):
    """Where the figures go. A replay brings its own, so that any past window can be measured again."""

    def answered(self, method: str, name: str, outcome: str, seconds: float) -> None:
        """A request ended; ``method`` is empty when it could not be understood."""

    def sessions(self, change: int) -> None:
        """A session opened (1) or closed (-1)."""


@runtime_checkable
class DetailedMeter(Meter, Protocol):
    """A meter that wants more than how requests ended. Whoever has no use for it need not have these methods."""

    def failed(self, code: int) -> None:
        """An error was answered: with this JSON-RPC code."""

    def emitted(self, kind: str) -> None:
        """Something went to a client before the answer; ``kind`` is one of :data:`KINDS`."""


class NoMeter:
    """A meter for those who want no figures."""

    def answered(self, method: str, name: str, outcome: str, seconds: float) -> None: ...

    def sessions(self, change: int) -> None: ...


class Running:
    """The session's requests that are not answered yet, and the fact that may be about to answer one."""

    def __init__(self) -> None:
        self.requests: dict[RequestId | None, RequestReceived] = {}
        self.fact: Observed | None = None


def measure(meter: Meter) -> Stage:
    """Tell ``meter`` how each request ended and how long it took, from its arrival to its answer."""

    def opened(_: Running, event: SessionOpened) -> Sequence[Event]:
        meter.sessions(1)
        return (event,)

    def received(running: Running, event: RequestReceived) -> Sequence[Event]:
        running.requests[event.origin.request] = running.fact = event
        return (event,)

    def observed(running: Running, event: Observed) -> Sequence[Event]:
        running.fact = event
        return (event,)

    def ended(running: Running, event: Decided) -> Sequence[Event]:
        fact, running.fact = running.fact, None  # an idle session holds on to no payload
        word = outcome(event, fact) or ""
        strange = type(fact) is MessageMalformed or type(fact) is RequestOverflowed
        request = None if strange else running.requests.pop(event.origin.request, None)
        if request is None:
            meter.answered("", "", word, 0.0)
        else:
            message = request.message
            name = "" if message.method in TASKS else message.name  # each task has another
            meter.answered(message.method, name, word, event.origin.at - request.origin.at)
        return (event,)

    def closed(_: Running, event: SessionClosed) -> Sequence[Event]:
        meter.sessions(-1)
        return (event,)

    facts: tuple[type[Event], ...] = (CallReturned, CallFailed, Interrupted, CacheHit, PermitRefused, MessageMalformed)
    known: dict[type[Event], Decision[Running]] = {
        SessionOpened: opened,
        RequestReceived: received,
        **dict.fromkeys((*facts, RequestOverflowed), observed),
        **dict.fromkeys((ResponseReady, ErrorReady, RequestCancelled), ended),
        SessionClosed: closed,
    }
    if isinstance(meter, DetailedMeter):
        known |= _details(meter, ended)
    return stage("measure", Running, known)


def _details(meter: DetailedMeter, ended: Decision[Running]) -> dict[type[Event], Decision[Running]]:
    def failed(running: Running, event: ErrorReady) -> Sequence[Event]:
        meter.failed(event.code)
        return ended(running, event)

    def emitted(_: Running, event: Event) -> Sequence[Event]:
        meter.emitted(KINDS[type(event)])
        return (event,)

    return {ErrorReady: failed, **dict.fromkeys(KINDS, emitted)}
