"""Token buckets against an oracle that remembers everything and adds it up anew for each question."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters import memory_limits
from adapters.memory_limits import MemoryLimits
from operators.policy import Limit
from pipeline.questions import Verdict

SLOW = Limit("slow", "principal", per_second=0.5, burst=2)
FAST = Limit("fast", "session", per_second=4, burst=3)
LIMITS = {limit.name: limit for limit in (SLOW, FAST)}
Keys = tuple[tuple[str, str], ...]


def asked(limits: MemoryLimits, keys: Keys, at: float, cost: float = 1.0) -> Verdict:
    answers: list[Verdict] = []
    limits.take(keys, cost, at, answers.append)
    (verdict,) = answers
    return verdict


class Oracle:
    """For each bucket the moments at which a token was taken."""

    def __init__(self) -> None:
        self.taken: dict[tuple[str, str], list[Fraction]] = {}

    def level(self, key: tuple[str, str], at: Fraction) -> Fraction:
        limit = LIMITS[key[0]]
        burst, rate = Fraction(limit.burst), Fraction(limit.per_second)
        tokens, since = burst, Fraction(0)
        for moment in self.taken.get(key, []):
            tokens, since = min(burst, tokens + (moment - since) * rate) - 1, moment
        return min(burst, tokens + (at - since) * rate)

    def take(self, keys: Keys, at: Fraction) -> bool:
        if any(self.level(key, at) < 1 for key in keys):
            return False
        for key in keys:
            self.taken.setdefault(key, []).append(at)
        return True


buckets = st.sampled_from([("slow", "a"), ("slow", "b"), ("fast", "a")])
questions = st.tuples(
    st.lists(buckets, min_size=1, max_size=3, unique=True).map(tuple), st.sampled_from([0.0, 0.125, 0.25, 1.0, 8.0])
)


@given(st.lists(questions, max_size=40))
def test_buckets_let_pass_what_the_oracle_lets_pass(history: list[tuple[Keys, float]]) -> None:
    """Pauses are whole eighths, so that floating point is exact and a tie is a tie."""
    limits, oracle, now = MemoryLimits(LIMITS.values()), Oracle(), 1000.0
    for keys, pause in history:
        now += pause
        levels = {key: oracle.level(key, Fraction(now)) for key in keys}
        passes = oracle.take(keys, Fraction(now))
        verdict = asked(limits, keys, now)
        assert (verdict.retry_after is None) == passes
        if passes:
            assert verdict.remaining == min(levels.values()) - 1
        else:
            waits = {key: (1 - level) / Fraction(LIMITS[key[0]].per_second) for key, level in levels.items()}
            slowest = max(waits, key=lambda key: waits[key])
            assert verdict.retry_after == waits[slowest]
            assert verdict.limit == slowest[0]


def test_a_burst_is_refused_until_its_tokens_return() -> None:
    limits = MemoryLimits([FAST])
    verdicts = [asked(limits, (("fast", "a"),), at) for at in (0.0, 0.0, 0.0, 0.0, 0.25)]
    assert verdicts == [
        Verdict("fast", 2.0, None),
        Verdict("fast", 1.0, None),
        Verdict("fast", 0.0, None),
        Verdict("fast", 0.0, 0.25),
        Verdict("fast", 0.0, None),
    ]


def test_whoever_waits_as_long_as_told_is_let_pass() -> None:
    limits, at = MemoryLimits([SLOW]), 0.0
    for _ in range(10):
        verdict = asked(limits, (("slow", "a"),), at)
        at += verdict.retry_after or 0.0
        if verdict.retry_after is not None:
            assert asked(limits, (("slow", "a"),), at).retry_after is None


def test_a_refusal_takes_from_no_bucket() -> None:
    limits = MemoryLimits(LIMITS.values())
    both: Keys = (("fast", "a"), ("slow", "a"))
    for _ in range(2):
        assert asked(limits, both, 0.0).retry_after is None
    for _ in range(5):
        assert asked(limits, both, 0.0) == Verdict("slow", 0.0, 2.0)
    assert asked(limits, (("fast", "a"),), 0.0).retry_after is None


def test_a_clock_that_stands_or_goes_back_gives_no_tokens() -> None:
    limits = MemoryLimits([FAST])
    for at in (5.0, 5.0, 4.0):
        assert asked(limits, (("fast", "a"),), at).retry_after is None
    assert asked(limits, (("fast", "a"),), 3.0).retry_after is not None


def test_of_many_buckets_the_fullest_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory_limits, "MOST_BUCKETS", 10)
    limits = MemoryLimits([FAST])
    for _ in range(3):
        asked(limits, (("fast", "greedy"),), 0.0)
    for number in range(100):
        asked(limits, (("fast", f"{number}"),), 0.0)
    assert len(limits._buckets) <= 10
    assert asked(limits, (("fast", "greedy"),), 0.0).retry_after is not None
