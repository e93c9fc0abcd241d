"""A small endpoint that speaks OpenAI's protocol on loopback, and does what a test asks of it."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import web

KEY = "sk-secret-7f3a"
Behaviour = Callable[["Endpoint", web.Request], Awaitable[web.StreamResponse]]


class Endpoint:
    """What the endpoint was asked, and how it behaves from now on; the last behaviour stays."""

    def __init__(self) -> None:
        self.url = ""
        self.bodies: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.behaviours: list[Behaviour] = [answer]
        self.begun = asyncio.Event()
        self.gone = asyncio.Event()
        self.go_on = asyncio.Event()

    async def handle(self, request: web.Request) -> web.StreamResponse:
        self.bodies.append(await request.json())
        self.headers.append(dict(request.headers))
        behaviour = self.behaviours.pop(0) if len(self.behaviours) > 1 else self.behaviours[0]
        self.begun.set()
        try:
            return await behaviour(self, request)
        except (asyncio.CancelledError, ConnectionResetError):
            self.gone.set()
            raise


@asynccontextmanager
async def endpoint() -> AsyncIterator[Endpoint]:
    served = Endpoint()
    app = web.Application()
    app.router.add_post("/v1/chat/completions", served.handle)
    app.router.add_post("/v1/completions", served.handle)
    runner = web.AppRunner(app, handler_cancellation=True, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        served.url = f"http://127.0.0.1:{runner.addresses[0][1]}/v1"
        yield served
    finally:
        await runner.cleanup()


def choice(request: web.Request, index: int, text: str, reason: str | None, *, delta: bool) -> dict[str, Any]:
    if request.path.endswith("/chat/completions"):
        return {
            "index": index,
            "delta" if delta else "message": {"role": "assistant", "content": text},
            "finish_reason": reason,
        }
    return {"index": index, "text": text, "finish_reason": reason, "logprobs": None}


USAGE = {"prompt_tokens": 7, "completion_tokens": 5, "total_tokens": 12}


def whole(request: web.Request, choices: list[dict[str, Any]], usage: Any = USAGE) -> dict[str, Any]:
    return {"id": "x", "object": "completion", "created": 1, "model": "m", "choices": choices, "usage": usage}


async def answer(served: Endpoint, request: web.Request) -> web.StreamResponse:
    """All at once, or as server-sent events, whichever was asked for."""
    body = served.bodies[-1]
    if body.get("stream"):
        return await stream(served, request)
    count = body.get("n", 1)
    choices = [choice(request, index, f"text {index}", "stop", delta=False) for index in range(count)]
    return web.json_response(whole(request, choices[::-1]))


async def begin(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
    await response.prepare(request)
    return response


async def send(response: web.StreamResponse, data: Any) -> None:
    await response.write(b"data: " + (data if isinstance(data, bytes) else json.dumps(data).encode()) + b"\n\n")


async def stream(served: Endpoint, request: web.Request) -> web.StreamResponse:
    response = await begin(request)
    for text in ("one", " two", " three"):
        await send(response, whole(request, [choice(request, 0, text, None, delta=True)], None))
    await send(response, whole(request, [choice(request, 0, "", "length", delta=True)], None))
    await send(response, whole(request, []))
    await send(response, b"[DONE]")
    return response


async def held(served: Endpoint, request: web.Request) -> web.StreamResponse:
    """One piece, and the others when the test says so."""
    response = await begin(request)
    await send(response, whole(request, [choice(request, 0, "one", None, delta=True)], None))
    await served.go_on.wait()
    await send(response, whole(request, [choice(request, 0, " two", "stop", delta=True)], None))
    await send(response, b"[DONE]")
    return response


async def silent(served: Endpoint, request: web.Request) -> web.StreamResponse:
    """Nothing, ever."""
    await asyncio.Event().wait()
    raise AssertionError


async def ends_early(served: Endpoint, request: web.Request) -> web.StreamResponse:
    response = await begin(request)
    await send(response, whole(request, [choice(request, 0, "one", None, delta=True)], None))
    return response


async def breaks_off(served: Endpoint, request: web.Request) -> web.StreamResponse:
    response = await begin(request)
    await send(response, whole(request, [choice(request, 0, "one", None, delta=True)], None))
    assert request.transport is not None
    request.transport.abort()
    return response


async def babbles(served: Endpoint, request: web.Request) -> web.StreamResponse:
    response = await begin(request)
    await send(response, b"{not json")
    return response


async def one_choice(served: Endpoint, request: web.Request) -> web.StreamResponse:
    """One choice, however many were asked for; and one that has no place among them."""
    if served.bodies[-1].get("stream"):
        response = await begin(request)
        await send(response, whole(request, [choice(request, -1, "none of yours", None, delta=True)], None))
        await send(response, whole(request, [choice(request, 0, "one", "stop", delta=True)], None))
        await send(response, b"[DONE]")
        return response
    return web.json_response(whole(request, [choice(request, 0, "one", "stop", delta=False)]))


async def a_page(served: Endpoint, request: web.Request) -> web.StreamResponse:
    return web.Response(text="<html>hello</html>", content_type="text/html")


async def packed(served: Endpoint, request: web.Request) -> web.StreamResponse:
    """Compressed, although nobody asked for that."""
    response = web.json_response(whole(request, [choice(request, 0, "one", "stop", delta=False)]))
    response.enable_compression(web.ContentCoding.gzip)
    return response


async def endless(served: Endpoint, request: web.Request) -> web.StreamResponse:
    """More text than anybody asked for, until the other side leaves."""
    if not served.bodies[-1].get("stream"):
        return web.json_response(whole(request, [choice(request, 0, "x" * 3_000_000, "stop", delta=False)]))
    response = await begin(request)
    while True:
        await send(response, whole(request, [choice(request, 0, "x" * 100_000, None, delta=True)], None))


async def large(served: Endpoint, request: web.Request) -> web.StreamResponse:
    """A body that is larger than any text could make it, until the other side leaves."""
    response = web.StreamResponse(headers={"Content-Type": "application/json"})
    await response.prepare(request)
    while True:
        await response.write(b" " * 1_000_000)


def refuses(status: int, message: str = "no", **headers: str) -> Behaviour:
    async def refuse(served: Endpoint, request: web.Request) -> web.StreamResponse:
        told = {name.replace("_", "-"): value for name, value in headers.items()}
        return web.json_response(
            {"error": {"message": message}}, status=status, headers={"retry-after-ms": "1", **told}
        )

    return refuse
