import enum
import uuid
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcp_server.cache import NotCacheable
from mcp_server.cache.values import DEEPEST, decode, encode

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), inner),
    max_leaves=20,
)


@given(JSON)
def test_what_comes_back_equals_what_went_in(value: Any) -> None:
    back = decode(encode(value))
    assert back == value
    assert repr(back) == repr(value)  # 1 is not 1.0, and True is neither


class Colour(enum.IntEnum):
    RED = 1


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        ({1, 2}, "value is a set, and only JSON values can be kept; make it a list"),
        ((1, 2), "value is a tuple, and only JSON values can be kept; make it a list"),
        ({"a": [0, {"b": object()}]}, r"value\.a\[1\]\.b is a object"),
        ({1: 2}, "value has the key 1, and the keys of JSON objects are strings"),
        (b"bytes", "value is a bytes"),
        (datetime(2026, 1, 1, tzinfo=UTC), "value is a datetime"),
        (uuid.UUID(int=1), "value is a UUID"),
        (Colour.RED, "value is a Colour"),
        ([float("nan")], r"value\[0\] is nan, which JSON lacks"),
        (float("-inf"), "value is -inf"),
        (2**64, "an integer beyond 64 bits"),
        ("\ud800", "cannot be written as JSON"),
    ],
)
def test_what_is_no_json_value_is_refused_and_named(value: Any, problem: str) -> None:
    with pytest.raises(NotCacheable, match=problem):
        encode(value)


def test_values_may_be_nested_so_deep_and_no_deeper() -> None:
    value: Any = 1
    for _ in range(DEEPEST):
        value = [value]
    assert decode(encode(value)) == value
    with pytest.raises(NotCacheable, match="nested more than 128 levels"):
        encode([value])
    endless: list[Any] = []
    endless.append(endless)
    with pytest.raises(NotCacheable, match="nested"):
        encode(endless)
