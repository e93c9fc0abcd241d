from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from operators.limits.exact import EXACT, HERTZ, fraction, rate_in_ticks, wait, window_in_ticks


@given(st.floats(0.001, 1e6), st.floats(1, 1e6))
def test_a_rate_is_counted_to_a_millionth_in_numbers_that_lua_has_too(per_second: float, most: float) -> None:
    refill, token, hertz = rate_in_ticks(fraction(per_second), most)
    assert Fraction(refill * hertz, token) == pytest.approx(per_second, rel=1e-6)
    assert most * token <= EXACT
    assert refill <= EXACT
    assert hertz in HERTZ


@pytest.mark.parametrize("window", [1, 60, 3600, 86_400])
@pytest.mark.parametrize("requests", [1, 3, 7, 100, 1000, 10_000])
def test_so_many_in_a_usual_window_is_counted_exactly(requests: int, window: int) -> None:
    refill, token, hertz = rate_in_ticks(Fraction(requests, window), requests)
    assert Fraction(refill * hertz, token) == Fraction(requests, window)


def test_a_rate_is_what_it_was_written_as() -> None:
    assert rate_in_ticks(fraction(0.1), 1) == (1, 10_000_000, 1_000_000)
    assert rate_in_ticks(fraction(1 / 3), 1) == (1, 3_000_000, 1_000_000)


def test_what_cannot_be_counted_is_refused() -> None:
    with pytest.raises(ValueError, match=r"^1e-12 a second with up to 1e\+12 at once cannot be counted exactly$"):
        rate_in_ticks(fraction(1e-12), 1e12)
    with pytest.raises(ValueError, match=r"^so many in 86400 s cannot be counted exactly$"):
        window_in_ticks(86_400.0, EXACT)


@given(st.floats(1e-6, 1e9), st.integers(1, 10**10))
def test_a_window_takes_the_finest_ticks_that_fit(seconds: float, most: int) -> None:
    try:
        ticks, hertz = window_in_ticks(seconds, most)
    except ValueError:
        return
    assert ticks * most <= EXACT
    assert ticks == pytest.approx(seconds * hertz, abs=0.6)


@given(st.floats(0, 4e9), st.integers(0, 10**13))
def test_a_wait_ends_on_its_tick(at: float, ticks: int) -> None:
    until = int(at * 1_000_000 + 0.5) + ticks
    assert int((at + wait(at, until, 1_000_000)) * 1_000_000 + 0.5) == until
