from typing import Any

import pytest

from events import codes
from mcp_server.prompts import BUILT_IN
from tests.serving import Served, serving

CODE = {"file_path": "main.py", "language": "python", "code": "def hello(): pass"}


async def asked(served: Served, method: str, **params: Any) -> dict[str, Any]:
    """The result of a request."""
    result: dict[str, Any] = (await served.modern(1, method, params)).body["result"]
    return result


async def test_the_prompts_of_the_registry_are_listed_after_those_of_the_server() -> None:
    async with serving(prompts_enabled=True) as served:
        names = [prompt["name"] for prompt in (await asked(served, "prompts/list"))["prompts"]]
        assert names == sorted(template.name for template in BUILT_IN)
        assert "prompts" in (await asked(served, "server/discover"))["capabilities"]


async def test_prompts_are_listed_by_category_and_tag() -> None:
    async with serving(prompts_enabled=True) as served:
        found = await asked(served, "prompts/list", category="code_analysis", tag="review")
        assert "code_review" in [prompt["name"] for prompt in found["prompts"]]
        assert (await asked(served, "prompts/list", category="none"))["prompts"] == []


async def test_a_prompt_of_the_registry_is_filled_in() -> None:
    async with serving(prompts_enabled=True) as served:
        (message,) = (await asked(served, "prompts/get", name="code_review", arguments=CODE))["messages"]
        assert "def hello(): pass" in message["content"]["text"]


async def test_prompts_are_searched() -> None:
    async with serving(prompts_enabled=True) as served:
        found = (await asked(served, "prompts/search", query="documentation"))["prompts"]
        assert found[0]["name"] == "generate_documentation"


@pytest.mark.parametrize(
    ("method", "params", "problem"),
    [
        ("prompts/get", {"name": "code_reviews"}, "unknown prompt: code_reviews; did you mean code_review?"),
        ("prompts/get", {"name": []}, "params.name must be a string"),
        ("prompts/get", {"name": "code_review"}, "file_path"),
        ("prompts/search", {}, "params.query must be a string"),
        ("prompts/list", {"tag": 1}, "params.tag must be a string"),
        ("prompts/list", {"cursor": "x"}, "unknown cursor"),
    ],
)
async def test_what_is_wrong_is_told(method: str, params: dict[str, Any], problem: str) -> None:
    async with serving(prompts_enabled=True) as served, served.socket() as socket:
        error = (await socket.ask(1, method, params))["error"]
        assert error["code"] == codes.INVALID_PARAMS
        assert problem in error["message"]


async def test_prompts_can_be_turned_off() -> None:
    async with serving(prompts_enabled=False) as served:
        assert (await served.modern(1, "prompts/search", {"query": "x"})).code == codes.METHOD_NOT_FOUND
