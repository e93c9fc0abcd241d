"""Give back a request's place among those that run at once, whatever becomes of the request."""

from collections.abc import Iterable, Sequence

from events.decided import ErrorReady, PermitAsked, PermitReturned, RequestCancelled, ResponseReady, StageFailed
from events.event import Event, Origin, RequestId
from events.observed import PermitRefused, PolicyReplaced, SessionClosed
from operators.limits.limit import Limit
from operators.policy import load
from operators.stage import Decision, Stage, stage

Keys = tuple[tuple[str, str], ...]


class Places(dict[RequestId | None, Keys]):
    """The places that a session's requests hold, or may be given any moment.

    Attributes:
        kept: The limits that give places, by name.
    """

    def __init__(self, kept: frozenset[str]) -> None:
        super().__init__()
        self.kept = kept


def return_permits(limits: Sequence[Limit]) -> Stage:
    """Give back each place once, when its request ends. To stand after all that can end a request.

    A place counts as taken from the moment it is asked for: the answer may be on its way when the request is cancelled
    or its session closes, and would come to nobody. Limits do what they are told in order, so what is given back then
    has been taken by then. What was refused was never taken.
    """
    kept = _concurrent(limits)

    def asked(places: Places, event: PermitAsked) -> Sequence[Event]:
        if not places.kept:
            return (event,)
        if keys := tuple(key for key in event.keys if key[0] in places.kept):
            places[event.origin.request] = keys
        return (event,)

    def replaced(places: Places, event: PolicyReplaced) -> Sequence[Event]:
        places.kept = _concurrent(load(event.policy).limits)
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
        PolicyReplaced: replaced,
        PermitAsked: asked,
        PermitRefused: refused,
        ResponseReady: ended,
        ErrorReady: ended,
        RequestCancelled: ended,
        StageFailed: failed,
        SessionClosed: closed,
    }
    return stage("return_permits", lambda: Places(kept), known)


_CLOSING = SessionClosed.__name__


def _concurrent(limits: Iterable[Limit]) -> frozenset[str]:
    return frozenset(limit.name for limit in limits if limit.concurrent)


def _all(places: Places, origin: Origin) -> Sequence[Event]:
    left = [(Origin(origin.session, request, origin.at), keys) for request, keys in places.items()]
    places.clear()
    return [PermitReturned(*each) for each in left]
