"""Every algorithm against an oracle that remembers everything, works in fractions, and looks for the wait by trying."""

from collections.abc import Sequence
from fractions import Fraction
from math import inf, isinf
from typing import Any, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from operators.limits.exact import Answer
from operators.limits.fixed_window import FixedWindow
from operators.limits.leaky_bucket import LeakyBucket
from operators.limits.limit import Rate
from operators.limits.sliding_window_counter import SlidingWindowCounter
from operators.limits.sliding_window_log import MOST_LOGGED, SlidingWindowLog
from operators.limits.token_bucket import Level, TokenBucket
from tests.operators.limits import oracles
from tests.operators.limits.oracles import SECOND, Oracle


class Pair(NamedTuple):
    rule: Any
    oracle: Oracle


requests = st.integers(1_000, 8_000).map(lambda parts: Fraction(parts, 1000)) | st.integers(1, 8).map(Fraction)
windows = st.one_of(
    st.sampled_from([1_000_000, 3_000_000]),  # in which several of the pauses below fit
    st.sampled_from([1_000, 250_000, 60_000_000]),
    st.integers(1_000, 90_000),
)
rates = st.builds(lambda many, window: Fraction(many * SECOND, window), st.integers(1, 50), windows)


def buckets(rate: Fraction, burst: Fraction) -> Pair:
    return Pair(TokenBucket.of(rate, float(burst)), oracles.token_bucket(rate, burst))


def leaky(rate: Fraction, burst: Fraction) -> Pair:
    return Pair(LeakyBucket.of(rate, float(burst)), oracles.gcra(rate, burst))


def windowed(kind: Any, oracle: Any) -> st.SearchStrategy[Pair]:
    return st.builds(
        lambda many, window: Pair(kind.of(float(many), window / SECOND), oracle(many, window)), requests, windows
    )


PAIRS = {
    "token bucket": st.builds(buckets, rates, requests),
    "leaky bucket": st.builds(leaky, rates, requests),
    "fixed window": windowed(FixedWindow, oracles.fixed_window),
    "sliding window log": windowed(SlidingWindowLog, oracles.sliding_window_log),
    "sliding window counter": windowed(SlidingWindowCounter, oracles.sliding_window_counter),
}
MANY = Fraction(10**10)
TENTH = SECOND // 10
COARSE = {
    "token bucket": buckets(Fraction(10**6), MANY),
    "leaky bucket": leaky(Fraction(10**6), MANY),
    "sliding window counter": Pair(
        SlidingWindowCounter.of(1e6, 86_400.0), oracles.sliding_window_counter(Fraction(10**6), 86_400 * SECOND)
    ),
}
RULES = {
    "token bucket": TokenBucket.of(4.0, 3.0),
    "leaky bucket": LeakyBucket.of(4.0, 3.0),
    "fixed window": FixedWindow.of(3.0, 1.0),
    "sliding window log": SlidingWindowLog.of(3.0, 1.0),
    "sliding window counter": SlidingWindowCounter.of(3.0, 1.0),
}
# Pauses in shares of a second, some of them backwards.
pauses = st.one_of(
    st.integers(0, 3),
    st.sampled_from([10_000, 125_000, 250_000]),
    st.sampled_from([0, 1, 999, 1_000, 125_000, 250_000, 999_999, 1_000_000, 60_000_000, -1, -400_000]),
    st.integers(0, 2_000_000),
)
costs = st.sampled_from([1000, 1000, 1000, 500, 1, 2500, 3000, 9000])
histories = st.lists(st.tuples(pauses, costs), min_size=1, max_size=25)
# Pauses in tenths of a second, and costs in thousandths of all that may pass at once.
coarse_histories = st.lists(
    st.tuples(
        st.sampled_from([0, 1, 10, 600, 40_000, 100_000, 432_000, 864_000, -1, -500]) | st.integers(0, 900_000),
        st.sampled_from([1, 3, 100, 250, 500, 999, 1000, 1001]),
    ),
    min_size=1,
    max_size=25,
)
starts = st.sampled_from([70_000_000, 1_700_000_000_000_000, 1_699_999_999_999_999]) | st.integers(10**8, 4 * 10**15)


def live(pair: Pair, start: int, history: Sequence[tuple[int, int]]) -> None:
    rule, oracle = pair
    taken: list[tuple[int, Fraction]] = []
    state, now = None, start
    for pause, parts in history:
        now += pause
        cost = Fraction(parts, 1000)
        felt = max(now, taken[-1][0]) if taken else now  # time that goes back is taken as time that stands
        left = oracle.remaining(taken, felt)
        after, answer = rule.take(state, float(cost), now / SECOND)
        if cost <= left:
            assert answer.retry_after is None
            assert answer.remaining == float(left - cost)
            taken.append((felt, cost))
        else:
            assert answer.retry_after is not None
            assert answer.remaining == pytest.approx(float(max(Fraction(0), left)))
            assert after == state
            check_wait(rule, state, float(cost), now, answer.retry_after, oracle, taken)
        state = after
        check_used(rule, state, now, oracle, taken)


def check_used(rule: Any, state: Any, now: int, oracle: Oracle, taken: list[tuple[int, Fraction]]) -> None:
    """What is gone and what is left are the whole, now and later."""
    if state is None:
        return
    tick = SECOND // int(rule.hertz)
    for moment in (now, now + tick, now + 333_333 * tick, now + 60_000_000 * tick):
        left = oracle.remaining(taken, max(moment, taken[-1][0]))
        assert rule.used(state, moment / SECOND) == pytest.approx(float(1 - left / oracle.most), abs=1e-9)


