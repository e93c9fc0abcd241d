"""Results in Redis with copies in memory of those that this process reads, dropped when any process changes them.

Every change is told on the namespace's channel, with the message sent by the step that makes the change. That serves
what server-assisted tracking (RESP3) would, on one connection that the waking of searches needs anyway, and redis-py
has no tracking for asyncio. Messages can be missed in three ways, and each is bounded: when the connection is lost all
copies are dropped; when it falls silent it is given up within two pulses; and a copy never lives longer than its own
time, which also bounds changes that were made past this cache.
"""

from msgspec.structs import replace

from adapters.cache_entries import Entries
from adapters.cache_items import Item
from adapters.cache_stats import CacheStats
from adapters.memory_cache import Answer
from adapters.redis_cache import RedisCache
from pipeline.questions import Asker, Kept


class HybridCache(RedisCache):
    """As its base, with near copies.

    Args:
        url: As for the base, and so are ``namespace``, the bounds and the times.
        namespace: See above.
        most_entries: Results that the namespace holds; and likewise the copies that this process does.
        most_bytes: Their size together; each kind counts by its own measure.
        near_ttl: Seconds that a copy may live.
        lease: See the base.
        timeout: See the base.
        pulse: See the base.
    """

    backend = "hybrid"

    def __init__(
        self,
        url: str,
        namespace: str,
        most_entries: int = 10_000,
        most_bytes: int = 64 * 1024 * 1024,
        *,
        near_ttl: float = 30.0,
        lease: float = 10.0,
        timeout: float = 1.0,
        pulse: float = 5.0,
    ) -> None:
        super().__init__(url, namespace, most_entries, most_bytes, lease=lease, timeout=timeout, pulse=pulse)
        self._near = Entries(most_entries, most_bytes)
        self._near_ttl = near_ttl
        self._near_hits = 0

    def look(self, key: str, asker: Asker, at: float, answer: Answer) -> None:
        """Answer at once from a copy; else as the base does."""
        if (kept := self._copy(key, at)) is not None:
            answer(kept)
        else:
            super().look(key, asker, at, answer)

    async def get(self, key: str, at: float) -> Kept | None:
        """What is kept, from a copy if there is one."""
        return self._copy(key, at) or await super().get(key, at)

    def shrink(self, share: float) -> int:
        """Drop copies until ``share`` of their bytes is left, from 0 to 1; the bytes that it freed."""
        return self._near.shrink(share)

    def confine(self, share: float) -> None:
        """Hold no more than ``share`` of the bytes that copies may take, from 0 to 1, until told otherwise."""
        self._near.confine(share)

    def stats(self) -> CacheStats:
        """The figures."""
        shared = super().stats()
        return replace(
            shared,
            hits=shared.hits + self._near_hits,
            near_hits=self._near_hits,
            near_entries=len(self._near),
            near_bytes=self._near.bytes,
        )

    def _copy(self, key: str, at: float) -> Kept | None:
        entry = self._near.find(key, at)
        if entry is None:
            return None
        self._near_hits += 1
        return Kept(entry.payload, max(0.0, at - entry.stored))

    def _hit(self, at: float, item: Item, left: float) -> Kept:
        kept = super()._hit(at, item, left)
        self._near.keep(item.key, item.payload, at - kept.age, at + min(left, self._near_ttl), item.tags)
        return kept

    def on_change(self, key: str, when: float) -> None:
        """A key was changed."""
        self._near.drop(key)
        super().on_change(key, when)

    def on_tag(self, tag: str, when: float) -> None:
        """A tag was dropped."""
        self._near.drop_tag(tag)
        super().on_tag(tag, when)

    def on_clear(self, when: float) -> None:
        """Everything was dropped."""
        self._near.drop_all()
        super().on_clear(when)

    def on_lost(self) -> None:
        """Redis is lost: changes may go by unheard."""
        self._near.drop_all()
        super().on_lost()
