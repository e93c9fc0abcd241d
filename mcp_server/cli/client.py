"""A small MCP client over the websocket: what the demonstration talks to its server with."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, Final

import aiohttp
import orjson

from events.frames import CHUNK_META
from events.message import Object

SECONDS: Final = 20.0
"""How long an answer may take."""

VERSION: Final = "2025-11-25"


class Client:
    """One connection. Requests may be sent while others are in flight."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket = socket
        self._answers: dict[int, asyncio.Future[Object]] = {}
        self._chunks: dict[int, Callable[[Any], None]] = {}
        self._last = 0

    async def send(self, method: str, params: Object | None = None, chunk: Callable[[Any], None] | None = None) -> int:
        """Send a request; returns its id. ``chunk`` gets each part of a streaming result as it comes."""
        self._last += 1
        id = self._last
        params = dict(params or {})
        if chunk is not None:
            params["_meta"] = {"progressToken": id}
            self._chunks[id] = chunk
        self._answers[id] = asyncio.get_running_loop().create_future()
        await self._write({"jsonrpc": "2.0", "id": id, "method": method, "params": params})
        return id

    async def answer(self, id: int) -> Object:
        """Wait for the answer to a request: the whole message, with its ``result`` or its ``error``.

        Raises:
            TimeoutError: It did not come.
        """
        async with asyncio.timeout(SECONDS):
            return await self._answers[id]

    async def request(
        self, method: str, params: Object | None = None, chunk: Callable[[Any], None] | None = None
    ) -> Object:
        """Send a request and wait for its answer."""
        return await self.answer(await self.send(method, params, chunk))

    async def notify(self, method: str, params: Object | None = None) -> None:
        """Send a notification."""
        await self._write({"jsonrpc": "2.0", "method": method, "params": params or {}})

    async def _write(self, message: Object) -> None:
        await self._socket.send_str(orjson.dumps(message).decode())

    async def read(self) -> None:
        """Take in what the server sends until the connection closes."""
        async for frame in self._socket:
            if frame.type is aiohttp.WSMsgType.TEXT:
                self._take(orjson.loads(frame.data))

    def _take(self, message: Object) -> None:
        answer = self._answers.get(message.get("id", 0))
        if answer is not None and not answer.done():
            answer.set_result(message)
        elif message.get("method") == "notifications/progress":
            params = message["params"]
            chunk = self._chunks.get(params["progressToken"])
            block = params.get("_meta", {}).get(CHUNK_META)
            if chunk is not None and block is not None:
                chunk(block)


@asynccontextmanager
async def connect(url: str) -> AsyncIterator[Client]:
    """Connect to a server's websocket.

    Raises:
        aiohttp.ClientError: It cannot be reached.
    """
    async with aiohttp.ClientSession() as session, session.ws_connect(url, protocols=["mcp"]) as socket:
        client = Client(socket)
        reading = asyncio.create_task(client.read())
        try:
            yield client
        finally:
            await socket.close()
            await reading
