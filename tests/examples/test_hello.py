from pathlib import Path

import pytest

from mcp_server.features.server import MCPServer
from mcp_server.loader import load
from tests.mcp_server.asking import Heard, ask, text_of, use

HELLO = Path(__file__).parents[2] / "examples" / "hello.py"


@pytest.fixture
def hello(monkeypatch: pytest.MonkeyPatch) -> MCPServer:
    monkeypatch.syspath_prepend(str(HELLO.parent))  # so that the loader has nothing to add
    return load(str(HELLO))


async def test_the_tool_greets(hello: MCPServer) -> None:
    assert text_of(await use(hello, "greet", name="Ada", times=2)) == "Hello, Ada! Hello, Ada!"


async def test_the_streaming_tool_sends_letter_by_letter(hello: MCPServer) -> None:
    heard = Heard()
    result = await use(hello, "spell", heard=heard, word="hi")
    assert [block["text"] for block in heard.chunks] == ["H", "I"]
    assert result["content"] == heard.chunks


async def test_the_resource_knows_three_languages(hello: MCPServer) -> None:
    result = await ask(hello, "resources/read", {"uri": "hello://de"})
    assert result["contents"] == [{"uri": "hello://de", "text": "Guten Tag", "mimeType": "text/plain"}]


async def test_the_prompt_asks_for_an_introduction(hello: MCPServer) -> None:
    result = await ask(hello, "prompts/get", {"name": "introduce", "arguments": {"name": "Ada"}})
    assert result["messages"][0]["content"]["text"] == "Write a short, friendly introduction of Ada."
