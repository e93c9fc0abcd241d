import json
from typing import Any

import pytest
from hypothesis import given

from events.message import LONG, Message, RepeatedKey, canonical, parse
from tests.facts import message
from tests.histories import objects


@pytest.mark.parametrize(
    ("method", "params", "name"),
    [
        ("tools/call", {"name": "echo"}, "echo"),
        ("prompts/get", {"name": "greet", "uri": "u"}, "greet"),
        ("resources/read", {"uri": "file:///a"}, "file:///a"),
        ("resources/read", {"uri": "file:///a", "name": "other"}, "file:///a"),
        ("resources/read", {"name": "other"}, ""),
        ("tools/call", {"uri": "u"}, ""),
        ("tools/call", {"name": ["echo"]}, ""),
        ("tools/list", {}, ""),
    ],
)
def test_a_message_names_what_its_method_is_applied_to(method: str, params: dict[str, Any], name: str) -> None:
    assert message(1, method, params).name == name


def test_two_messages_are_equal_when_their_bytes_are() -> None:
    assert Message(b'{"a":1}') == Message(b'{"a":1}')
    assert Message(b'{"a":1}') != Message(b'{"a": 1}')
    assert len({Message(b'{"a":1}'), Message(b'{"a":1}'), Message(b"{}")}) == 2


def test_metadata_that_is_no_object_is_none() -> None:
    assert Message(b'{"params":{"_meta":[1]}}').meta == {}
    assert Message(b'{"params":[1]}').params == {}


@pytest.mark.parametrize("space", [b"", b" "])
def test_a_long_text_is_read_as_strictly_as_a_short_one(space: bytes) -> None:
    text = b'{"text":%b"%b","n":%b}' % (space, b"\\n" * LONG, b"1" * 30)
    assert parse(text) == {"text": "\n" * LONG, "n": int("1" * 30)}
    with pytest.raises(RepeatedKey, match="the key 'text' appears twice"):
        parse(text[:-1] + b',"text":1}')
    with pytest.raises(ValueError, match="double"):
        parse(text[:-1] + b',"x":1e999}')


def test_a_repeated_key_is_named() -> None:
    with pytest.raises(RepeatedKey, match="the key 'b' appears twice in one object"):
        parse(b'{"a":{"c":1},"b":1,"d":2,"b":3}')
    assert parse(b'{"a":{"a":1},"b":{"a":1}}') == {"a": {"a": 1}, "b": {"a": 1}}


@given(objects)
def test_whatever_the_spelling_the_values_are_the_same(body: dict[str, Any]) -> None:
    for text in (json.dumps(body), json.dumps(body, indent=1, sort_keys=True), json.dumps(body, ensure_ascii=False)):
        assert parse(text.encode()) == body


@given(objects)
def test_the_order_of_keys_makes_no_other_text(value: dict[str, Any]) -> None:
    backwards = dict(reversed(value.items()))
    assert canonical(value) == canonical(backwards)
    assert json.loads(canonical(value)) == value


@pytest.mark.parametrize(("one", "other"), [(1, 1.0), (1, True), (0, False), (2**64, 2**64 + 1), (2**64, float(2**64))])
def test_values_that_are_told_apart_have_texts_of_their_own(one: object, other: object) -> None:
    assert canonical({"b": [one], "a": 1}) != canonical({"b": [other], "a": 1})
    assert canonical({"b": [one], "a": 1}) == canonical({"a": 1, "b": [one]})
