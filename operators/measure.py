"""Count and time the requests through an injected meter."""

from collections.abc import Sequence
from typing import Protocol

from events.decided import ErrorReady, RequestCancelled, ResponseReady
from events.event import Decided, Event, Observed, RequestId
from events.observed import (
    CacheHit,
    CallFailed,
    CallReturned,
    MessageMalformed,
    PermitRefused,
    RequestOverflowed,
    RequestReceived,
    SessionClosed,
    SessionOpened,
)
from events.outcome import outcome
from operators.stage import Stage, stage


class Meter(Protocol):
    """Where the figures go. A replay brings its own, so that any past window can be measured again."""

    def answered(self, method: str, name: str, outcome: str, seconds: float) -> None:
        """A request ended; ``method`` is empty when it could not be understood."""

    def sessions(self, change: int) -> None:
        """A session opened (1) or closed (-1)."""


class NoMeter:
    """A meter for those who want no figures."""

    def answered(self, method: str, name: str, outcome: str, seconds: float) -> None: ...

    def sessions(self, change: int) -> None: ...


class Running:
    """The session's requests that are not answered yet, and the fact that came last."""

    def __init__(self) -> None:
        self.requests: dict[RequestId | None, RequestReceived] = {}
        self.fact: Observed | None = None


def measure(meter: Meter) -> Stage:
    """Tell ``meter`` how each request ended and how long it took, from its arrival to its answer."""

    def step(running: Running, event: Event) -> Sequence[Event]:
        match event:
            case RequestReceived():
                running.requests[event.origin.request] = running.fact = event
            case Decided():
                _ended(meter, running, event)
            case SessionOpened():
                meter.sessions(1)
            case SessionClosed():
                meter.sessions(-1)
            case Observed():
                running.fact = event
        return (event,)

    return stage(
        "measure",
        Running,
        step,
        *(RequestReceived, ResponseReady, ErrorReady, RequestCancelled, SessionOpened, SessionClosed),
        *(CallReturned, CallFailed, CacheHit, PermitRefused, MessageMalformed, RequestOverflowed),
    )


def _ended(meter: Meter, running: Running, decision: Decided) -> None:
    fact = running.fact
    word = outcome(decision, fact) or ""
    strange = type(fact) is MessageMalformed or type(fact) is RequestOverflowed
    request = None if strange else running.requests.pop(decision.origin.request, None)
    if request is None:
        meter.answered("", "", word, 0.0)
    else:
        message = request.message
        meter.answered(message.method, message.name, word, decision.origin.at - request.origin.at)
