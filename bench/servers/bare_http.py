"""The practical limit over HTTP: aiohttp, orjson and uvloop, and nothing else. Run with a port."""

import sys
from typing import Any

import orjson
import uvloop
from aiohttp import web


async def call(request: web.Request) -> web.Response:
    body: dict[str, Any] = orjson.loads(await request.read())
    content = [{"type": "text", "text": body["params"]["arguments"]["text"]}]
    answer = {"jsonrpc": "2.0", "id": body["id"], "result": {"content": content, "isError": False}}
    return web.Response(body=orjson.dumps(answer), content_type="application/json")


async def main(port: int) -> None:
    app = web.Application()
    app.router.add_post("/mcp", call)
    await web._run_app(app, host="127.0.0.1", port=port, print=None, access_log=None)  # noqa: SLF001


if __name__ == "__main__":
    uvloop.run(main(int(sys.argv[1])))
