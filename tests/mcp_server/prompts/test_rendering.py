from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from events.codes import INVALID_PARAMS
from mcp_server.calls import CallRefused
from mcp_server.prompts import PromptArgument, PromptTemplate
from mcp_server.prompts.rendering import RENDERED_LIMIT, render

TEMPLATE = PromptTemplate(
    "t",
    "",
    "{language}: {code} ({focus})",
    [PromptArgument("language"), PromptArgument("code"), PromptArgument("focus", "", False, "all")],
)


def refused(given: Any, template: PromptTemplate = TEMPLATE) -> CallRefused:
    with pytest.raises(CallRefused) as caught:
        render(template, given)
    assert caught.value.code == INVALID_PARAMS
    return caught.value


def test_a_default_stands_for_what_is_not_given() -> None:
    assert render(TEMPLATE, {"language": "c", "code": "x"}) == "c: x (all)"
    assert render(TEMPLATE, {"language": "c", "code": "x", "focus": ""}) == "c: x ()"


def test_all_that_is_wrong_is_told_at_once() -> None:
    refusal = refused({"lanugage": "c", "code": 1, "zzz": "x"})
    assert refusal.message == (
        "prompt t: language is missing; code must be a string; lanugage is no argument of this prompt "
        "(did you mean language?); zzz is no argument of this prompt"
    )
    assert refusal.data == {
        "name": "t",
        "missing": ["language"],
        "wrongType": ["code"],
        "unknown": ["lanugage", "zzz"],
    }


def test_what_was_given_already_is_not_suggested() -> None:
    assert "mean" not in refused({"language": "c", "code": "x", "languages": "c"}).message


@pytest.mark.parametrize("given", [None, [], "x", 1])
def test_arguments_are_an_object(given: Any) -> None:
    assert refused(given).message == "params.arguments must be an object of strings"


def test_a_flood_of_unknown_arguments_is_told_briefly() -> None:
    refusal = refused({"x" * 10_000 + str(number): "" for number in range(1_000)})
    assert "and 990 more are none" in refusal.message
    assert len(refusal.message) < 2_000


def test_a_text_that_would_grow_too_long_is_not_made() -> None:
    greedy = PromptTemplate("g", "", "{a}" * 1_000, [PromptArgument("a")])
    refusal = refused({"a": "x" * 10_000}, greedy)
    assert f"10000000 characters; at most {RENDERED_LIMIT}" in refusal.message
    assert len(render(greedy, {"a": "x" * 4_000})) == 4_000_000


NAMES = ("language", "code", "focus", "other")


@given(st.dictionaries(st.sampled_from(NAMES), st.one_of(st.text(), st.integers(), st.none())))
def test_arguments_are_taken_or_refused_as_by_hand(given: dict[str, Any]) -> None:
    wrong = [name for name, value in given.items() if name != "other" and not isinstance(value, str)]
    missing = [name for name in ("language", "code") if name not in given]
    if wrong or missing or "other" in given:
        refusal = refused(given)
        assert refusal.data == {
            "name": "t",
            "missing": missing,
            "wrongType": wrong,
            "unknown": ["other"] if "other" in given else [],
        }
        assert all(name in refusal.message for name in (*missing, *wrong))
    else:
        assert render(TEMPLATE, given) == f"{given['language']}: {given['code']} ({given.get('focus', 'all')})"
