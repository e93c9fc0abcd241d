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
    InputWanted,
    Interrupted,
    MessageLogged,
    ProgressReported,
    SessionClosed,
    StreamLeft,
    SubscriptionEnded,
)
from operators.admitted import Admitted
from operators.methods import LISTEN, SUBSCRIBE, UNSUBSCRIBE
from operators.stage import Decision, Stage, stage

ANSWERED_HERE = frozenset({"ping", "logging/setLevel", SUBSCRIBE, UNSUBSCRIBE})
"""Requests whose whole answer is an empty object."""

Calls = dict[RequestId | None, None]
"""The session's calls that are under way, in the order in which they began."""


def dispatch() -> Stage:
    """Let out each request as a call, and let in only what concerns a call that is under way."""
    known: dict[type[Event], Decision[Calls]] = {
        Admitted: _begun,
        CallYielded: _told,
        ProgressReported: _told,
        MessageLogged: _told,
        InputWanted: _told,
        StreamLeft: _told,
        CallReturned: _ended,
        CallFailed: _ended,
        SubscriptionEnded: _ended,
        CancelReceived: _cancelled,
        CallerLeft: _cancelled,
        Interrupted: _interrupted,
        SessionClosed: _closed,
    }
    return stage("dispatch", dict, known)


def _begun(calls: Calls, event: Admitted) -> Sequence[Event]:
    origin = event.origin
    if event.method in ANSWERED_HERE:
        return (event, ResponseReady(origin, b"{}"))
    calls[origin.request] = None
    if event.method == LISTEN:
        return (event,)  # it stays open until its client leaves, or the server stops
    return (event, CallDispatched(origin, event.method, event.name, event.version))


def _told(calls: Calls, event: Event) -> Sequence[Event]:
    return (event,) if event.origin.request in calls else ()


def _ended(calls: Calls, event: CallReturned | CallFailed | SubscriptionEnded) -> Sequence[Event]:
    return (event,) if calls.pop(event.origin.request, event) is None else ()


def _interrupted(calls: Calls, event: Interrupted) -> Sequence[Event]:
    calls.pop(event.origin.request, None)
    return (event,)


def _cancelled(calls: Calls, event: CancelReceived | CallerLeft) -> Sequence[Event]:
    if calls.pop(event.origin.request, event) is None:
        return (event, RequestCancelled(event.origin, "the client cancelled it"))
    return (event,)


def _closed(calls: Calls, event: SessionClosed) -> Sequence[Event]:
    left = (Origin(event.origin.session, request, event.origin.at) for request in calls)
    return (*(RequestCancelled(each, "the session closed") for each in left), event)
