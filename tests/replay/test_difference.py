"""Where two JSON values differ."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from replay.difference import MISSING, Difference, differences, pointer, readable

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


BEFORE = {"result": {"content": [{"id": 1, "at": 1}, {"id": 2, "at": 1}], "a/b": 1, "m~n": 1}}
AFTER = {"result": {"content": [{"id": 3, "at": 2}, {"id": 2, "at": 2, "new": 0}], "a/b": 2, "m~n": 2}}


@pytest.mark.parametrize(
    ("ignored", "left"),
    [
        ([], ["content[0].id", "content[0].at", "content[1].at", "content[1].new", '["a/b"]', '["m~n"]']),
        (["/result/content/*/at"], ["content[0].id", "content[1].new", '["a/b"]', '["m~n"]']),
        (["/result/content/1", "/result/a~1b"], ["content[0].id", "content[0].at", '["m~n"]']),
        (["/result/content", "/result/m~0n"], ['["a/b"]']),
        (["/*/*/*/*"], ['["a/b"]', '["m~n"]']),
        (["/result"], []),
        (
            ["/result/content/0/id/deeper", "/content", "/result/conten"],
            ["content[0].id", "content[0].at", "content[1].at", "content[1].new", '["a/b"]', '["m~n"]'],
        ),
    ],
)
def test_what_a_pointer_leads_to_is_not_compared(ignored: list[str], left: list[str]) -> None:
    found = differences(BEFORE, AFTER, ignored=[pointer(each) for each in ignored])
    assert [each.path.removeprefix("$.result").removeprefix(".") for each in found] == left


@pytest.mark.parametrize(
    ("text", "told"), [("", "a slash"), ("result", "a slash"), ("$.result", "a slash"), ("/a~b", "~0"), ("/a~", "~0")]
)
def test_what_is_no_pointer_is_told_how_to_write_one(text: str, told: str) -> None:
    with pytest.raises(ValueError, match=told):
        pointer(text)


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
