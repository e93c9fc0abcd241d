"""Answer each request once."""

from collections.abc import Sequence

from events import codes
from events.decided import ErrorReady, RequestRejected, ResponseReady, StageFailed
from events.event import Event
from events.observed import CacheHit, CallFailed, CallReturned, MessageMalformed, RequestOverflowed
from operators.stage import Stage, stage


def respond() -> Stage:
    """Turn what became of a request into its answer.

    What reaches this operator is still owed one: results of calls that are no longer under way stop at ``dispatch``,
    and what the cache says of requests that are gone stops at ``answer_from_cache``.
    """

    def step(_: None, event: Event) -> Sequence[Event]:
        origin = event.origin
        match event:
            case CallReturned() | CacheHit():
                return (event, ResponseReady(origin))
            case CallFailed() | RequestRejected():
                return (event, ErrorReady(origin, event.code, event.message, event.data))
            case MessageMalformed(answer=True):
                return (event, ErrorReady(origin, event.code, event.problem))
            case RequestOverflowed():
                data: dict[str, object] = {"inFlight": event.in_flight, "retryAfter": event.retry_after}
                wait = f"the server is full: try again in {event.retry_after:g} s"
                return (event, ErrorReady(origin, codes.OVERLOADED, wait, data))
            case StageFailed() if origin.request is not None:
                return (event, ErrorReady(origin, codes.INTERNAL_ERROR, "internal error"))
        return (event,)

    return stage(
        "respond",
        _nothing,
        step,
        *(CallReturned, CacheHit, CallFailed, RequestRejected, MessageMalformed, RequestOverflowed, StageFailed),
    )


def _nothing() -> None:
    """Answers depend on no earlier event."""
