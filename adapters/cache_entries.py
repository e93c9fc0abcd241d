"""Results in memory within two bounds, entries and bytes: the least recently used go first."""

from collections import OrderedDict
from typing import Final

from msgspec import Struct

ENTRY_OVERHEAD: Final = 320
"""Bytes that an entry takes besides its key and payload: measured with tracemalloc on CPython 3.11, rounded up."""

TAG_OVERHEAD: Final = 360
"""Bytes that each tag of an entry takes besides its name, when no other entry has it: measured likewise."""


def size_of(key: str, payload: bytes, tags: tuple[str, ...] = ()) -> int:
    """What an entry counts, in bytes: payload, key, tags, and what keeping them takes."""
    size = len(payload) + (len(key) if key.isascii() else len(key.encode())) + ENTRY_OVERHEAD
    for tag in tags:
        size += (len(tag) if tag.isascii() else len(tag.encode())) + TAG_OVERHEAD
    return size


class Entry(Struct, frozen=True, gc=False):
    """A result that is kept; times are in seconds.

    Attributes:
        payload: The result.
        stored: When it was found.
        expires: When it is no longer to be given out.
        size: What it counts, in bytes.
        tags: The names by which it can be dropped together with others.
    """

    payload: bytes
    stored: float
    expires: float
    size: int
    tags: tuple[str, ...] = ()


class Entries:
    """Results by key.

    Args:
        most_entries: Results that are kept.
        most_bytes: The size of all of them together, in bytes as :func:`size_of` counts.

    Attributes:
        bytes: That size now.
        evictions: Results that had to go for others so far.
    """

    def __init__(self, most_entries: int, most_bytes: int) -> None:
        self._most_entries = most_entries
        self._most_bytes = most_bytes
        self._room = most_bytes
        self._entries: OrderedDict[str, Entry] = OrderedDict()
        self._tagged: dict[str, set[str]] = {}
        self.bytes = 0
        self.evictions = 0

    def find(self, key: str, at: float) -> Entry | None:
        """What is kept under ``key`` at the time ``at``. It counts as used."""
        entry = self._entries.get(key)
        if entry is None:
            return None
        if entry.expires <= at:
            self.drop(key)
            return None
        self._entries.move_to_end(key)
        return entry

    def keep(self, key: str, payload: bytes, stored: float, expires: float, tags: tuple[str, ...] = ()) -> bool:
        """Keep a result in place of the one before; False when it alone exceeds the bounds, or has no time."""
        entries = self._entries
        if key in entries:
            self.drop(key)
        size = size_of(key, payload, tags)
        if expires <= stored or size > self._room:
            return False
        entries[key] = Entry(payload, stored, expires, size, tags)
        self.bytes += size
        for tag in tags:
            tagged = self._tagged.get(tag)
            if tagged is None:
                tagged = self._tagged[tag] = set()
            tagged.add(key)
        while len(entries) > self._most_entries or self.bytes > self._room:
            self._evict()
        return True

    def drop(self, key: str) -> Entry | None:
        """Drop a result; what was dropped."""
        entry = self._entries.pop(key, None)
        if entry is not None:
            self.bytes -= entry.size
            for tag in entry.tags:
                self._untag(tag, key)
        return entry

    def drop_tag(self, tag: str) -> int:
        """Drop all results that have the tag; their number."""
        keys = self._tagged.get(tag, ())
        dropped = [self.drop(key) for key in tuple(keys)]
        return len(dropped)

    def drop_all(self) -> int:
        """Drop everything; the number of results."""
        dropped = len(self._entries)
        self._entries.clear()
        self._tagged.clear()
        self.bytes = 0
        return dropped

    def shrink(self, share: float) -> int:
        """Drop the least recently used until ``share`` of the bytes is left, from 0 to 1; the bytes that it freed."""
        before = self.bytes
        while self.bytes > before * share:
            self._evict()
        return before - self.bytes

    def confine(self, share: float) -> None:
        """Hold no more than ``share`` of the bytes that may be kept, from 0 to 1, until told otherwise."""
        self._room = int(self._most_bytes * share)
        while self.bytes > self._room:
            self._evict()

    def __len__(self) -> int:
        return len(self._entries)

    def _evict(self) -> None:
        self.drop(next(iter(self._entries)))
        self.evictions += 1

    def _untag(self, tag: str, key: str) -> None:
        keys = self._tagged[tag]
        keys.discard(key)
        if not keys:
            del self._tagged[tag]
