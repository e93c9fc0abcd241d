"""fastmcp's client over HTTP."""

import asyncio

import pytest
from fastmcp import Client
from fastmcp.exceptions import ToolError
from mcp import MCPError

from tests.children import Child
from tests.clients.told import PROMPTS, explained
from tests.serving import LONG


async def test_everything_that_it_can_do(server: Child) -> None:
    told: list[tuple[float, str | None]] = []

    async def on_progress(progress: float, _total: float | None, message: str | None) -> None:
        told.append((progress, message))

    async with asyncio.timeout(LONG), Client(server.url) as client:
        tools = await client.list_tools()
        assert [tool.name for tool in tools] == ["echo", "add", "count_slowly", "now", "fail"]

        answer = await client.call_tool("echo", {"text": "h\u00e9llo"})
        assert [explained(block) for block in answer.content] == ["h\u00e9llo"]
        added = await client.call_tool("add", {"a": 2**53, "b": 1})
        assert explained(added.content[0]) == "9007199254740993"  # its ``data`` is rounded to a double

        with pytest.raises(ToolError, match="no luck"):
            await client.call_tool("fail", {"message": "no luck"})
        with pytest.raises(MCPError, match="unknown tool: no_such_tool"):
            await client.call_tool("no_such_tool", {})

        counted = await client.call_tool("count_slowly", {"to": 3, "delay": 0.01}, progress_handler=on_progress)
        assert [explained(block) for block in counted.content] == ["1", "2", "3"]
        assert told == [(1, "1"), (2, "2"), (3, "3")]

        assert [prompt.name for prompt in await client.list_prompts()] == PROMPTS
        prompt = await client.get_prompt("summarise", {"text": "A text.", "style": "headline"})
        assert explained(prompt.messages[0].content).startswith("Write one headline")

        assert [str(resource.uri) for resource in await client.list_resources()] == ["rewind://about"]
        (contents,) = await client.read_resource("rewind://about")
        assert contents.text.startswith("# mcp-rewind")


async def test_two_clients_at_once(server: Child) -> None:
    async def talk(name: str) -> list[str]:
        async with Client(server.url) as client:
            answers = [await client.call_tool("echo", {"text": f"{name} {number}"}) for number in range(10)]
            return [explained(answer.content[0]) for answer in answers]

    async with asyncio.timeout(LONG):
        one, other = await asyncio.gather(talk("one"), talk("other"))
    assert one == [f"one {number}" for number in range(10)]
    assert other == [f"other {number}" for number in range(10)]
