"""What a cache tells of itself."""

from msgspec import Struct


class CacheStats(Struct, frozen=True, gc=False, kw_only=True):
    """The figures of one cache in one process; the counts are since its start.

    Attributes:
        backend: ``memory``, ``redis`` or ``hybrid``.
        entries: Results that are kept. With Redis those of the namespace, as of a few seconds ago at most.
        bytes: What they count together.
        hits: Look-ups that were answered with a kept result.
        shared: Look-ups that waited for another's search, and were answered with what it found.
        misses: Look-ups that were told to find the result themselves.
        negative_hits: Those of the hits that said "nothing there".
        near_hits: Those of the hits that were answered from the copies in memory.
        near_entries: Copies in memory of what Redis keeps.
        near_bytes: What they count together.
        evictions: Results that had to go for others.
        failures: Operations that Redis did not carry out: look-ups became misses, results were not kept.
        online: Whether what is shared can be reached; always, in memory.
        warning: What the operator should know; empty when all is well.
    """

    backend: str
    entries: int = 0
    bytes: int = 0
    hits: int = 0
    shared: int = 0
    misses: int = 0
    negative_hits: int = 0
    near_hits: int = 0
    near_entries: int = 0
    near_bytes: int = 0
    evictions: int = 0
    failures: int = 0
    online: bool = True
    warning: str = ""

    @property
    def hit_ratio(self) -> float:
        """The share of look-ups that nobody had to find anew for; 0 before the first."""
        served = self.hits + self.shared
        asked = served + self.misses
        return served / asked if asked else 0.0
