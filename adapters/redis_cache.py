"""Results in Redis, which all processes of a namespace share: each is found only once at a time among all of them.

Who is to find a result holds a lease: a lock with an expiry, renewed while its process lives. A result is kept only if
its finder's lease still stands, and every change of a key takes the lease away, so that a search which began before a
change cannot undo it (Nishtala et al., Scaling Memcache at Facebook, NSDI 2013, section 3.2.1). Who waits is woken by a
message, or by the end of the lease when its holder has died.

While Redis is away every look-up is a miss, and each result is found once at a time in each process.
"""

import asyncio
from typing import Final

from adapters.cache_items import Item
from adapters.cache_stats import CacheStats
from adapters.cache_store import LONGEST_SEARCH, Found, Kind, Store
from adapters.memory_cache import MOST_DROPPED, Answer, tell
from events.told import ToldBytes
from pipeline.questions import Asker, Kept

_MOST_READS: Final = 3  # of one key, when changes keep overtaking the answers


class _Search:
    """What is not known of a key: Redis is asked, or another process finds it, or one of those who asked here.

    Attributes:
        at: When it began, by the asker's clock, in seconds.
        finder: Who of this process is to find it; None while that is open.
        waiting: Who waits, in the order in which they asked.
        reads: How often Redis was asked.
        timer: Runs until the lease of another process ends.
        since: When the lease was given, in the server's microseconds; 0 without one.
        until: When it is no longer renewed, in seconds of the loop's clock.
        changed: When the key was last changed, in the server's microseconds; endless for a change from here.
        dropped: The tags that were dropped, each with its time.
    """

    __slots__ = ("at", "changed", "dropped", "finder", "reads", "since", "timer", "until", "waiting")

    def __init__(self, at: float) -> None:
        self.at = at
        self.finder: Asker | None = None
        self.waiting: dict[Asker, Answer] = {}
        self.reads = 0
        self.timer: asyncio.TimerHandle | None = None
        self.begin(0, 0.0)

    def begin(self, since: int, until: float) -> None:
        """Begin to be found, with a lease or without."""
        self.since, self.until = since, until
        self.changed = -1.0
        self.dropped: dict[str, float] = {}

    def drop(self, tag: str, when: float) -> None:
        """Remember that a tag was dropped."""
        if tag in self.dropped or len(self.dropped) < MOST_DROPPED:
            self.dropped[tag] = max(self.dropped.get(tag, -1.0), when)
        else:
            self.changed = max(self.changed, when)

    def is_stale(self, tags: tuple[str, ...]) -> bool:
        """Whether a result with these tags was out of date before it was found."""
        return max(self.changed, *(self.dropped.get(tag, -1.0) for tag in tags), -1.0) >= self.since

    def stop_timer(self) -> bool:
        """No longer wait for another process; whether it did."""
        timer, self.timer = self.timer, None
        if timer is not None:
            timer.cancel()
        return timer is not None


