"""Answer a request from the cache where the policy allows it."""

import hashlib
from collections.abc import Sequence
from typing import Final

from msgspec import Struct

from events.decided import CacheAsked, CacheFilled, CacheReleased, RequestCancelled
from events.event import Event, Origin, RequestId
from events.message import canonical
from events.observed import (
    CacheHit,
    CacheMissed,
    CallerLeft,
    CallFailed,
    CallReturned,
    CancelReceived,
    Interrupted,
    SessionClosed,
    SessionOpened,
)
from operators.admitted import Admitted
from operators.authorize import ANONYMOUS
from operators.policy import CacheRule
from operators.rate_limit import moved
from operators.stage import Decision, Stage, stage

_ROUNDS: Final = frozenset({"inputResponses", "requestState"})
"""What a request has that goes on where one before it stopped: its result is for its caller alone."""


class Asked(Struct, frozen=True, gc=False):
    """A request that waits for word from the cache."""

    request: Admitted
    key: str
    ttl: float


class Lookups:
    """A session's requests that wait for the cache, and those that are to find what it lacked."""

    def __init__(self) -> None:
        self.principal = ANONYMOUS
        self.asked: dict[RequestId | None, Asked] = {}
        self.finding: dict[RequestId | None, Asked] = {}


def answer_from_cache(rules: Sequence[CacheRule]) -> Stage:
    """Ask the cache, which sessions share, and pass the request on when it has no answer.

    Of several requests for one key only one goes on; the cache keeps the others waiting until its result is there.
    """
    by_name = {(rule.method, rule.name): rule for rule in reversed(rules)}

    def opened(lookups: Lookups, event: SessionOpened) -> Sequence[Event]:
        lookups.principal = event.principal
        return (event,)

    def admitted(lookups: Lookups, event: Admitted) -> Sequence[Event]:
        rule = by_name.get((event.method, event.name)) or by_name.get((event.method, ""))
        if rule is None or not event.message.params.keys().isdisjoint(_ROUNDS):
            return (event,)
        key = cache_key(event, "" if rule.public else lookups.principal)
        lookups.asked[event.origin.request] = Asked(event, key, rule.ttl)
        return (CacheAsked(event.origin, key),)

    def hit(lookups: Lookups, event: CacheHit) -> Sequence[Event]:
        return (event,) if lookups.asked.pop(event.origin.request, None) else ()

    def missed(lookups: Lookups, event: CacheMissed) -> Sequence[Event]:
        asked = lookups.asked.pop(event.origin.request, None)
        if asked is None:
            return (event,)
        lookups.finding[event.origin.request] = asked
        return (event, moved(asked.request, event.origin))

    def ended(lookups: Lookups, event: CallReturned | CallFailed) -> Sequence[Event]:
        found = lookups.finding.pop(event.origin.request, None)
        return (event, _concluded(found, event)) if found else (event,)

    def cancelled(lookups: Lookups, event: CancelReceived | CallerLeft) -> Sequence[Event]:
        return (event, *_forgotten(lookups, event.origin, "the client cancelled it"))

    def interrupted(lookups: Lookups, event: Interrupted) -> Sequence[Event]:
        lookups.asked.pop(event.origin.request, None)  # the cache that was asked is gone, with who waits for it
        lookups.finding.pop(event.origin.request, None)
        return (event,)

    def closed(lookups: Lookups, event: SessionClosed) -> Sequence[Event]:
        requests = (*lookups.asked, *lookups.finding)
        each = (Origin(event.origin.session, request, event.origin.at) for request in requests)
        return (*(gone for one in each for gone in _forgotten(lookups, one, "the session closed")), event)

    known: dict[type[Event], Decision[Lookups]] = {
        SessionOpened: opened,
        Admitted: admitted,
        CacheHit: hit,
        CacheMissed: missed,
        CallReturned: ended,
        CallFailed: ended,
        CancelReceived: cancelled,
        CallerLeft: cancelled,
        Interrupted: interrupted,
        SessionClosed: closed,
    }
    return stage("answer_from_cache", Lookups, known if rules else {})


def cache_key(request: Admitted, principal: str) -> str:
    """What makes two requests the same: method, version, parameters without metadata, and whose they are.

    ``1`` and ``1.0`` are two keys, and so are ``1`` and ``true``: a tool may tell them apart.
    """
    params = request.message.params
    if "_meta" in params:
        params = dict(params)
        del params["_meta"]
    asked = [request.method, request.version, principal, params]
    return hashlib.sha256(canonical(asked)).hexdigest()


def _concluded(found: Asked, event: CallReturned | CallFailed) -> Event:
    if isinstance(event, CallReturned) and not event.is_error and not event.partial:
        return CacheFilled(event.origin, found.key, found.ttl)
    return CacheReleased(event.origin, found.key)


def _forgotten(lookups: Lookups, origin: Origin, reason: str) -> Sequence[Event]:
    """What becomes of a lookup whose request is gone: others must not wait for its result."""
    if asked := lookups.asked.pop(origin.request, None):
        return (CacheReleased(origin, asked.key), RequestCancelled(origin, reason))
    if found := lookups.finding.pop(origin.request, None):
        return (CacheReleased(origin, found.key),)
    return ()
