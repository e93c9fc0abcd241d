from typing import Annotated, Any, Literal

import pytest
from msgspec import Meta

from events.codes import INVALID_PARAMS
from mcp_server.calls import CallRefused
from mcp_server.context import Context
from mcp_server.features.content import Contents, Embedded, Image
from mcp_server.features.prompts import PromptMessage
from mcp_server.features.server import MCPServer
from mcp_server.features.unusable import Unusable
from tests.mcp_server.asking import NEW, OLD, ask


async def get(server: MCPServer, name: str, version: str = NEW, **arguments: Any) -> Any:
    return await ask(server, "prompts/get", {"name": name, "arguments": arguments}, version)


def user(text: str) -> dict[str, Any]:
    return {"role": "user", "content": {"type": "text", "text": text}}


async def test_a_prompt_is_listed_with_its_arguments() -> None:
    server = MCPServer("test")

    @server.prompt(title="Review")
    async def review(ctx: Context, code: str, language: Annotated[str, "Of the code."] = "python") -> str:
        """Ask for a review.

        Args:
            code: What to review.
        """
        return f"{language}: {code} for {ctx.principal}"

    assert (await ask(server, "prompts/list"))["prompts"] == [
        {
            "name": "review",
            "title": "Review",
            "description": "Ask for a review.",
            "arguments": [
                {"name": "code", "required": True, "description": "What to review."},
                {"name": "language", "required": False, "description": "Of the code."},
            ],
        }
    ]
    result = await get(server, "review", OLD, code="x = 1")
    assert result == {"description": "Ask for a review.", "messages": [user("python: x = 1 for alice")]}


async def test_a_prompt_is_text_blocks_and_messages() -> None:
    server = MCPServer("test")

    @server.prompt
    def talk() -> list[Any]:
        return [
            "hi",
            PromptMessage("hello", "assistant"),
            Image(b"\x00", "image/png"),
            PromptMessage(Embedded(Contents("r://x", text="y"))),
        ]

    for version in (OLD, NEW):
        assert (await get(server, "talk", version))["messages"] == [
            user("hi"),
            {"role": "assistant", "content": {"type": "text", "text": "hello"}},
            {"role": "user", "content": {"type": "image", "data": "AA==", "mimeType": "image/png"}},
            {"role": "user", "content": {"type": "resource", "resource": {"uri": "r://x", "text": "y"}}},
        ]


async def test_arguments_arrive_as_their_types() -> None:
    server = MCPServer("test")

    @server.prompt
    def repeat(text: str, times: int = 2, loud: bool = False) -> str:
        return (text.upper() if loud else text) * times

    assert (await get(server, "repeat", text="a", times="3", loud="true"))["messages"] == [user("AAA")]


async def test_everything_that_is_wrong_with_the_arguments_is_told_at_once() -> None:
    server = MCPServer("test")

    @server.prompt
    def repeat(
        text: str,
        more: str,
        times: int = 2,
        style: Literal["a", "b"] = "a",
        code: Annotated[str, Meta(pattern="^x")] = "x",
    ) -> str:
        return text

    with pytest.raises(CallRefused) as refused:
        await get(server, "repeat", text=1, times="three", extra="x")
    assert refused.value.code == INVALID_PARAMS
    assert refused.value.message == (
        "prompt repeat: more is missing; text must be a string; "
        "times: Expected `int`, got `str`; extra is no argument of this prompt"
    )
    with pytest.raises(CallRefused, match="style: Invalid enum value 'c'"):
        await get(server, "repeat", text="", more="", style="c")
    with pytest.raises(CallRefused, match='code: text: "y" does not match'):
        await get(server, "repeat", text="", more="", code="y")


@pytest.mark.parametrize("arguments", [[], "x", 1])
async def test_arguments_are_an_object(arguments: Any) -> None:
    server = MCPServer("test")
    server.prompt("hi")(lambda: "hi")
    assert (await ask(server, "prompts/get", {"name": "hi"}))["messages"] == [user("hi")]
    with pytest.raises(CallRefused, match="must be an object of strings"):
        await ask(server, "prompts/get", {"name": "hi", "arguments": arguments})


async def test_an_unknown_prompt_is_refused_with_names_like_it() -> None:
    server = MCPServer("test")
    server.prompt("review")(lambda: "")
    with pytest.raises(CallRefused, match="unknown prompt: revue; did you mean review") as refused:
        await get(server, "revue")
    assert refused.value.code == INVALID_PARAMS


async def test_a_prompt_of_something_else_is_ours_to_mend() -> None:
    server = MCPServer("test")
    server.prompt("number")(lambda: 3)
    with pytest.raises(ValueError, match="not of int"):
        await get(server, "number")


def generator() -> Any:
    yield ""


@pytest.mark.parametrize(
    ("name", "function", "told"),
    [("", lambda: "", "1 to 256 characters"), ("x", generator, "only tools yield")],
)
def test_what_cannot_be_a_prompt_says_why(name: str, function: Any, told: str) -> None:
    with pytest.raises(Unusable, match=told):
        MCPServer("test").prompt(name)(function)


async def test_a_prompt_is_bounded() -> None:
    server = MCPServer("test", result_limit=100)
    server.prompt("long")(lambda: "x" * 200)
    with pytest.raises(CallRefused, match="at most 100 are sent"):
        await get(server, "long")
