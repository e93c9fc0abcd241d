"""The load generator believes nothing: each way of answering wrongly is an error, and right answers are none."""

from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import orjson
import pytest
from aiohttp import WSMsgType, web

from bench import load, wire
from bench.load import Load

Answers = Callable[[dict[str, Any]], list[bytes]]


def right(body: dict[str, Any]) -> list[bytes]:
    content = [{"type": "text", "text": body["params"]["arguments"]["text"]}]
    return [orjson.dumps({"jsonrpc": "2.0", "id": body["id"], "result": {"content": content, "isError": False}})]


def another_id(body: dict[str, Any]) -> list[bytes]:
    return right(body | {"id": body["id"] + 7})


def id_as_a_string(body: dict[str, Any]) -> list[bytes]:
    return right(body | {"id": str(body["id"])})


def anothers_text(body: dict[str, Any]) -> list[bytes]:
    other = wire.text_of(body["id"] + 1).decode()
    return right(body | {"params": {"arguments": {"text": other}}})


def tool_error(body: dict[str, Any]) -> list[bytes]:
    return [answer.replace(b'"isError":false', b'"isError":true') for answer in right(body)]


def error(body: dict[str, Any]) -> list[bytes]:
    refusal = {"code": -32603, "message": body["params"]["arguments"]["text"]}
    return [orjson.dumps({"jsonrpc": "2.0", "id": body["id"], "error": refusal})]


def cut_short(body: dict[str, Any]) -> list[bytes]:
    return [right(body)[0][:60]]


def twice(body: dict[str, Any]) -> list[bytes]:
    return right(body) * 2


def never(_body: dict[str, Any]) -> list[bytes]:
    return []


def sometimes(answers: Answers) -> Answers:
    """One wrong answer among many right ones must be enough."""
    return lambda body: answers(body) if body["id"] % 10 == 9 else right(body)


def http(answers: Answers) -> Callable[[web.Request], Awaitable[web.Response]]:
    async def call(request: web.Request) -> web.Response:
        found = answers(orjson.loads(await request.read()))
        if not found and request.transport is not None:
            request.transport.close()
        return web.Response(body=b"".join(found), content_type="application/json")

    return call


def websocket(answers: Answers) -> Callable[[web.Request], Awaitable[web.WebSocketResponse]]:
    async def talk(request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse(protocols=("mcp",))
        await socket.prepare(request)
        async for frame in socket:
            if frame.type is WSMsgType.TEXT:
                for answer in answers(orjson.loads(frame.data)):
                    await socket.send_str(answer.decode())
        return socket

    return talk


@asynccontextmanager
async def listening(answers: Answers) -> AsyncIterator[int]:
    app = web.Application()
    app.router.add_post("/mcp", http(answers))
    app.router.add_get("/ws", websocket(answers))
    runner = web.AppRunner(app, shutdown_timeout=0)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield runner.addresses[0][1]
    finally:
        await runner.cleanup()


async def measured(answers: Answers, transport: str, *, in_flight: int = 1, **more: Any) -> load.Measured:
    async with listening(answers) as port:
        short = {"warm_up": 0.05, "seconds": 0.15} | more
        return await load.run(Load(transport=transport, port=port, connections=4, in_flight=in_flight, **short))


@pytest.mark.parametrize(("transport", "in_flight"), [("http", 1), ("websocket", 1), ("websocket", 8)])
async def test_right_answers_are_counted(transport: str, in_flight: int) -> None:
    found = await measured(right, transport, in_flight=in_flight)
    assert (found.errors, found.problems) == (0, [])
    assert found.answers
    assert 0 < found.p50 <= found.p99 <= found.longest < 10_000


@pytest.mark.parametrize("transport", ["http", "websocket"])
@pytest.mark.parametrize("answers", [another_id, id_as_a_string, anothers_text, tool_error, error, cut_short, twice])
async def test_one_wrong_answer_is_noticed(answers: Answers, transport: str) -> None:
    found = await measured(sometimes(answers), transport)
    assert found.errors
    assert found.problems


@pytest.mark.parametrize("transport", ["http", "websocket"])
async def test_a_missing_answer_is_noticed(transport: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(load, "PATIENCE", 0.2)
    found = await measured(sometimes(never), transport)
    assert found.errors
    assert "closed" in found.problems[0] or "never came" in found.problems[0]


async def test_nothing_on_the_other_end_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(load, "PATIENCE", 0.2)
    assert (await measured(never, "websocket")).errors


async def test_every_request_differs_from_the_others() -> None:
    seen: list[bytes] = []

    def note(body: dict[str, Any]) -> list[bytes]:
        seen.append(body["params"]["arguments"]["text"])
        return right(body)

    await measured(note, "websocket", in_flight=4)
    assert len(set(seen)) == len(seen) > 1


async def test_a_number_of_requests_can_be_asked_for() -> None:
    found = await measured(right, "websocket", in_flight=4, requests=500)
    assert (found.answers, found.errors) == (500, 0)


async def test_a_rate_can_be_asked_for() -> None:
    found = await measured(right, "websocket", in_flight=4, rate=400.0, seconds=0.5)
    assert 100 < found.per_second < 450


@pytest.mark.parametrize("size", [5, 125, 126, 1000])
def test_a_frame_is_taken_only_when_it_is_whole(size: int) -> None:
    head = bytes((wire.TEXT, size)) if size < 126 else bytes((wire.TEXT, 126)) + size.to_bytes(2, "big")
    data = head + b"x" * size
    for end in range(len(data)):
        assert not list(wire.take_frames(data[:end]))
    assert list(wire.take_frames(data * 2)) == [
        (wire.TEXT, b"x" * size, len(data)),
        (wire.TEXT, b"x" * size, 2 * len(data)),
    ]


def test_a_response_is_taken_only_when_it_is_whole() -> None:
    data = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}"
    for end in range(len(data)):
        assert wire.take_response(data[:end]) is None
    assert wire.take_response(data) == (200, b"{}", len(data))


async def test_a_load_may_ask_for_the_same_several_times_and_another_load_for_something_else() -> None:
    seen: Counter[str] = Counter()

    def note(body: dict[str, Any]) -> list[bytes]:
        seen[body["params"]["arguments"]["text"]] += 1
        return right(body)

    for first in (0, 1_000_000):
        found = await measured(note, "websocket", in_flight=8, requests=2 * wire.APART, asked=2, first=first)
        assert found.problems == []
    # Of each load half of the last thousand would be asked for again, and half of the first thousand would have been.
    assert Counter(seen.values()) == {1: 2 * wire.APART, 2: wire.APART}
