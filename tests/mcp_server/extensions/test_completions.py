import asyncio

from mcp_server.extensions.completions import Completions
from mcp_server.features.server import MCPServer
from mcp_server.protocol.advanced import CompletionEngine
from tests.mcp_server.asking import Heard


async def test_pieces_wait_for_a_client_that_does_not_read() -> None:
    completions, heard = Completions(MCPServer("test").catalogue(), CompletionEngine()), Heard()
    heard.reads.clear()
    asked = {"prompt": "Generate a Python class", "sampling": {"seed": 7, "max_tokens": 40}}
    telling = asyncio.create_task(completions.told(asked, heard, "params"))
    for _ in range(200):
        await asyncio.sleep(0)
    assert len(heard.chunks) == 1
    heard.reads.set()
    told = await telling
    assert "".join(chunk["text"] for chunk in heard.chunks) == told["choices"][0]["text"]
    assert len(heard.chunks) > 1
