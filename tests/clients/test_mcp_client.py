"""The official Python SDK as a client, in each way in which it can connect."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import mcp_types
import pytest
from mcp import Client, MCPError, StdioServerParameters
from mcp.client.session import ClientSession
from mcp.client.streamable_http import streamable_http_client

from mcp_server import __version__
from operators.versions import LATEST_LEGACY, LEGACY, MODERN
from tests.children import COMMAND, Child, store
from tests.clients.told import PROMPTS, explained
from tests.serving import LONG

MODES = {"auto": MODERN[0], "legacy": LATEST_LEGACY, **dict.fromkeys(MODERN, MODERN[0])}


@pytest.mark.parametrize(("mode", "version"), MODES.items())
async def test_over_http(server: Child, mode: str, version: str) -> None:
    async with asyncio.timeout(LONG), Client(server.url, mode=mode) as client:
        await everything(client, version, mode)


@pytest.mark.parametrize(("mode", "version"), MODES.items())
async def test_over_stdio(tmp_path: Path, mode: str, version: str) -> None:
    arguments = ["serve", "--transport", "stdio", "--store", store(tmp_path)]
    child = StdioServerParameters(command=COMMAND, args=arguments, cwd=tmp_path)
    async with asyncio.timeout(LONG), Client(child, mode=mode) as client:
        await everything(client, version, mode)


async def everything(client: Client, version: str, mode: str) -> None:
    """What a client does, all of it."""
    assert client.protocol_version == version
    if mode != MODERN[0]:  # pinned, it asks the server nothing about itself
        assert client.server_info is not None
        assert (client.server_info.name, client.server_info.version) == ("mcp-rewind", __version__)

    tools = (await client.list_tools()).tools
    assert [tool.name for tool in tools] == ["echo", "add", "count_slowly", "now", "fail"]

    answer = await client.call_tool("echo", {"text": "h\u00e9llo\n\U0001f600"})
    assert texts(answer) == ["h\u00e9llo\n\U0001f600"]
    assert not answer.is_error
    for _ in range(2):  # the second time from the cache
        assert texts(await client.call_tool("add", {"a": 2**53, "b": 1})) == ["9007199254740993"]

    failed = await client.call_tool("fail", {"message": "no luck"})
    assert (failed.is_error, texts(failed)) == (True, ["no luck"])
    bad = await client.call_tool("echo", {"text": 7})
    assert bad.is_error
    assert "arguments.text" in texts(bad)[0]
    with pytest.raises(MCPError) as unknown:
        await client.call_tool("no_such_tool", {})
    assert unknown.value.code == mcp_types.INVALID_PARAMS

    told: list[tuple[float, str | None]] = []

    async def on_progress(progress: float, total: float | None, message: str | None) -> None:
        told.append((progress, message))

    counted = await client.call_tool("count_slowly", {"to": 3, "delay": 0.01}, progress_callback=on_progress)
    assert texts(counted) == ["1", "2", "3"]
    assert told == [(1, "1"), (2, "2"), (3, "3")]

    prompts = (await client.list_prompts()).prompts
    assert [prompt.name for prompt in prompts] == PROMPTS
    prompt = await client.get_prompt("summarise", {"text": "A text.", "style": "headline"})
    assert explained(prompt.messages[0].content).startswith("Write one headline")

    resources = (await client.list_resources()).resources
    assert [str(resource.uri) for resource in resources] == ["rewind://about"]
    (contents,) = (await client.read_resource("rewind://about")).contents
    assert isinstance(contents, mcp_types.TextResourceContents)
    assert contents.text.startswith("# mcp-rewind")
    with pytest.raises(MCPError) as missing:
        await client.read_resource("rewind://nowhere")
    assert missing.value.code == (mcp_types.INVALID_PARAMS if version in MODERN else -32002)

    values = await client.complete(mcp_types.PromptReference(name="summarise"), {"name": "style", "value": "b"})
    assert values.completion.values == ["brief", "bullets"]


def texts(result: mcp_types.CallToolResult) -> list[str]:
    return [explained(block) for block in result.content]


@asynccontextmanager
async def session(server: Child) -> AsyncIterator[ClientSession]:
    """The SDK one level below its client: the handshake is ours to make."""
    async with (
        asyncio.timeout(LONG),
        streamable_http_client(server.url) as (read, write),
        ClientSession(read, write) as opened,
    ):
        yield opened


@pytest.mark.parametrize("version", LEGACY)
async def test_each_version_with_a_handshake(server: Child, version: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mcp.client.session.LATEST_HANDSHAKE_VERSION", version)
    async with session(server) as client:
        agreed = await client.initialize()
        assert agreed.protocol_version == version
        assert texts(await client.call_tool("echo", {"text": "hi"})) == ["hi"]


async def test_a_call_that_is_given_up_is_cancelled(server: Child) -> None:
    for mode in ("auto", "legacy"):
        async with asyncio.timeout(LONG), Client(server.url, mode=mode) as client:
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.3):
                    await client.call_tool("count_slowly", {"to": 2, "delay": 10.0})
            assert texts(await client.call_tool("echo", {"text": "still there"})) == ["still there"]


@pytest.mark.parametrize("mode", MODES)
async def test_many_calls_at_once(server: Child, mode: str) -> None:
    async with asyncio.timeout(LONG), Client(server.url, mode=mode) as client:

        async def call(number: int) -> Any:
            return texts(await client.call_tool("echo", {"text": str(number)}))

        assert await asyncio.gather(*(call(number) for number in range(50))) == [[str(n)] for n in range(50)]
