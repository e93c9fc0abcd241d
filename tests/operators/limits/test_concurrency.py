from hypothesis import given
from hypothesis import strategies as st

from operators.limits.concurrency import RETRY_AFTER, Concurrency, Permits
from operators.limits.exact import Answer

LEASE = 10.0
# Pauses in seconds, all of them exact in a double; several of them add up to the lease, or nearly.
actions = st.tuples(st.booleans(), st.sampled_from("abcd"), st.sampled_from([0.0, 0.25, 0.5, 1.0, 4.0, 9.0, 9.75]))


@given(st.integers(1, 3), st.lists(actions, max_size=40))
def test_so_many_hold_a_permit_until_they_give_it_back_or_it_lapses(
    most: int, history: list[tuple[bool, str, float]]
) -> None:
    rule, now = Concurrency.of(most, LEASE), 1000.0
    permits: Permits | None = None
    granted: list[tuple[float, str]] = []  # all that was ever granted and not given back

    def ends() -> dict[str, float]:
        """When the permits that are held lapse."""
        held = {holder: max(at for at, other in granted if other == holder) + LEASE for _, holder in granted}
        return {holder: end for holder, end in held.items() if end > now}

    for takes, holder, pause in history:
        now += pause
        if not takes:
            permits = rule.release(permits or {}, holder)
            granted = [each for each in granted if each[1] != holder]
            continue
        before, held = permits, ends()
        permits, answer = rule.acquire(permits, holder, now)
        if holder in held or len(held) < most:
            granted.append((now, holder))
            assert answer == Answer(float(most - len(ends())), None)
        else:
            assert answer == Answer(0.0, min(RETRY_AFTER, min(held.values()) - now))
            assert permits == before
        assert rule.used(permits or {}, now) == len(ends()) / most


def test_a_time_counts_as_the_nearest_microsecond() -> None:
    rule = Concurrency.of(1, LEASE)
    permits, _ = rule.acquire(None, "a", 49.9999996)
    assert permits == rule.acquire(None, "a", 50.0)[0] == rule.acquire(None, "a", 50.0000004)[0]
    assert permits
    assert rule.acquire(permits, "b", 59.9999994)[1] == Answer(0.0, 1e-6)
    assert rule.acquire(permits, "b", 59.9999996)[1] == Answer(0.0, None)
    assert [rule.used(permits, at) for at in (59.9999994, 59.9999996)] == [1.0, 0.0]


def test_the_permit_that_lapses_first_is_waited_for() -> None:
    rule, permits = Concurrency.of(2, LEASE), None
    for holder, at in (("a", 50.0), ("b", 50.5), ("a", 50.75)):
        permits, _ = rule.acquire(permits, holder, at)
    assert rule.acquire(permits, "c", 60.25)[1] == Answer(0.0, 0.25)


def test_a_clock_that_goes_back_shortens_no_lease() -> None:
    rule = Concurrency.of(1, LEASE)
    permits, _ = rule.acquire(None, "a", 50.0)
    assert rule.acquire(permits, "a", 45.0)[0] == permits


def test_a_permit_is_given_back_by_its_holder_only() -> None:
    rule = Concurrency.of(1, 10.0)
    permits, _ = rule.acquire(None, "a", 0.0)
    assert permits
    assert rule.acquire(rule.release(permits, "b"), "b", 1.0)[1].retry_after == RETRY_AFTER
    assert rule.acquire(rule.release(permits, "a"), "b", 1.0)[1].retry_after is None
    assert rule.used(permits, 1.0) == 1.0
    assert rule.used(permits, 10.0) == 0.0
