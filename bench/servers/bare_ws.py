"""The practical limit over a websocket: aiohttp, orjson and uvloop, and nothing else. Run with a port."""

import sys
from typing import Any

import orjson
import uvloop
from aiohttp import WSMsgType, web


async def talk(request: web.Request) -> web.WebSocketResponse:
    socket = web.WebSocketResponse(protocols=("mcp",), compress=False)
    await socket.prepare(request)
    async for frame in socket:
        if frame.type is WSMsgType.TEXT:
            body: dict[str, Any] = orjson.loads(frame.data)
            content = [{"type": "text", "text": body["params"]["arguments"]["text"]}]
            answer = {"jsonrpc": "2.0", "id": body["id"], "result": {"content": content, "isError": False}}
            await socket.send_str(orjson.dumps(answer).decode())
    return socket


async def main(port: int) -> None:
    app = web.Application()
    app.router.add_get("/ws", talk)
    await web._run_app(app, host="127.0.0.1", port=port, print=None, access_log=None)  # noqa: SLF001


if __name__ == "__main__":
    uvloop.run(main(int(sys.argv[1])))
