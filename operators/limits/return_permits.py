"""Give back a request's place among those that run at once, whatever becomes of the request."""

from collections.abc import Sequence

from events.decided import ErrorReady, PermitAsked, PermitReturned, RequestCancelled, ResponseReady, StageFailed
from events.event import Event, Origin, RequestId
from events.observed import PermitRefused, SessionClosed
from operators.limits.limit import Limit
from operators.stage import Decision, Stage, stage

Keys = tuple[tuple[str, str], ...]

Places = dict[RequestId | None, Keys]
"""The places that a session's requests hold, or may be given any moment."""


def return_permits(limits: Sequence[Limit]) -> Stage:
    """Give back each place once, when its request ends. To stand after all that can end a request.

    A place counts as taken from the moment it is asked for: the answer may be on its way when the request is cancelled
    or its session closes, and would come to nobody. Limits do what they are told in order, so what is given back then
    has been taken by then. What was refused was never taken.
    """
    concurrent = {limit.name for limit in limits if limit.concurrent}

    def asked(places: Places, event: PermitAsked) -> Sequence[Event]:
        if keys := tuple(key for key in event.keys if key[0] in concurrent):
            places[event.origin.request] = keys
        return (event,)

    def refused(places: Places, event: PermitRefused) -> Sequence[Event]:
        places.pop(event.origin.request, None)
        return (event,)

    def ended(places: Places, event: Event) -> Sequence[Event]:
        keys = places.pop(event.origin.request, None)
        return (event, PermitReturned(event.origin, keys)) if keys else (event,)

    def closed(places: Places, event: SessionClosed) -> Sequence[Event]:
        return (event, *_all(places, event.origin))

    def failed(places: Places, event: StageFailed) -> Sequence[Event]:
        # The session is over although an operator before this one could not bear it.
        return (event, *_all(places, event.origin)) if event.event == _CLOSING else ended(places, event)

    known: dict[type[Event], Decision[Places]] = {
        PermitAsked: asked,
        PermitRefused: refused,
        ResponseReady: ended,
        ErrorReady: ended,
        RequestCancelled: ended,
        StageFailed: failed,
        SessionClosed: closed,
    }
    return stage("return_permits", dict, known if concurrent else {})


_CLOSING = SessionClosed.__name__


def _all(places: Places, origin: Origin) -> Sequence[Event]:
    left = [(Origin(origin.session, request, origin.at), keys) for request, keys in places.items()]
    places.clear()
    return [PermitReturned(*each) for each in left]
