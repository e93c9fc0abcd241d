"""A cache that others fill too: what it says is gone through like what a call says."""

from collections.abc import Callable
from functools import partial

from adapters.redacted_facts import RedactedFacts
from pipeline.questions import Asker, Cache, Kept


class CheckedCache:
    """As the cache behind it, with results that are stored without the secrets that they may hold.

    A server whose redaction is off may have put them there.
    """

    def __init__(self, cache: Cache, facts: RedactedFacts) -> None:
        self._cache = cache
        self._facts = facts

    def look(self, key: str, asker: Asker, at: float, answer: Callable[[Kept | None], None]) -> None:
        """See :meth:`Cache.look`."""
        self._cache.look(key, asker, at, partial(self._checked, answer))

    def fill(self, key: str, asker: Asker, payload: bytes, ttl: float, at: float, tags: tuple[str, ...] = ()) -> None:
        """See :meth:`Cache.fill`."""
        self._cache.fill(key, asker, payload, ttl, at, tags)

    def release(self, key: str, asker: Asker) -> None:
        """See :meth:`Cache.release`."""
        self._cache.release(key, asker)

    def _checked(self, answer: Callable[[Kept | None], None], kept: Kept | None) -> None:
        answer(kept if kept is None else kept._replace(payload=self._facts.result(kept.payload)))