class RedisCache:
    """Results by key, in one namespace of one Redis. Connects with :meth:`start`.

    Args:
        url: ``redis://``, ``rediss://`` or ``unix://``.
        namespace: Whose results these are; letters, digits and ``_ . : -``.
        most_entries: Results that the namespace holds, all processes together.
        most_bytes: Their size together, in bytes as :func:`adapters.cache_items.size_in_redis` counts.
        lease: Seconds after which a finder that died is given up.
        timeout: Seconds that Redis may take to answer before it counts as away.
        pulse: Seconds between two signs of life that are asked for.
    """

    backend = "redis"

    def __init__(
        self,
        url: str,
        namespace: str,
        most_entries: int = 10_000,
        most_bytes: int = 64 * 1024 * 1024,
        *,
        lease: float = 10.0,
        timeout: float = 1.0,
        pulse: float = 5.0,
    ) -> None:
        bounds = (most_entries, most_bytes)
        self._store = Store(url, namespace, bounds, self, lease=lease, timeout=timeout, pulse=pulse)
        self._searches: dict[str, _Search] = {}
        self._renew_after = lease / 3
        self._renewing: asyncio.TimerHandle | None = None
        self._hits = self._shared = self._misses = 0

    # What the chain asks.

    def look(self, key: str, asker: Asker, at: float, answer: Answer) -> None:
        """Answer with what is kept; else one asker among all processes is to find it, and the others wait."""
        search = self._searches.get(key)
        if search is not None:
            search.waiting[asker] = answer
            return
        self._searches[key] = search = _Search(at)
        search.waiting[asker] = answer
        self._ask(key, search)

    def fill(self, key: str, asker: Asker, payload: bytes, ttl: float, at: float, tags: tuple[str, ...] = ()) -> None:  # noqa: ARG002 - Redis has its own clock
        """Keep what ``asker`` was to find, and give it to those who wait.

        A result whose key was changed or whose tag was dropped while it was being found is not kept; the next who
        waits is to find it anew.
        """
        search = self._searches.get(key)
        if search is None or search.finder != asker:
            return
        if search.is_stale(tags):
            self._give_up(key, search)
            return
        del self._searches[key]
        if search.since and ttl > 0 and not isinstance(payload, ToldBytes):  # else it holds a secret: none leaves us
            self._store.fill(key, payload, ttl, tags, search.since)
        elif search.since:
            self._store.release(key)
        self._share(search, payload)

    def release(self, key: str, asker: Asker) -> None:
        """Stop waiting, or let the next who waits find the result."""
        search = self._searches.get(key)
        if search is None:
            return
        search.waiting.pop(asker, None)
        if search.finder == asker:
            self._give_up(key, search)
        elif not search.waiting and search.stop_timer():
            del self._searches[key]

    def invalidate(self, tag: str) -> None:
        """Drop all results that have the tag, in all processes, and those with it that are being found."""
        self._store.drop_tag(tag, lambda _: None)

    # What is asked directly. Changes that Redis does not take are made as soon as it does.

    async def start(self, *, patient: bool = False) -> None:
        """Connect. With ``patient`` a Redis that does not answer is as one that went away: it is tried again.

        Raises:
            CacheUnreachable: It does not answer, and is not to be waited for.
        """
        await self._store.start(patient=patient)

    async def close(self) -> None:
        """Give all leases back and leave; who waits is told that nothing is there."""
        for key, search in self._searches.items():
            if search.since:
                self._store.release(key)
        await self._store.close()
        if self._renewing is not None:
            self._renewing.cancel()
        searches, self._searches = self._searches, {}
        for search in searches.values():
            search.stop_timer()
            for answer in search.waiting.values():
                tell(answer, None)

    async def get(self, key: str, at: float) -> Kept | None:
        """What is kept. Unlike :meth:`look`, nobody is to find what is missing."""
        found = await self._read(key)
        for _ in range(1, _MOST_READS):
            if not found.overtaken:
                break
            found = await self._read(key)
        if found.item is None or found.overtaken:
            self._misses += 1
            return None
        self._hits += 1
        return self._hit(at, found.item, found.left)

    async def put(self, key: str, payload: bytes, ttl: float, at: float, tags: tuple[str, ...] = ()) -> bool:  # noqa: ARG002 - Redis has its own clock
        """Keep a result that nobody asked for; who waits for one gets it. Whether it was kept."""
        if search := self._searches.get(key):
            self._share(search, payload)
        return await self._store.put(key, payload, ttl, tags)

    async def delete(self, key: str) -> bool:
        """Drop a result, in all processes; whether there was one."""
        return await self._store.delete(key)

    async def delete_tag(self, tag: str) -> int:
        """As :meth:`invalidate`; the number of results."""
        dropped: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._store.drop_tag(tag, lambda number: None if dropped.done() else dropped.set_result(number))
        return await dropped

    async def clear(self) -> int:
        """Drop everything, in all processes; the number of results."""
        return await self._store.clear()

    def shrink(self, share: float) -> int:  # noqa: ARG002
        """Nothing is kept in this process's memory."""
        return 0

    def confine(self, share: float) -> None:
        """Nothing is kept in this process's memory."""

    def stats(self) -> CacheStats:
        """The figures."""
        store = self._store
        return CacheStats(
            backend=self.backend,
            entries=store.entries,
            bytes=store.bytes,
            hits=self._hits,
            shared=self._shared,
            misses=self._misses,
            evictions=store.evictions,
            failures=store.failures,
            online=store.online,
            warning="" if store.online else f"Redis is away: {store.trouble}",
        )

    # Searches.

    def _ask(self, key: str, search: _Search) -> None:
        """Ask Redis whether it knows, and else for the lease."""
        search.timer = None
        search.reads += 1
        self._store.read(key, lambda found: self._asked(key, search, found), find=True)

    def _asked(self, key: str, search: _Search, found: Found) -> None:
        if found.item is not None and not found.overtaken:
            self._forget(key, search)
            self._hits += len(search.waiting)
            kept = self._hit(search.at, found.item, found.left)
            for answer in search.waiting.values():
                tell(answer, kept)
        elif not search.waiting:
            search.since = found.since
            self._hand_over(key, search)
        elif found.kind is Kind.BUSY and not found.overtaken:
            search.reads = 0
            search.timer = asyncio.get_running_loop().call_later(found.left + 0.005, self._ask, key, search)
        elif (found.overtaken or found.kind is Kind.BAD) and search.reads < _MOST_READS:
            self._ask(key, search)
        else:
            leased = found.kind is Kind.YOURS and not found.overtaken
            search.begin(found.since if leased else 0, asyncio.get_running_loop().time() + LONGEST_SEARCH)
            self._renew_later()
            self._hand_over(key, search)

    def _give_up(self, key: str, search: _Search) -> None:
        """The finder will not find it, or what it found is out of date."""
        search.finder = None
        if search.waiting and search.is_stale(tuple(search.dropped)):
            search.reads = 0
            self._ask(key, search)  # the lease went with the change
        else:
            self._hand_over(key, search)

    def _hand_over(self, key: str, search: _Search) -> None:
        """Let the first who waits find it."""
        if search.waiting:
            search.finder = next(iter(search.waiting))
            self._misses += 1
            tell(search.waiting.pop(search.finder), None)
            return
        if search.since:
            self._store.release(key)
        self._forget(key, search)

    async def _read(self, key: str) -> Found:
        answered: asyncio.Future[Found] = asyncio.get_running_loop().create_future()
        self._store.read(key, lambda found: None if answered.done() else answered.set_result(found), find=False)
        return await answered

    def _forget(self, key: str, search: _Search) -> None:
        if self._searches.get(key) is search:
            del self._searches[key]

    def _share(self, search: _Search, payload: bytes) -> None:
        """Give those who wait what was found."""
        waiting, search.waiting = search.waiting, {}
        self._shared += len(waiting)
        for answer in waiting.values():
            tell(answer, Kept(payload, 0.0))

    def _hit(self, at: float, item: Item, left: float) -> Kept:
        """An item was read that was asked for at ``at`` and has ``left`` seconds to live."""
        del at  # for those who keep copies
        return Kept(item.payload, item.age(left))

    def _renew_later(self) -> None:
        if self._renewing is None:
            self._renewing = asyncio.get_running_loop().call_later(self._renew_after, self._renew)

    def _renew(self) -> None:
        """Keep the leases of searches that go on."""
        self._renewing = None
        now = asyncio.get_running_loop().time()
        for key, search in self._searches.items():
            if search.since and now < search.until:
                self._store.renew(key)
                self._renew_later()

    # What the store tells.

    def on_change(self, key: str, when: float) -> None:
        """A key was changed."""
        if search := self._searches.get(key):
            search.changed = max(search.changed, when)
            self.on_release(key)

    def on_release(self, key: str) -> None:
        """Another process has ended its search: ask again."""
        search = self._searches.get(key)
        if search is not None and search.stop_timer():
            self._ask(key, search)

    def on_tag(self, tag: str, when: float) -> None:
        """A tag was dropped."""
        for search in self._searches.values():
            search.drop(tag, when)

    def on_clear(self, when: float) -> None:
        """Everything was dropped."""
        for search in self._searches.values():
            search.changed = max(search.changed, when)

    def on_lost(self) -> None:
        """Redis is lost: who waits for another process need not."""
        for key, search in list(self._searches.items()):
            search.since = 0
            if search.stop_timer():
                self._ask(key, search)
