"""The ``websockets`` library as a client: the subprotocol ``mcp``, one text frame a message, nothing else known."""

import asyncio
import itertools
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from mcp_types import methods
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import InvalidStatus

from operators.versions import LEGACY, MODERN
from tests.children import Child
from tests.clients.told import PROMPTS
from tests.facts import MODERN_META
from tests.serving import LONG


class Talk:
    """Requests and answers, each answer checked by the official models."""

    def __init__(self, connection: ClientConnection, version: str) -> None:
        self.connection = connection
        self.version = version
        self.notified: list[dict[str, Any]] = []
        self._ids = itertools.count(1)

    async def send(self, **message: Any) -> None:
        await self.connection.send(json.dumps({"jsonrpc": "2.0", **message}))

    async def ask(self, method: str, **params: Any) -> dict[str, Any]:
        """The answer to a request; what comes before it is kept."""
        id = next(self._ids)
        if self.version in MODERN:
            params["_meta"] = {**MODERN_META, **params.get("_meta", {})}
        await self.send(id=id, method=method, params=params)
        while "id" not in (message := json.loads(await self.connection.recv())):
            self.notified.append(message)
        assert message["id"] == id
        if "result" in message:
            methods.validate_server_result(method, self.version, message["result"])
        answer: dict[str, Any] = message
        return answer

    async def call(self, tool: str, meta: dict[str, Any] | None = None, **arguments: Any) -> dict[str, Any]:
        params = {"name": tool, "arguments": arguments} | ({"_meta": meta} if meta else {})
        return await self.ask("tools/call", **params)


@asynccontextmanager
async def talking(server: Child, version: str) -> AsyncIterator[Talk]:
    async with (
        asyncio.timeout(LONG),
        connect(f"ws://127.0.0.1:{server.port}/ws", subprotocols=["mcp"]) as connection,  # type: ignore[list-item]
    ):
        assert connection.subprotocol == "mcp"
        talk = Talk(connection, version)
        if version not in MODERN:
            agreed = await talk.ask(
                "initialize",
                protocolVersion=version,
                capabilities={},
                clientInfo={"name": "websockets", "version": "1"},
            )
            assert agreed["result"]["protocolVersion"] == version
            await talk.send(method="notifications/initialized")
        yield talk


def texts(answer: dict[str, Any]) -> list[str]:
    return [block["text"] for block in answer["result"]["content"]]


@pytest.mark.parametrize("version", [*LEGACY, *MODERN])
async def test_everything_in_every_version(server: Child, version: str) -> None:
    async with talking(server, version) as talk:
        listed = (await talk.ask("tools/list"))["result"]["tools"]
        assert [tool["name"] for tool in listed] == ["echo", "add", "count_slowly", "now", "fail"]

        assert texts(await talk.call("echo", text="h\u00e9llo\n")) == ["h\u00e9llo\n"]
        failed = await talk.call("fail", message="no luck")
        assert (failed["result"]["isError"], texts(failed)) == (True, ["no luck"])
        assert (await talk.call("no_such_tool"))["error"]["code"] == -32602

        counted = await talk.call("count_slowly", {"progressToken": "t"}, to=3, delay=0.01)
        assert texts(counted) == ["1", "2", "3"]
        told = [message["params"] for message in talk.notified if message["method"] == "notifications/progress"]
        assert [(each["progressToken"], each["progress"], each["message"]) for each in told] == [
            ("t", 1, "1"),
            ("t", 2, "2"),
            ("t", 3, "3"),
        ]

        prompts = (await talk.ask("prompts/list"))["result"]["prompts"]
        assert [prompt["name"] for prompt in prompts] == PROMPTS
        prompt = await talk.ask("prompts/get", name="summarise", arguments={"text": "A text."})
        assert prompt["result"]["messages"][0]["content"]["text"].startswith("Summarise the text")

        resources = (await talk.ask("resources/list"))["result"]["resources"]
        assert [resource["uri"] for resource in resources] == ["rewind://about"]
        about = await talk.ask("resources/read", uri="rewind://about")
        assert about["result"]["contents"][0]["text"].startswith("# mcp-rewind")
        (template,) = (await talk.ask("resources/templates/list"))["result"]["resourceTemplates"]
        assert template["uriTemplate"] == "rewind://multiplication/{a}/{b}"
        product = await talk.ask("resources/read", uri="rewind://multiplication/6/7")
        assert "42" in product["result"]["contents"][0]["text"]


async def test_a_message_in_many_fragments_is_one_message(server: Child) -> None:
    async with talking(server, MODERN[0]) as talk:
        request = {"jsonrpc": "2.0", "id": 1, "method": "server/discover", "params": {"_meta": MODERN_META}}
        await talk.connection.send(list(json.dumps(request)))
        assert json.loads(await talk.connection.recv())["result"]["supportedVersions"] == list(MODERN)


async def test_the_connection_is_kept_alive_by_pings_from_either_side(server: Child) -> None:
    async with talking(server, LEGACY[0]) as talk:
        await (await talk.connection.ping())
        assert texts(await talk.call("echo", text="still there")) == ["still there"]


async def test_compression_is_declined(server: Child) -> None:
    async with talking(server, LEGACY[0]) as talk:
        assert talk.connection.response is not None
        assert "Sec-WebSocket-Extensions" not in talk.connection.response.headers


async def test_a_page_of_another_origin_gets_no_connection(server: Child) -> None:
    with pytest.raises(InvalidStatus) as refused:
        async with connect(f"ws://127.0.0.1:{server.port}/ws", origin="http://evil.example"):  # type: ignore[arg-type]
            pass
    assert refused.value.response.status_code == 403
