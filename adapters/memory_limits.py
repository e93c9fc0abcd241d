"""Token buckets in the memory of one process."""

from collections.abc import Callable, Iterable, Sequence
from typing import Final

from operators.policy import Limit
from pipeline.questions import Verdict

MOST_BUCKETS: Final = 100_000
"""Buckets that are kept. Past it the fullest half is forgotten: a full bucket and a forgotten one are the same."""


class MemoryLimits:
    """Limits that the sessions of one process share."""

    def __init__(self, limits: Iterable[Limit]) -> None:
        self._limits = {limit.name: limit for limit in limits}
        self._buckets: dict[tuple[str, str], tuple[float, float]] = {}  # (tokens, seconds since the epoch)

    def take(self, keys: Sequence[tuple[str, str]], cost: float, at: float, answer: Callable[[Verdict], None]) -> None:
        """Take ``cost`` tokens from each bucket, or from none; answer at once."""
        levels = [self._level(key, at) for key in keys]
        verdicts = [self._verdict(key, level, cost) for key, level in zip(keys, levels, strict=True)]
        refusals = [verdict for verdict in verdicts if verdict.retry_after is not None]
        if refusals:
            answer(max(refusals, key=lambda verdict: verdict.retry_after or 0.0))
            return
        for key, level in zip(keys, levels, strict=True):
            self._buckets[key] = (level - cost, at)
        if len(self._buckets) > MOST_BUCKETS:
            self._forget(at)
        answer(min(verdicts, key=lambda verdict: verdict.remaining))

    def _level(self, key: tuple[str, str], at: float) -> float:
        limit = self._limits[key[0]]
        tokens, since = self._buckets.get(key, (limit.burst, at))
        return min(limit.burst, tokens + max(0.0, at - since) * limit.per_second)

    def _verdict(self, key: tuple[str, str], level: float, cost: float) -> Verdict:
        limit = self._limits[key[0]]
        if level >= cost:
            return Verdict(limit.name, level - cost, None)
        return Verdict(limit.name, level, (cost - level) / limit.per_second)

    def _forget(self, at: float) -> None:
        def missing(key: tuple[str, str]) -> float:
            return self._limits[key[0]].burst - self._level(key, at)

        for key in sorted(self._buckets, key=missing)[: MOST_BUCKETS // 2]:
            del self._buckets[key]
