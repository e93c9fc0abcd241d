from hypothesis import given
from hypothesis import strategies as st

from operators.limits.concurrency import RETRY_AFTER, Concurrency, Permits
from operators.limits.exact import Answer

actions = st.tuples(st.booleans(), st.sampled_from("abcd"), st.sampled_from([0, 1, 4, 9]))


@given(st.integers(1, 3), st.lists(actions, max_size=40))
def test_so_many_hold_a_permit_until_they_give_it_back_or_it_lapses(
    most: int, history: list[tuple[bool, str, int]]
) -> None:
    rule, now = Concurrency.of(most, 10.0), 1000
    permits: Permits | None = None
    since: dict[str, int] = {}
    for takes, holder, pause in history:
        now += pause
        since = {each: begun for each, begun in since.items() if now - begun < 10}
        if not takes:
            permits = rule.release(permits or {}, holder)
            since.pop(holder, None)
            continue
        before = permits
        permits, answer = rule.acquire(permits, holder, float(now))
        if holder in since or len(since) < most:
            since[holder] = now
            assert answer == Answer(float(most - len(since)), None)
        else:
            assert answer.remaining == 0.0
            assert answer.retry_after == min(RETRY_AFTER, min(since.values()) + 10 - now)
            assert permits == before


def test_a_permit_is_given_back_by_its_holder_only() -> None:
    rule = Concurrency.of(1, 10.0)
    permits, _ = rule.acquire(None, "a", 0.0)
    assert permits
    assert rule.acquire(rule.release(permits, "b"), "b", 1.0)[1].retry_after == RETRY_AFTER
    assert rule.acquire(rule.release(permits, "a"), "b", 1.0)[1].retry_after is None
    assert rule.used(permits, 1.0) == 1.0
    assert rule.used(permits, 10.0) == 0.0
