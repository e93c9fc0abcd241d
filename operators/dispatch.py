"""Send each request to whatever carries it out."""

from collections.abc import Sequence

from events.decided import CallDispatched, RequestCancelled, ResponseReady
from events.event import Event, Origin, RequestId
from events.observed import (
    CallerLeft,
    CallFailed,
    CallReturned,
    CallYielded,
    CancelReceived,
    MessageLogged,
    ProgressReported,
    SessionClosed,
)
from operators.admitted import Admitted
from operators.stage import Stage, stage

ANSWERED_HERE = frozenset({"ping", "logging/setLevel"})
"""Requests whose whole answer is an empty object."""

Calls = dict[RequestId | None, None]
"""The session's calls that are under way, in the order in which they began."""


def dispatch() -> Stage:
    """Let out each request as a call, and let in only what concerns a call that is under way."""

    def step(calls: Calls, event: Event) -> Sequence[Event]:
        origin = event.origin
        match event:
            case CallReturned() | CallFailed():
                return (event,) if calls.pop(origin.request, event) is None else ()
            case Admitted(method=method) if method in ANSWERED_HERE:
                return (event, ResponseReady(origin, b"{}"))
            case Admitted():
                calls[origin.request] = None
                return (event, CallDispatched(origin, event.method, event.name, event.version))
            case CallYielded() | ProgressReported() | MessageLogged():
                return (event,) if origin.request in calls else ()
            case CancelReceived() | CallerLeft() if calls.pop(origin.request, event) is None:
                return (event, RequestCancelled(origin, "the client cancelled it"))
            case SessionClosed():
                left = [Origin(origin.session, request, origin.at) for request in calls]
                return (event, *(RequestCancelled(each, "the session closed") for each in left))
        return (event,)

    return stage(
        "dispatch",
        dict,
        step,
        *(Admitted, CallReturned, CallFailed, CallYielded, ProgressReported, MessageLogged),
        *(CancelReceived, CallerLeft, SessionClosed),
    )
