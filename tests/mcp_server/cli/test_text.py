"""Recorded text on its way out: nothing in it may act on a terminal or in a spreadsheet."""

import json
import unicodedata
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcp_server.cli.text import clean, clipped, for_csv, frame_text, time_text, to_json

ACTIVE = {"Cc", "Cs", "Zl", "Zp"}
DIRECTIONS = {"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"}

anything = st.text(st.characters())


def acts(character: str) -> bool:
    return unicodedata.category(character) in ACTIVE or unicodedata.bidirectional(character) in DIRECTIONS


@given(anything)
def test_no_character_that_acts_is_left(text: str) -> None:
    assert not any(map(acts, clean(text)))


@given(st.binary())
def test_a_frame_of_any_bytes_becomes_harmless_text(frame: bytes) -> None:
    assert not any(map(acts, frame_text(frame)))


@given(
    st.recursive(st.none() | st.integers() | anything, lambda inner: st.lists(inner) | st.dictionaries(anything, inner))
)
def test_json_is_harmless_and_still_says_the_same(value: Any) -> None:
    text = to_json(value)
    assert not any(map(acts, text))
    assert json.loads(text) == value


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@x", "\t=1", "\r=1"])
def test_no_cell_of_text_is_a_formula(text: str) -> None:
    assert for_csv(text)[0] in "'\\"
    assert for_csv("plain") == "plain"


def test_a_negative_number_stays_a_number() -> None:
    assert for_csv(-32602) == -32602


def test_what_is_cut_off_is_counted() -> None:
    assert clipped("abcdef", 4) == "abcd... (2 more)"
    assert clipped("abcd", 4) == "abcd"


@pytest.mark.parametrize(("at", "text"), [(0.0, "1970-01-01T00:00:00.000Z"), (None, ""), (1e300, "1e+300")])
def test_times_are_utc(at: float | None, text: str) -> None:
    assert time_text(at) == text
