import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.event_ids import EventId, event_id


@given(st.none() | st.integers(-(2**63), 2**63 - 1) | st.text(max_size=50), st.integers(0, 10**15 - 1))
def test_an_id_says_which_stream_and_where(request: int | str | None, number: int) -> None:
    text = str(EventId(request, number))
    assert event_id(text) == EventId(request, number)
    assert text.isascii()
    assert text.isprintable()


@pytest.mark.parametrize(
    "text", ["", "x", ".", "1", ".-1", ".1x", "\u0661.1", "!.1", "e30.1", "dHJ1ZQ.1", f".{10**15}"]
)
def test_what_is_none_is_none(text: str) -> None:
    assert event_id(text) is None
