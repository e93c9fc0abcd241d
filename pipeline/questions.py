"""The questions that the chain asks of what sessions share, and the answers that come back as facts.

Asking is not acting: the answers need no commit before they are asked for, and they are recorded with the request that
they let through. Shared memory and a shared server answer through the same Protocols, at once or later.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple, Protocol, TypeAlias

from events.decided import CacheAsked, PermitAsked
from events.event import Origin, RequestId, SessionId, Step
from events.observed import CacheHit, CacheMissed, PermitGiven, PermitRefused
from pipeline.ingress import Ingress

Asker: TypeAlias = tuple[SessionId, RequestId | None]
"""Who asked: a request of a session."""


class Verdict(NamedTuple):
    """What the limits say.

    Attributes:
        limit: The limit that refused, or the one with the least left.
        remaining: Tokens left in it.
        retry_after: Seconds until the same request could pass; None when it may pass now.
    """

    limit: str
    remaining: float
    retry_after: float | None


class Kept(NamedTuple):
    """A result that the cache holds: the JSON of it, and the seconds since it was stored."""

    payload: bytes
    age: float


class Limiter(Protocol):
    """The limits that sessions share."""

    def take(self, keys: Sequence[tuple[str, str]], cost: float, at: float, answer: Callable[[Verdict], None]) -> None:
        """Take ``cost`` tokens from all the buckets named (limit, key), or from none; ``at`` is now, in seconds."""


class Cache(Protocol):
    """The results that sessions share. Of several askers for one key, one finds the result and the others wait."""

    def look(self, key: str, asker: Asker, at: float, answer: Callable[[Kept | None], None]) -> None:
        """Answer with what is kept under ``key``, or with None to the one asker who is to find it."""

    def fill(self, key: str, asker: Asker, payload: bytes, ttl: float, at: float) -> None:
        """Keep what ``asker`` found for ``ttl`` seconds, and give it to those who wait."""

    def release(self, key: str, asker: Asker) -> None:
        """``asker`` no longer waits for the key, or will not find it: then the next who waits is to."""


class Questions:
    """Takes the chain's questions to what sessions share. To be subscribed to ``Journal.accepted``."""

    def __init__(self, ingress: Ingress, limiter: Limiter, cache: Cache, clock: Callable[[], float]) -> None:
        self._ingress = ingress
        self._limiter = limiter
        self._cache = cache
        self._clock = clock

    def ask(self, step: Step) -> None:
        """Ask what the decisions of ``step`` ask."""
        for decision in step.decisions:
            if type(decision) is PermitAsked:
                origin = decision.origin
                self._limiter.take(decision.keys, decision.cost, origin.at, self._permit(origin))
            elif type(decision) is CacheAsked:
                origin = decision.origin
                self._cache.look(decision.key, (origin.session, origin.request), origin.at, self._lookup(origin))

    def _permit(self, asked: Origin) -> Callable[[Verdict], None]:
        def answer(verdict: Verdict) -> None:
            origin = self._now(asked)
            if verdict.retry_after is None:
                self._ingress.push(PermitGiven(origin, verdict.limit, verdict.remaining))
            else:
                self._ingress.push(PermitRefused(origin, verdict.limit, verdict.remaining, verdict.retry_after))

        return answer

    def _lookup(self, asked: Origin) -> Callable[[Kept | None], None]:
        def answer(kept: Kept | None) -> None:
            origin = self._now(asked)
            self._ingress.push(CacheMissed(origin) if kept is None else CacheHit(origin, *kept))

        return answer

    def _now(self, asked: Origin) -> Origin:
        return Origin(asked.session, asked.request, self._clock())
