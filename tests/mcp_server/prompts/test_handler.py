from typing import Any

import pytest

from events.codes import INVALID_PARAMS
from mcp_server.calls import CallRefused
from mcp_server.features.encode import to_json
from mcp_server.prompts import BUILT_IN, PromptArgument, PromptHandler, PromptRegistry, PromptTemplate


@pytest.fixture
def registry() -> PromptRegistry:
    return PromptRegistry(BUILT_IN)


@pytest.fixture
def handler(registry: PromptRegistry) -> PromptHandler:
    return PromptHandler(registry)


def names(entries: list[dict[str, Any]]) -> list[str]:
    return [entry["name"] for entry in entries]


async def test_prompts_are_listed_as_the_protocol_has_them(handler: PromptHandler) -> None:
    entries = await handler.list({})
    assert names(entries) == sorted(template.name for template in BUILT_IN)
    (review,) = [entry for entry in entries if entry["name"] == "code_review"]
    assert review["_meta"] == {"category": "code_analysis", "tags": ["review", "quality", "security"], "version": 1}
    assert {argument["name"] for argument in review["arguments"] if argument["required"]} == {
        "file_path",
        "language",
        "code",
    }
    assert to_json(entries)


async def test_prompts_are_listed_by_category_and_tag(handler: PromptHandler) -> None:
    assert names(await handler.list({"category": "code_analysis", "tag": "review"})) == ["code_review"]
    assert names(await handler.list({"category": "nothing"})) == []
    assert names(await handler.list({"tag": "quality"})) == ["code_review", "generate_tests"]


async def test_a_prompt_is_got_as_the_protocol_has_it(handler: PromptHandler) -> None:
    arguments = {"file_path": "main.py", "language": "python", "code": "def hello(): pass"}
    result = await handler.get({"name": "code_review", "arguments": arguments})
    (message,) = result["messages"]
    assert (message["role"], message["content"]["type"]) == ("user", "text")
    assert all(value in message["content"]["text"] for value in arguments.values())
    assert result["description"].startswith("Review code")


async def test_an_earlier_version_can_be_got(registry: PromptRegistry, handler: PromptHandler) -> None:
    for text in ("one", "two"):
        registry.register_prompt(PromptTemplate("t", "", text))
    said = [
        (await handler.get({"name": "t"} | asked))["messages"][0]["content"]["text"]
        for asked in ({}, {"version": 1}, {"version": 2, "arguments": None})
    ]
    assert said == ["two", "one", "two"]
    assert "description" not in await handler.get({"name": "t"})


async def test_prompts_are_found_and_listed(handler: PromptHandler) -> None:
    entries = await handler.search({"query": "documentation"})
    assert entries[0] in await handler.list({})
    assert names(entries)[0] == "generate_documentation"
    assert len(await handler.search({"query": "code", "limit": 2})) == 2


@pytest.mark.parametrize(
    ("method", "params", "told"),
    [
        ("list", {"category": 1}, "params.category must be a string"),
        ("list", {"tag": None}, "params.tag must be a string"),
        ("get", {}, "params.name must be a string"),
        ("get", {"name": "code_revue"}, "unknown prompt: code_revue; did you mean code_review"),
        ("get", {"name": "code_review"}, "file_path is missing; language is missing; code is missing"),
        ("get", {"name": "code_review", "arguments": []}, "must be an object of strings"),
        ("get", {"name": "code_review", "version": "1"}, "params.version must be an integer of 1 or more"),
        ("get", {"name": "code_review", "version": True}, "params.version must be an integer"),
        ("get", {"name": "code_review", "version": 7}, "version 7 is not kept; there are 1"),
        ("search", {}, "params.query must be a string"),
        ("search", {"query": "x" * 1_001}, "at most 1000 characters"),
        ("search", {"query": "x", "limit": 0}, "params.limit must be an integer from 1 to 100"),
        ("search", {"query": "x", "limit": 101}, "from 1 to 100"),
        ("search", {"query": "x", "limit": 1.0}, "from 1 to 100"),
    ],
)
async def test_what_is_wrong_is_told(handler: PromptHandler, method: str, params: dict[str, Any], told: str) -> None:
    with pytest.raises(CallRefused) as caught:
        await getattr(handler, method)(params)
    assert caught.value.code == INVALID_PARAMS
    assert told in caught.value.message


async def test_params_are_left_as_they_came(handler: PromptHandler) -> None:
    params: dict[str, Any] = {"name": "code_review", "arguments": {"file_path": "a", "language": "b", "code": "c"}}
    before = to_json(params)
    await handler.get(params)
    assert to_json(params) == before


def test_suggestions_are_the_choices_of_an_argument(registry: PromptRegistry, handler: PromptHandler) -> None:
    arguments = [PromptArgument("a", suggestions=["x", "y"]), PromptArgument("b")]
    registry.register_prompt(PromptTemplate("t", "", "{a}{b}", arguments))
    assert handler.choices("t") == {"a": ["x", "y"], "b": []}
    with pytest.raises(CallRefused, match="unknown prompt"):
        handler.choices("nothing")
