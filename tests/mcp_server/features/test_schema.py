import datetime as dt
from dataclasses import dataclass
from enum import Enum
from typing import Annotated, Any, Literal

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from msgspec import Meta, Struct

from mcp_server.features.convert import converters
from mcp_server.features.schema import input_schema
from mcp_server.features.signature import read_signature
from mcp_server.features.typed import type_schema
from mcp_server.features.validate import BadSchema, Validator


class Mode(Enum):
    FAST = "fast"
    SLOW = "slow"


@dataclass
class Point:
    x: int
    y: float = 0.0


class Tree(Struct):
    name: str
    children: list["Tree"] = []


class Strict(Struct, forbid_unknown_fields=True):
    a: bool | None


HINTS: list[Any] = [
    str,
    int,
    float,
    bool,
    int | float,
    str | None,
    int | None,
    Literal["a", 1] | None,
    Mode,
    Point,
    Tree,
    Strict,
    list[int],
    list[Point],
    dict[str, float],
    tuple[int, str],
    set[str],
    Point | None,
    list[int] | str,
    Annotated[int, Meta(ge=3, le=9)],
    Annotated[str, Meta(min_length=2, pattern="^a")],
    Annotated[list[int], Meta(max_length=2)],
    Any,
    dict[str, Any],
    list[dict[str, Any]],
    dt.datetime,
    dt.date,
]

keys = st.sampled_from(["x", "y", "name", "children", "a", "z"])
json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-3, 10)
    | st.sampled_from([2.0, 2.5, 2**70, "", "a", "ab", "fast", "2026-01-02", "2026-01-02T03:04:05Z"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=3),
    max_leaves=6,
)


@given(st.sampled_from(HINTS), json_values)
@example(set[str], ["", ""])
@example(set[str], [None, None])
def test_what_the_schema_lets_in_can_be_converted_and_what_can_be_converted_it_lets_in(hint: Any, value: Any) -> None:
    def function(value: Any) -> None: ...

    function.__annotations__["value"] = hint
    signature = read_signature(function)
    validator = Validator(input_schema(signature))
    convert = dict(converters(signature)).get("value", lambda given: given)
    arguments = {"value": value}
    if validator.is_valid(arguments):
        if hint in (dt.datetime, dt.date):  # formats are the conversion's to check
            return
        converted = convert(value)
        assert msgspec.to_builtins(converted, str_keys=True) is not None or value is None
    else:
        assert validator.explain(arguments, "arguments").startswith("arguments")
        once = [each for at, each in enumerate(value) if each not in value[:at]] if isinstance(value, list) else value
        if hint == set[str] and validator.is_valid({"value": once}):  # of repetition alone the schema tells
            assert msgspec.convert(value, hint) == set(once)
            return
        with pytest.raises(msgspec.ValidationError):
            msgspec.convert(value, hint)


def test_an_element_of_a_set_that_is_repeated_is_told() -> None:
    def function(value: set[str]) -> None: ...

    validator = Validator(input_schema(read_signature(function)))
    assert validator.explain({"value": ["a", "a"]}, "arguments") == 'arguments.value: ["a","a"] has non-unique elements'


def test_int_or_float_is_one_kind_of_number() -> None:
    assert type_schema(int | float) == {"type": "number"}
    assert type_schema(int | float | None) == {"anyOf": [{"type": "number"}, {"type": "null"}]}
    assert type_schema(list[float | int]) == {"type": "array", "items": {"type": "number"}}


def test_a_type_that_holds_itself_is_written_out_at_the_root_and_named() -> None:
    schema = type_schema(Tree)
    assert schema["type"] == "object"
    assert schema["properties"]["children"]["items"] == {"$ref": "#/$defs/Tree"}
    assert Validator(schema).is_valid({"name": "a", "children": [{"name": "b"}]})
    assert not Validator(schema).is_valid({"name": "a", "children": [{"name": 1}]})


def test_the_root_of_a_plain_type_needs_no_definitions() -> None:
    assert "$defs" not in type_schema(Point)


def test_a_default_that_clients_cannot_write_stays_out() -> None:
    def function(a: Any = object, b: list[int] = [1], c: Mode = Mode.FAST) -> None: ...  # noqa: B006

    properties = input_schema(read_signature(function))["properties"]
    assert properties["a"] == {}
    assert properties["b"]["default"] == [1]
    assert properties["c"]["default"] == "fast"


def test_a_description_beside_the_type_wins_over_the_docstring() -> None:
    def function(a: Annotated[int, "here"], b: Annotated[int, Meta(description="there")], c: int = 0) -> None:
        """Do.

        Args:
            a: From the docstring.
            b: From the docstring.
            c: From the docstring.
        """

    properties = input_schema(read_signature(function))["properties"]
    assert [properties[name]["description"] for name in "abc"] == ["here", "there", "From the docstring."]


@pytest.mark.parametrize(
    ("schema", "told"),
    [
        ({"type": "nonsense"}, "schema.type"),
        ({"$ref": "http://127.0.0.1:9/schema.json"}, "http://127.0.0.1:9/schema.json is not fetched"),
        ({"$ref": "#/nowhere"}, "/nowhere"),
        ({"pattern": "(a)\\1"}, "patterns have no lookaround and no backreferences"),
    ],
)
def test_a_schema_that_cannot_be_used_says_why(schema: dict[str, Any], told: str) -> None:
    with pytest.raises(BadSchema, match=told.replace(".", r"\.")):
        Validator(schema)


def test_a_pattern_that_would_run_away_does_not() -> None:
    validator = Validator({"type": "string", "pattern": "^(a+)+$"})
    assert not validator.is_valid("a" * 100_000 + "!")


def test_a_choice_that_nothing_fits_is_told_by_what_comes_nearest() -> None:
    validator = Validator(
        {
            "$defs": {"Point": type_schema(Point)},
            "properties": {
                "a": {"anyOf": [{"$ref": "#/$defs/Point"}, {"type": "null"}]},
                "b": {"anyOf": [{"minimum": 3}, {"type": "null"}]},
            },
        }
    )
    assert validator.explain({"a": {"x": "1"}}, "value") == 'value.a.x: "1" is not of type "integer"'
    assert validator.explain({"a": 1}, "value") == 'value.a: 1 is not of type "object" or "null"'
    assert validator.explain({"b": 1}, "value") == "value.b: 1 is less than the minimum of 3"


def test_only_the_first_few_errors_are_told() -> None:
    validator = Validator({"items": {"type": "integer"}})
    lines = validator.explain(["x"] * 9, "rows").splitlines()
    assert lines[0] == 'rows[0]: "x" is not of type "integer"'
    assert len(lines) == 6
    assert lines[-1] == "and 4 more"
    assert len(validator.explain(["x"] * 5000, "rows").splitlines()) == 1
