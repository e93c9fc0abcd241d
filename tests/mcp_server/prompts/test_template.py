from typing import Any

import msgspec
import pytest

from mcp_server import Unusable
from mcp_server.prompts import PromptArgument, PromptTemplate, UnusableTemplate

A = PromptArgument("a", "the first")


def template(prompt: str = "{a}", arguments: Any = (A,), **others: Any) -> PromptTemplate:
    return PromptTemplate("t", "a test", prompt, arguments, **others)


def test_a_template_is_a_value() -> None:
    one, other = template(tags=["x", "y", "x"]), template(tags=("x", "y"))
    assert one == other
    assert hash(one) == hash(other)
    assert (one.category, one.tags, one.arguments) == ("general", ("x", "y"), (A,))
    assert msgspec.structs.replace(one, prompt="{a}!") != one


def test_arguments_are_given_in_the_order_of_the_guide() -> None:
    made = PromptTemplate("n", "d", "{x}", [PromptArgument("x", "y", False)], "c", ["t"])
    assert (made.name, made.description, made.prompt, made.category, made.tags) == ("n", "d", "{x}", "c", ("t",))
    assert made.arguments == (PromptArgument(name="x", description="y", required=False),)


def test_what_was_made_of_a_list_does_not_change_with_it() -> None:
    tags = ["one"]
    made = template(tags=tags)
    tags.append("two")
    assert made.tags == ("one",)


def test_a_placeholder_that_is_not_declared_is_refused_with_its_line() -> None:
    with pytest.raises(UnusableTemplate, match=r"\{b\} stands for no argument that is declared") as caught:
        template("{a}\n\n{b}")
    assert (caught.value.field, caught.value.index) == ("prompt", 2)


def test_an_argument_that_is_not_used_is_refused() -> None:
    with pytest.raises(UnusableTemplate, match="the argument b is never used") as caught:
        template("{a}", [A, PromptArgument("b")])
    assert (caught.value.field, caught.value.index) == ("arguments", 1)


@pytest.mark.parametrize(
    ("wrong", "field", "told"),
    [
        ({"prompt": "{a.__class__}"}, "prompt", "is no placeholder"),
        ({"prompt": "{a} {"}, "prompt", "a single {"),
        ({"prompt": 1}, "prompt", "must be text, not int"),
        ({"prompt": "{a}" + "x" * 65_536}, "prompt", "at most 65536"),
        ({"prompt": "{a}\ud800"}, "prompt", "not valid Unicode"),
        ({"arguments": [A, A]}, "arguments", "two arguments a"),
        ({"arguments": ["a"]}, "arguments", "not str"),
        ({"arguments": "a"}, "arguments", "must be a list"),
        ({"arguments": [PromptArgument(f"a{n}") for n in range(33)]}, "arguments", "at most 32"),
        ({"tags": "api"}, "tags", "must be a list"),
        ({"tags": ["x", "y\nz"]}, "tags", "on one line"),
        ({"tags": ["x", 1]}, "tags", "not int"),
        ({"category": ""}, "category", "on one line"),
        ({"title": " "}, "title", "on one line"),
    ],
)
def test_what_is_wrong_with_a_template_is_told(wrong: dict[str, Any], field: str, told: str) -> None:
    with pytest.raises(UnusableTemplate) as caught:
        template(**wrong)
    assert caught.value.field == field
    assert told in str(caught.value)
    assert isinstance(caught.value, Unusable)


@pytest.mark.parametrize("name", ["", "a b", "a/b", "ä", "x" * 129, "a\n"])
def test_a_name_fits_into_a_header(name: str) -> None:
    with pytest.raises(UnusableTemplate, match="name"):
        PromptTemplate(name, "", "")


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"name": "1a"}, "name"),
        ({"name": "a.b"}, "name"),
        ({"name": "a\n"}, "name"),
        ({"description": None}, "description"),
        ({"required": "yes"}, "required"),
        ({"default": "x"}, "default"),
        ({"required": False, "default": 1}, "default"),
        ({"suggestions": "abc"}, "suggestions"),
        ({"suggestions": ["a"] * 101}, "suggestions"),
    ],
)
def test_what_is_wrong_with_an_argument_is_told(wrong: dict[str, Any], field: str) -> None:
    with pytest.raises(UnusableTemplate) as caught:
        PromptArgument(**{"name": "a"} | wrong)
    assert caught.value.field == field


def test_a_template_is_listed_as_the_protocol_has_it() -> None:
    made = template(title="T", category="c", tags=["x"], prompt="{a}{b}", arguments=[A, PromptArgument("b", "", False)])
    assert made.listing(3) == {
        "name": "t",
        "title": "T",
        "description": "a test",
        "arguments": [{"name": "a", "description": "the first", "required": True}, {"name": "b", "required": False}],
        "_meta": {"category": "c", "tags": ["x"], "version": 3},
    }
    assert PromptTemplate("t", "", "x").listing(1) == {
        "name": "t",
        "_meta": {"category": "general", "tags": [], "version": 1},
    }