def check_wait(
    rule: Any, state: Any, cost: float, now: int, wait: float, oracle: Oracle, taken: list[tuple[int, Fraction]]
) -> None:
    """The same request passes after the wait, and not one tick before."""
    if Fraction(cost) > oracle.most:
        assert wait == inf
        return
    at = now / SECOND
    assert rule.take(state, cost, at + wait)[1].retry_after is None
    until, tick = round((at + wait) * SECOND), SECOND // int(rule.hertz)
    exact = Fraction(round(cost * 1000), 1000)
    assert oracle.remaining(taken, until) >= exact
    if until - tick >= taken[-1][0]:
        assert oracle.remaining(taken, until - tick) < exact
        assert rule.take(state, cost, (until - tick) / SECOND)[1].retry_after is not None


@pytest.mark.parametrize("name", PAIRS)
def test_an_algorithm_says_what_its_oracle_says(name: str) -> None:
    @given(PAIRS[name], starts, histories)
    def agrees(pair: Pair, start: int, history: list[tuple[int, int]]) -> None:
        live(pair, start, history)

    agrees()


@pytest.mark.parametrize("name", COARSE)
def test_so_does_one_whose_ticks_are_coarse_because_very_much_passes(name: str) -> None:
    pair = COARSE[name]
    assert pair.rule.hertz < SECOND

    @given(st.integers(700, 4 * 10**10).map(lambda tenths: tenths * TENTH), coarse_histories)
    def agrees(start: int, history: list[tuple[int, int]]) -> None:
        live(pair, start, [(pause * TENTH, share * int(pair.oracle.most)) for pause, share in history])

    agrees()


def test_an_algorithm_that_rounds_is_found_out() -> None:
    """The control: a bucket that keeps its level in whole tokens."""

    class Rounding(TokenBucket, frozen=True, gc=False):
        def take(self, level: Level | None, cost: float, at: float) -> tuple[Level | None, Answer]:
            return TokenBucket.take(self, level, cost, float(int(at)))

    pair = buckets(Fraction(3), Fraction(1))
    history = [(0, 1000), (400_000, 1000), (400_000, 1000)]
    live(pair, 70_000_000, history)
    with pytest.raises(AssertionError):
        live(Pair(Rounding.of(3, 1), pair.oracle), 70_000_000, history)


@pytest.mark.parametrize("rule", RULES.values(), ids=RULES)
@given(at=st.floats(1.0, 4e9))
def test_whoever_waits_as_long_as_told_is_let_pass_whatever_the_time(rule: Rate, at: float) -> None:
    state: Any = None
    answer = None
    for _ in range(5):
        state, answer = rule.take(state, 1.0, at)
    assert answer is not None
    assert answer.retry_after is not None
    assert rule.take(state, 1.0, at + answer.retry_after)[1].retry_after is None


@pytest.mark.parametrize("rule", RULES.values(), ids=RULES)
def test_a_time_counts_as_the_nearest_microsecond(rule: Rate) -> None:
    state: Any = rule.take(None, 1.0, 50.0)[0]
    for at, nearest in ((50.1000004, 50.1), (50.1000006, 50.100001), (50.9999996, 51.0), (51.0000004, 51.0)):
        assert rule.take(state, 1.0, at) == rule.take(state, 1.0, nearest)
        assert rule.used(state, at) == rule.used(state, nearest)


@pytest.mark.parametrize("rule", RULES.values(), ids=RULES)
def test_a_clock_that_goes_back_neither_gives_nor_takes(rule: Rate) -> None:
    state: Any = None
    for at in (105.6, 105.6, 104.0):
        state, answer = rule.take(state, 1.0, at)
        assert answer.retry_after is None
    late = rule.take(state, 1.0, 103.0)[1].retry_after
    assert late is not None
    assert rule.take(state, 1.0, 103.0 + late)[1].retry_after is None
    assert 103.0 + late == pytest.approx(105.6 + (rule.take(state, 1.0, 105.6)[1].retry_after or 0.0))


@pytest.mark.parametrize("rule", RULES.values(), ids=RULES)
def test_what_costs_more_than_ever_passes_never_does(rule: Rate) -> None:
    assert isinf(rule.take(None, 3.001, 50.0)[1].retry_after or 0.0)
    assert rule.take(None, 3.0, 50.0)[1].retry_after is None


@pytest.mark.parametrize("rule", RULES.values(), ids=RULES)
def test_what_is_used_falls_back_to_nothing_and_may_then_be_forgotten(rule: Rate) -> None:
    state: Any = None
    for expected in (1 / 3, 2 / 3, 1.0):
        state, _ = rule.take(state, 1.0, 50.0)
        assert rule.used(state, 50.0) == pytest.approx(expected)
    assert rule.used(state, 52.0) == 0.0


def test_a_leaky_bucket_spaces_requests_evenly_unless_told_otherwise() -> None:
    rule, state, passed = LeakyBucket.of(4.0), None, []
    for eighth in range(17):
        after, answer = rule.take(state, 1.0, 100 + eighth / 8)
        if answer.retry_after is None:
            state = after
            passed.append(eighth)
    assert passed == [0, 2, 4, 6, 8, 10, 12, 14, 16]


def test_a_log_holds_no_more_than_its_bound() -> None:
    with pytest.raises(ValueError, match="at most 10000 requests; sliding_window_counter takes more"):
        SlidingWindowLog.of(MOST_LOGGED + 1, 60.0)
