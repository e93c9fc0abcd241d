"""Where two JSON values differ."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from replay.difference import MISSING, Difference, differences, readable

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)


@pytest.mark.parametrize(
    ("before", "after", "path"),
    [
        ({"a": {"b": [1, 2]}}, {"a": {"b": [1, 3]}}, "$.a.b[1]"),
        ({"odd key": 1}, {"odd key": 2}, '$["odd key"]'),
        ([1], [1, 2], "$[1]"),
        ({"a": 1}, {}, "$.a"),
        (1, 1.0, "$"),
        (1, True, "$"),
        ("a", None, "$"),
        ({}, [], "$"),
    ],
)
def test_the_path_leads_to_what_differs(before: Any, after: Any, path: str) -> None:
    assert [found.path for found in differences(before, after)] == [path]


def test_what_is_missing_is_told_from_null() -> None:
    assert list(differences({"a": None}, {})) == [Difference("$.a", None, MISSING)]


@given(JSON)
def test_equal_values_do_not_differ(value: Any) -> None:
    assert not list(differences(value, value))


@pytest.mark.parametrize(
    ("data", "value"),
    [
        (b'{"a":1}', {"a": 1}),
        (b"plain text", "plain text"),
        (b"\xff\x00", "0xff00"),
        (b"", ""),
        (b'{"a":1,"a":2}', '{"a":1,"a":2}'),
    ],
)
def test_bytes_are_read_as_json_or_shown_as_they_are(data: bytes, value: Any) -> None:
    assert readable(data) == value
