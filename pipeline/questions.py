"""The questions that the chain asks of what sessions share, and the answers that come back as facts.

Asking is not acting: the answers need no commit before they are asked for, and they are recorded with the request that
they let through. Shared memory and a shared server answer through the same Protocols, at once or later.
"""

import math
from collections.abc import Callable, Sequence
from functools import partial
from typing import NamedTuple, Protocol, TypeAlias

from msgspec import Struct

from events.decided import CacheAsked, PermitAsked, PermitReturned
from events.event import Decided, Origin, RequestId, SessionId, Step
from events.observed import CacheHit, CacheMissed, PermitGiven, PermitRefused
from operators.limits.exact import Answer
from pipeline.ingress import Ingress
from pipeline.journal import Lost

Asker: TypeAlias = tuple[SessionId, RequestId | None]
"""Who asked: a request of a session."""


class Verdict(Struct, frozen=True, gc=False):
    """What the limits say.

    Attributes:
        limit: The limit that refused, the one that takes longest if there are several; else the one with least left.
        remaining: What is left in it, in requests of cost 1.
        retry_after: Seconds until the same request could pass; None when it may pass now.
    """

    limit: str
    remaining: float
    retry_after: float | None


Key: TypeAlias = tuple[str, str]
"""A limit's name, and whose share of it."""


def verdict(keys: Sequence[Key], answers: Sequence[Answer]) -> Verdict:
    """The word of all limits together, from the word of each."""
    least = longest = 0
    for index, answer in enumerate(answers):
        if answer.remaining < answers[least].remaining:
            least = index
        if answer.retry_after is not None and answer.retry_after > (answers[longest].retry_after or -1.0):
            longest = index
    late = answers[longest].retry_after
    which = least if late is None else longest
    return Verdict(keys[which][0], answers[which].remaining, late)


class Kept(NamedTuple):
    """A result that the cache holds: the JSON of it, and the seconds since it was stored."""

    payload: bytes
    age: float


class Limiter(Protocol):
    """The limits that sessions share. What it is told is done in the order in which it is told."""

    def take(
        self,
        keys: Sequence[Key],
        costs: Sequence[float],
        asker: Asker,
        at: float,
        answer: Callable[[Verdict], None],
    ) -> None:
        """Take its cost from each of the limits named, or nothing from any; ``at`` is now, in seconds.

        A place among those that run at once is ``asker``'s until it is given back.
        """

    def give_back(self, keys: Sequence[Key], asker: Asker) -> None:
        """Free the places that ``asker`` holds, if it does."""


class Cache(Protocol):
    """The results that sessions share. Of several askers for one key, one finds the result and the others wait."""

    def look(self, key: str, asker: Asker, at: float, answer: Callable[[Kept | None], None]) -> None:
        """Answer with what is kept under ``key``, or with None to the one asker who is to find it."""

    def fill(self, key: str, asker: Asker, payload: bytes, ttl: float, at: float, tags: tuple[str, ...] = ()) -> None:
        """Keep what ``asker`` found for ``ttl`` seconds, and give it to those who wait.

        With its tags results can be dropped together.
        """

    def release(self, key: str, asker: Asker) -> None:
        """``asker`` no longer waits for the key, or will not find it: then the next who waits is to."""


class Questions:
    """Takes the chain's questions to what sessions share. To be subscribed to ``Journal.accepted``."""

    def __init__(self, ingress: Ingress, limiter: Limiter, cache: Cache, clock: Callable[[], float]) -> None:
        self._ingress = ingress
        self._limiter = limiter
        self._cache = cache
        self._clock = clock
        self._asking: dict[Asker, Origin] = {}
        self._asked_now: Origin | None = None  # what is asked at this very moment: its answer is of the same time
        self._ask: dict[type[Decided], Callable[..., None]] = {
            PermitAsked: self._ask_permit,
            PermitReturned: self._give_back,
            CacheAsked: self._ask_cache,
        }

    def ask(self, step: Step) -> None:
        """Ask what the decisions of ``step`` ask."""
        known = self._ask
        for decision in step.decisions:
            if ask := known.get(type(decision)):
                ask(decision)

    def on_lost(self, lost: Lost) -> None:
        """Give back what a session held that cannot be recorded. To be subscribed to ``Journal.lost``."""
        for step in lost.steps:
            for decision in step.decisions:
                if isinstance(decision, PermitReturned):
                    self._give_back(decision)

    def _ask_permit(self, asked: PermitAsked) -> None:
        self._asked_now = origin = asked.origin
        asker = (origin.session, origin.request)
        costs = asked.costs or (asked.cost,) * len(asked.keys)
        self._limiter.take(asked.keys, costs, asker, origin.at, partial(self._permit, asker, origin))
        if self._asked_now is not None:  # the answer will come later
            self._asked_now = None
            self._asking[asker] = origin

    def _give_back(self, returned: PermitReturned) -> None:
        self._limiter.give_back(returned.keys, (returned.origin.session, returned.origin.request))

    def _ask_cache(self, asked: CacheAsked) -> None:
        self._asked_now = origin = asked.origin
        self._cache.look(asked.key, (origin.session, origin.request), origin.at, partial(self._lookup, origin))
        self._asked_now = None

    def _permit(self, asker: Asker, asked: Origin, verdict: Verdict) -> None:
        if asked is self._asked_now:
            self._asked_now = None
            self._ingress.push(permit(verdict, asked))
        # An id may be used again when its request was cancelled: then this is the word on a request that is gone.
        elif self._asking.get(asker) is asked:
            del self._asking[asker]
            self._ingress.push(permit(verdict, Origin(asked.session, asked.request, self._clock())))

    def _lookup(self, asked: Origin, kept: Kept | None) -> None:
        origin = asked if asked is self._asked_now else Origin(asked.session, asked.request, self._clock())
        self._ingress.push(CacheMissed(origin) if kept is None else CacheHit(origin, *kept))


def permit(verdict: Verdict, origin: Origin) -> PermitGiven | PermitRefused:
    """What the limits said, as a fact. Waits are told in milliseconds, and never too short."""
    if verdict.retry_after is None:
        return PermitGiven(origin, verdict.limit, verdict.remaining)
    late = math.ceil(round(verdict.retry_after * 1_000_000) / 1000) / 1000
    return PermitRefused(origin, verdict.limit, verdict.remaining, late)
