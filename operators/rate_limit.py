"""Hold a request until the limits that cover it let it pass."""

from collections.abc import Sequence
from functools import lru_cache
from typing import Final, NamedTuple

from events import codes
from events.decided import PermitAsked, RequestCancelled, RequestRejected
from events.event import Event, Origin, RequestId
from events.observed import (
    CallerLeft,
    CancelReceived,
    Interrupted,
    PermitGiven,
    PermitRefused,
    PolicyReplaced,
    SessionClosed,
    SessionOpened,
)
from operators.admitted import Admitted
from operators.ask_client import TASK
from operators.authorize import ANONYMOUS
from operators.limits.cover import Caller, Covers, address
from operators.policy import Limit, load
from operators.stage import Decision, Stage, stage

MOST_KNOWN: Final = 64
"""Names of tools, prompts and resources whose limits a session keeps at hand."""


class Taken(NamedTuple):
    """What a request takes: from whose shares of which limits, and what it costs there.

    Attributes:
        keys: The limits and whose shares; empty when no limit covers it.
        cost: Of the first of them.
        costs: Of each, where they differ.
    """

    keys: tuple[tuple[str, str], ...]
    cost: float
    costs: tuple[float, ...]


class Waiting:
    """A session's requests that wait for leave, what they take from, and whose shares of it."""

    def __init__(self, covers: Covers) -> None:
        self.covers = covers
        self.caller: Caller | None = None
        self.is_task = False
        self.held: dict[RequestId | None, Admitted] = {}
        self._known: dict[tuple[str, str], Taken] = {}

    def follow(self, covers: Covers) -> None:
        """Go by other limits."""
        self.covers = covers
        self._known.clear()

    def taken(self, event: Admitted) -> Taken:
        """What a request takes. Nearly all requests of a session are for a few names: those are kept at hand."""
        named = (event.method, event.name)
        found = self._known.get(named)
        if found is None:
            if len(self._known) >= MOST_KNOWN:
                self._known.clear()
            found = self._known[named] = self._take(event)
        return found

    def _take(self, event: Admitted) -> Taken:
        caller = self.caller or Caller(ANONYMOUS, event.origin.session, "")
        keys, costs = [], []
        for cover in self.covers.of(event.method):
            if cost := cover.cost(event.name):
                keys.append((cover.limit.name, cover.key(caller, event.method, event.name)))
                costs.append(cost)
        if not keys:
            return _NOTHING
        return Taken(tuple(keys), costs[0], () if costs.count(costs[0]) == len(costs) else tuple(costs))


_NOTHING: Final = Taken((), 0.0, ())
_NO_COVERS: Final = Covers(())


def rate_limit(limits: Sequence[Limit]) -> Stage:
    """Ask the limits that sessions share, and pass the request or reject it when they answer.

    The limits live at the rim; their answers are facts in the session's own stream, so a replay refuses exactly what
    the live run did. The requests of a batch take from the shares of the session that sent it.
    """
    covers = Covers(limits)

    def opened(waiting: Waiting, event: SessionOpened) -> Sequence[Event]:
        if event.transport == TASK:  # the call that began it has been let through
            waiting.is_task = True
            waiting.follow(_NO_COVERS)
        waiting.caller = Caller(event.principal, event.parent or event.origin.session, address(event.peer))
        return (event,)

    def admitted(waiting: Waiting, event: Admitted) -> Sequence[Event]:
        if not waiting.covers:
            return (event,)
        keys, cost, costs = waiting.taken(event)
        if not keys:
            return (event,)
        waiting.held[event.origin.request] = event
        return (PermitAsked(event.origin, keys, cost, costs),)

    def replaced(waiting: Waiting, event: PolicyReplaced) -> Sequence[Event]:
        if not waiting.is_task:
            waiting.follow(_covers(event.policy))
        return (event,)

    def given(waiting: Waiting, event: PermitGiven) -> Sequence[Event]:
        held = waiting.held.pop(event.origin.request, None)
        return (event, moved(held, event.origin)) if held else (event,)

    def refused(waiting: Waiting, event: PermitRefused) -> Sequence[Event]:
        held = waiting.held.pop(event.origin.request, None)
        return (event, _rejected(event)) if held else (event,)

    def cancelled(waiting: Waiting, event: CancelReceived | CallerLeft) -> Sequence[Event]:
        held = waiting.held.pop(event.origin.request, None)
        return (event, RequestCancelled(event.origin, "the client cancelled it")) if held else (event,)

    def interrupted(waiting: Waiting, event: Interrupted) -> Sequence[Event]:
        waiting.held.pop(event.origin.request, None)
        return (event,)

    def closed(waiting: Waiting, event: SessionClosed) -> Sequence[Event]:
        left = (Origin(event.origin.session, request, event.origin.at) for request in waiting.held)
        return (*(RequestCancelled(each, "the session closed") for each in left), event)

    known: dict[type[Event], Decision[Waiting]] = {
        SessionOpened: opened,
        PolicyReplaced: replaced,
        Admitted: admitted,
        PermitGiven: given,
        PermitRefused: refused,
        CancelReceived: cancelled,
        CallerLeft: cancelled,
        Interrupted: interrupted,
        SessionClosed: closed,
    }
    return stage("rate_limit", lambda: Waiting(covers), known)


@lru_cache(maxsize=64)
def _covers(policy: bytes) -> Covers:
    return Covers(load(policy).limits)


def moved(request: Admitted, to: Origin) -> Admitted:
    """The request again, at the moment when it was let through."""
    if to is request.origin:  # whoever was asked answered at once
        return request
    return Admitted(to, request.message, request.method, request.name, request.version)


def _rejected(refusal: PermitRefused) -> RequestRejected:
    wait = round(refusal.retry_after, 3)
    return RequestRejected(
        refusal.origin,
        codes.RATE_LIMITED,
        f"the limit {refusal.limit!r} is used up: try again in {wait:g} s",
        {"limit": refusal.limit, "remaining": refusal.remaining, "retryAfter": wait},
    )
