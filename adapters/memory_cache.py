"""Results in the memory of one process: least recently used go first, each is found only once at a time."""

from collections import OrderedDict
from collections.abc import Callable
from typing import NamedTuple

from pipeline.questions import Asker, Kept

Answer = Callable[[Kept | None], None]


class _Entry(NamedTuple):
    payload: bytes
    stored: float
    expires: float


class _Search:
    """One asker finds a result, others wait for it."""

    def __init__(self, finder: Asker) -> None:
        self.finder = finder
        self.waiting: dict[Asker, Answer] = {}


class MemoryCache:
    """Results that the sessions of one process share.

    Args:
        most_entries: Results that are kept.
        most_bytes: The size of all results together, in bytes.
    """

    def __init__(self, most_entries: int = 10_000, most_bytes: int = 64 * 1024 * 1024) -> None:
        self._most_entries = most_entries
        self._most_bytes = most_bytes
        self._entries: OrderedDict[str, _Entry] = OrderedDict()
        self._searches: dict[str, _Search] = {}
        self.bytes = 0

    def look(self, key: str, asker: Asker, at: float, answer: Answer) -> None:
        """Answer with what is kept; else the first asker is to find it, and the others wait."""
        entry = self._entries.get(key)
        if entry is not None and entry.expires > at:
            self._entries.move_to_end(key)
            answer(Kept(entry.payload, max(0.0, at - entry.stored)))
        elif search := self._searches.get(key):
            search.waiting[asker] = answer
        else:
            self._searches[key] = _Search(asker)
            answer(None)

    def fill(self, key: str, asker: Asker, payload: bytes, ttl: float, at: float) -> None:
        """Keep a result, and give it to those who wait."""
        self._drop(key)
        if ttl > 0 and len(payload) <= self._most_bytes:
            self._entries[key] = _Entry(payload, at, at + ttl)
            self.bytes += len(payload)
        while len(self._entries) > self._most_entries or self.bytes > self._most_bytes:
            self._drop(next(iter(self._entries)))
        search = self._searches.get(key)
        if search is not None and search.finder == asker:
            del self._searches[key]
            for answer in search.waiting.values():
                answer(Kept(payload, 0.0))

    def release(self, key: str, asker: Asker) -> None:
        """Stop waiting, or let the next who waits find the result."""
        search = self._searches.get(key)
        if search is None:
            return
        search.waiting.pop(asker, None)
        if search.finder == asker:
            del self._searches[key]
            if search.waiting:
                heir = next(iter(search.waiting))
                answer = search.waiting.pop(heir)
                self._searches[key] = search
                search.finder = heir
                answer(None)

    def __len__(self) -> int:
        return len(self._entries)

    def _drop(self, key: str) -> None:
        if entry := self._entries.pop(key, None):
            self.bytes -= len(entry.payload)
