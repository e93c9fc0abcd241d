"""Answer each request once."""

from collections.abc import Sequence
from typing import Final

from events import codes
from events.decided import ErrorReady, RequestCancelled, RequestRejected, ResponseReady, StageFailed
from events.event import Event, RequestId
from events.incident import error_id
from events.observed import (
    CacheHit,
    CallFailed,
    CallReturned,
    Interrupted,
    MessageMalformed,
    RequestOverflowed,
    RequestReceived,
)
from operators.stage import Decision, Stage, stage

Owed = dict[RequestId | None, None]
"""The session's requests that are owed an answer."""

_ARRIVALS: Final = frozenset(kind.__name__ for kind in (RequestReceived, RequestOverflowed, MessageMalformed))
"""What is owed an answer from the moment it comes, also when a bug kept it from getting here."""


def respond() -> Stage:
    """Turn what became of a request into its answer.

    A bug of ours ends the request that it meets with an internal error; what becomes of that request later is no
    answer any more.
    """
    known: dict[type[Event], Decision[Owed]] = {
        RequestReceived: _received,
        CallReturned: _result,
        CacheHit: _result,
        CallFailed: _error,
        Interrupted: _interrupted,
        RequestRejected: _error,
        ResponseReady: _ended,
        RequestCancelled: _ended,
        MessageMalformed: _malformed,
        RequestOverflowed: _overflowed,
        StageFailed: _failed,
    }
    return stage("respond", dict, known)


def _received(owed: Owed, event: RequestReceived) -> Sequence[Event]:
    owed[event.origin.request] = None
    return (event,)


def _result(owed: Owed, event: CallReturned | CacheHit) -> Sequence[Event]:
    origin = event.origin
    return (event, ResponseReady(origin)) if owed.pop(origin.request, event) is None else (event,)


def _error(owed: Owed, event: CallFailed | RequestRejected) -> Sequence[Event]:
    if owed.pop(event.origin.request, event) is None:
        return (event, ErrorReady(event.origin, event.code, event.message, event.data))
    return (event,)


_BEGUN: Final = "the server was stopped while this ran: part of it may be done; it is not begun again by itself"
_NOT_BEGUN: Final = "the server was stopped before this began: nothing of it was done"


def _interrupted(owed: Owed, event: Interrupted) -> Sequence[Event]:
    if owed.pop(event.origin.request, event) is None:
        return (event, ErrorReady(event.origin, codes.ABORTED, _BEGUN if event.begun else _NOT_BEGUN))
    return (event,)


def _ended(owed: Owed, event: ResponseReady | RequestCancelled) -> Sequence[Event]:
    return (event,) if owed.pop(event.origin.request, event) is None else ()


def _malformed(_: Owed, event: MessageMalformed) -> Sequence[Event]:
    return (event, ErrorReady(event.origin, event.code, event.problem)) if event.answer else (event,)


def _overflowed(_: Owed, event: RequestOverflowed) -> Sequence[Event]:
    data: dict[str, object] = {"inFlight": event.in_flight, "retryAfter": event.retry_after}
    wait = f"the server is full: try again in {event.retry_after:g} s"
    return (event, ErrorReady(event.origin, codes.OVERLOADED, wait, data))


def _failed(owed: Owed, event: StageFailed) -> Sequence[Event]:
    if owed.pop(event.origin.request, event) is None or event.event in _ARRIVALS:
        origin = event.origin
        data: dict[str, object] = {"errorId": error_id(origin.session, origin.request)}
        return (event, ErrorReady(origin, codes.INTERNAL_ERROR, "internal error", data))
    return (event,)
