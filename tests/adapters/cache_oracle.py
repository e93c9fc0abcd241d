"""A cache as one would write it without a thought for speed: what the real ones are compared with."""

from typing import NamedTuple


class Kept(NamedTuple):
    key: str
    payload: bytes
    stored: float
    expires: float
    size: int
    tags: tuple[str, ...]


class Oracle:
    """Results in a list, the least recently used first."""

    def __init__(self, most_entries: int, most_bytes: int) -> None:
        self.most_entries = most_entries
        self.most_bytes = most_bytes
        self.kept: list[Kept] = []
        self.evictions = 0

    @property
    def size(self) -> int:
        return sum(one.size for one in self.kept)

    def get(self, key: str, at: float) -> tuple[bytes, float] | None:
        for one in self.kept:
            if one.key == key:
                self.kept.remove(one)
                if one.expires <= at:
                    return None
                self.kept.append(one)
                return one.payload, at - one.stored
        return None

    def put(self, key: str, payload: bytes, size: int, ttl: float, at: float, tags: tuple[str, ...]) -> bool:
        self.delete(key)
        if size > self.most_bytes or ttl <= 0:
            return False
        self.kept.append(Kept(key, payload, at, at + ttl, size, tags))
        while len(self.kept) > self.most_entries or self.size > self.most_bytes:
            del self.kept[0]
            self.evictions += 1
        return True

    def delete(self, key: str) -> bool:
        return self._drop([one for one in self.kept if one.key == key]) == 1

    def delete_tag(self, tag: str) -> int:
        return self._drop([one for one in self.kept if tag in one.tags])

    def clear(self) -> int:
        return self._drop(list(self.kept))

    def _drop(self, these: list[Kept]) -> int:
        self.kept = [one for one in self.kept if one not in these]
        return len(these)
