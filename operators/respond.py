"""Answer each request once."""

from collections.abc import Sequence

from events import codes
from events.decided import ErrorReady, RequestRejected, ResponseReady, StageFailed
from events.event import Event
from events.observed import CacheHit, CallFailed, CallReturned, MessageMalformed, RequestOverflowed
from operators.stage import Stage, no_state, stage


def respond() -> Stage:
    """Turn what became of a request into its answer.

    What reaches this operator is still owed one: results of calls that are no longer under way stop at ``dispatch``,
    and what the cache says of requests that are gone stops at ``answer_from_cache``.
    """
    return stage(
        "respond",
        no_state,
        {
            CallReturned: _result,
            CacheHit: _result,
            CallFailed: _error,
            RequestRejected: _error,
            MessageMalformed: _malformed,
            RequestOverflowed: _overflowed,
            StageFailed: _failed,
        },
    )


def _result(_: None, event: CallReturned | CacheHit) -> Sequence[Event]:
    return (event, ResponseReady(event.origin))


def _error(_: None, event: CallFailed | RequestRejected) -> Sequence[Event]:
    return (event, ErrorReady(event.origin, event.code, event.message, event.data))


def _malformed(_: None, event: MessageMalformed) -> Sequence[Event]:
    return (event, ErrorReady(event.origin, event.code, event.problem)) if event.answer else (event,)


def _overflowed(_: None, event: RequestOverflowed) -> Sequence[Event]:
    data: dict[str, object] = {"inFlight": event.in_flight, "retryAfter": event.retry_after}
    wait = f"the server is full: try again in {event.retry_after:g} s"
    return (event, ErrorReady(event.origin, codes.OVERLOADED, wait, data))


def _failed(_: None, event: StageFailed) -> Sequence[Event]:
    if event.origin.request is None:
        return (event,)
    return (event, ErrorReady(event.origin, codes.INTERNAL_ERROR, "internal error"))
