"""Results in the memory of one process: least recently used go first, each is found only once at a time."""

import logging
from collections.abc import Callable
from typing import Final, TypeAlias

from adapters.cache_entries import Entries
from adapters.cache_stats import CacheStats
from pipeline.questions import Asker, Kept

_log: Final = logging.getLogger(__name__)

Answer: TypeAlias = Callable[[Kept | None], None]

MOST_DROPPED: Final = 1_000
"""Tags that a search remembers; when more are dropped during it, its result counts as out of date whatever its tags."""


class Search:
    """One asker finds a result, others wait for it.

    Attributes:
        finder: Who is to find it.
        waiting: Who waits, in the order in which they asked.
        stale: Whether the key was changed meanwhile, so that what is found is out of date.
        dropped: The tags that were dropped meanwhile: what is found with one of them is out of date.
    """

    __slots__ = ("dropped", "finder", "stale", "waiting")

    def __init__(self, finder: Asker) -> None:
        self.finder = finder
        self.waiting: dict[Asker, Answer] | None = None  # most searches end before anyone else asks
        self.stale = False
        self.dropped: set[str] | None = None

    def wait(self, asker: Asker, answer: Answer) -> None:
        """Let one more wait."""
        if self.waiting is None:
            self.waiting = {}
        self.waiting[asker] = answer

    def drop(self, tag: str) -> None:
        """Remember that a tag was dropped."""
        if self.dropped is None:
            self.dropped = set()
        if len(self.dropped) < MOST_DROPPED:
            self.dropped.add(tag)
        else:
            self.stale = True

    def is_stale(self, tags: tuple[str, ...]) -> bool:
        """Whether a result with these tags was out of date before it was found."""
        return self.stale or (self.dropped is not None and not self.dropped.isdisjoint(tags))


class MemoryCache(Entries):
    """Results that the sessions of one process share.

    Args:
        most_entries: Results that are kept.
        most_bytes: The size of all results together, in bytes as :func:`adapters.cache_entries.size_of` counts.
    """

    def __init__(self, most_entries: int = 10_000, most_bytes: int = 64 * 1024 * 1024) -> None:
        super().__init__(most_entries, most_bytes)
        self._searches: dict[str, Search] = {}
        self._hits = self._shared = self._misses = 0

    def look(self, key: str, asker: Asker, at: float, answer: Answer) -> None:
        """Answer with what is kept; else the first asker is to find it, and the others wait."""
        entry = self._entries.get(key)
        if entry is not None and entry.expires > at:
            self._entries.move_to_end(key)
            self._hits += 1
            answer(Kept(entry.payload, max(0.0, at - entry.stored)))
        elif search := self._searches.get(key):
            search.wait(asker, answer)
        else:
            self._searches[key] = Search(asker)
            self._misses += 1
            answer(None)

    def fill(self, key: str, asker: Asker, payload: bytes, ttl: float, at: float, tags: tuple[str, ...] = ()) -> None:
        """Keep a result, and give it to those who wait.

        A result whose key was changed or whose tag was dropped while it was being found is not kept; the next who
        waits is to find it anew.
        """
        search = self._searches.get(key)
        if search is None or search.finder != asker:
            self.keep(key, payload, at, at + ttl, tags)
        elif search.is_stale(tags):
            self.release(key, asker)
        else:
            self.keep(key, payload, at, at + ttl, tags)
            del self._searches[key]
            self._share(search.waiting, payload)

    def release(self, key: str, asker: Asker) -> None:
        """Stop waiting, or let the next who waits find the result."""
        search = self._searches.get(key)
        if search is None:
            return
        waiting = search.waiting
        if waiting:
            waiting.pop(asker, None)
        if search.finder == asker:
            del self._searches[key]
            if waiting:
                heir = next(iter(waiting))
                answer = waiting.pop(heir)
                self._searches[key] = heirs = Search(heir)
                heirs.waiting = waiting
                self._misses += 1
                answer(None)

    def invalidate(self, tag: str) -> None:
        """Drop all results that have the tag, and those with it that are being found."""
        for search in self._searches.values():
            search.drop(tag)
        self.drop_tag(tag)

    async def start(self) -> None:
        """Nothing needs to be opened."""

    async def close(self) -> None:
        """Forget everything; who waits is told that nothing is there."""
        self.drop_all()
        searches, self._searches = self._searches, {}
        for search in searches.values():
            for answer in (search.waiting or {}).values():
                tell(answer, None)

    async def get(self, key: str, at: float) -> Kept | None:
        """What is kept. Unlike :meth:`look`, nobody is to find what is missing."""
        entry = self.find(key, at)
        if entry is None:
            self._misses += 1
            return None
        self._hits += 1
        return Kept(entry.payload, max(0.0, at - entry.stored))

    async def put(self, key: str, payload: bytes, ttl: float, at: float, tags: tuple[str, ...] = ()) -> bool:
        """Keep a result that nobody asked for; who waits for one gets it. Whether it was kept."""
        kept = self.keep(key, payload, at, at + ttl, tags)
        if search := self._searches.get(key):
            search.stale = True  # what its finder brings is older
            waiting, search.waiting = search.waiting, None
            self._share(waiting, payload)
        return kept

    async def delete(self, key: str) -> bool:
        """Drop a result; whether there was one."""
        if search := self._searches.get(key):
            search.stale = True
        return self.drop(key) is not None

    async def delete_tag(self, tag: str) -> int:
        """As :meth:`invalidate`; the number of results."""
        for search in self._searches.values():
            search.drop(tag)
        return self.drop_tag(tag)

    async def clear(self) -> int:
        """Drop everything; the number of results."""
        for search in self._searches.values():
            search.stale = True
        return self.drop_all()

    def stats(self) -> CacheStats:
        """The figures."""
        return CacheStats(
            backend="memory",
            entries=len(self),
            bytes=self.bytes,
            hits=self._hits,
            shared=self._shared,
            misses=self._misses,
            evictions=self.evictions,
        )

    def _share(self, waiting: dict[Asker, Answer] | None, payload: bytes) -> None:
        if waiting:
            self._shared += len(waiting)
            for answer in waiting.values():
                tell(answer, Kept(payload, 0.0))


def tell(answer: Answer, kept: Kept | None) -> None:
    """Answer one of many."""
    try:
        answer(kept)
    except Exception:  # noqa: BLE001 - a bug of ours costs this one asker, not those that wait with it
        _log.exception("an answer of the cache could not be used")
