"""``completion/generate`` over the wire, with the model that comes along and with one of an endpoint."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from events import codes
from events.decided import ChunkEmitted, RequestCancelled, StreamEmitted
from events.record import unpack
from mcp_server.config import SettingsError
from mcp_server.config.settings import CompletionModel
from mcp_server.extensions import compose
from mcp_server.extensions.completions import Completions
from mcp_server.features.server import MCPServer
from mcp_server.protocol.advanced import CompletionEngine
from replay.replay import verify
from tests.mcp_server.asking import Heard
from tests.mcp_server.protocol.advanced import loopback
from tests.mcp_server.protocol.advanced.loopback import KEY, Endpoint, endpoint
from tests.serving import Served, Socket, serving, soon

FIBONACCI = {"prompt": "def fibonacci(n):", "sampling": {"seed": 7, "max_tokens": 40}}
FAR = {"prompt": "hello", "model": "far"}
CALLS: dict[str, dict[str, Any]] = {
    "completion/generate": {**FAR, "_meta": {"progressToken": "t"}},
    "stream/start": {"type": "completion", "params": FAR},
}
"""The two ways to see a text grow."""


@asynccontextmanager
async def far(monkeypatch: pytest.MonkeyPatch, **options: Any) -> AsyncIterator[tuple[Endpoint, Served]]:
    """A server with the model ``far`` of an endpoint."""
    monkeypatch.setenv("FAR_KEY", KEY)
    async with endpoint() as there:
        model = CompletionModel(name="far", base_url=there.url, model="m", api_key_env="FAR_KEY", **options)
        async with serving(completion_models=(model,)) as served:
            yield there, served
        await served.app.close()


def piece_of(message: dict[str, Any]) -> str:
    """The text of a notification that tells a piece."""
    params = message["params"]
    if message["method"] == "notifications/stream/chunk":
        return str(params["data"]["text"]) if "data" in params else ""
    return str(params["message"])


async def told(socket: Socket, id: Any) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """The notifications before an answer, and the answer."""
    before = []
    while "id" not in (message := await socket.receive()):
        before.append(message)
    assert message["id"] == id
    return before, message


@pytest.mark.parametrize("era", ["modern", "legacy"])
async def test_a_text_is_completed_in_both_eras_and_the_seed_makes_it_again(era: str) -> None:
    async with serving() as served, served.socket() as socket:
        params = {"prompt": "Once upon a time"}
        if era == "modern":
            result = (await served.modern(1, "completion/generate", params)).body["result"]
        else:
            result = (await socket.ask(1, "completion/generate", params))["result"]
        again = await socket.ask(2, "completion/generate", {**params, "sampling": {"seed": result["seed"]}})
        assert {key: again["result"][key] for key in ("model", "choices", "usage", "seed")} == {
            key: result[key] for key in ("model", "choices", "usage", "seed")
        }
        assert all(verdict.holds for verdict in verify(served.log.reader().records()))


async def test_with_a_progress_token_the_pieces_come_first_and_are_the_text() -> None:
    params = {**FIBONACCI, "sampling": {"seed": 7, "n": 2}, "_meta": {"progressToken": 5}}
    async with serving() as served, served.socket() as socket:
        await socket.request(1, "completion/generate", params)
        before, answer = await told(socket, 1)
        blocks = [message["params"]["_meta"]["mcp-rewind/chunk"] for message in before]
        for choice in answer["result"]["choices"]:
            mine = [block["text"] for block in blocks if block["_meta"]["mcp-rewind/choice"] == choice["index"]]
            assert "".join(mine) == choice["text"]
        assert [message["params"]["progress"] for message in before] == list(range(1, len(before) + 1))
        (whole,) = [(await socket.ask(2, "completion/generate", {**params, "_meta": {}}))["result"]]
        assert whole == answer["result"]
        assert len(served.recorded(ChunkEmitted)) == len(before)


@pytest.mark.parametrize("method", CALLS)
async def test_a_piece_of_an_endpoint_reaches_the_client_before_the_next_exists(
    method: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with far(monkeypatch) as (there, served), served.socket() as socket:
        there.behaviours = [loopback.held]
        await socket.request(1, method, CALLS[method])
        assert piece_of(await socket.receive()) == "one"
        there.go_on.set()
        before, answer = await told(socket, 1)
        assert [piece_of(message) for message in before if piece_of(message)] == [" two"]
        assert answer["result"]["choices"] == [{"index": 0, "text": "one two", "finish_reason": "stop"}]


@pytest.mark.parametrize("method", CALLS)
@pytest.mark.parametrize("when", ["before the first piece", "after it"])
async def test_a_completion_that_is_cancelled_closes_the_connection_to_the_endpoint(
    method: str, when: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with far(monkeypatch) as (there, served), served.socket() as socket:
        there.behaviours = [loopback.silent if when == "before the first piece" else loopback.held]
        await socket.request(1, method, CALLS[method])
        await soon(there.begun.wait())
        if when == "after it":
            assert piece_of(await socket.receive()) == "one"
        assert not there.gone.is_set()
        await socket.send('{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":1}}')
        await soon(there.gone.wait())
        assert len(await served.until(RequestCancelled)) == 1
        ends = [part.ended for part in served.recorded(StreamEmitted) if part.ended]
        assert ends == (["cancelled"] if method == "stream/start" else [])


@pytest.mark.parametrize("transport", ["websocket", "http"])
async def test_a_client_that_leaves_closes_the_connection_to_the_endpoint(
    transport: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with far(monkeypatch) as (there, served):
        there.behaviours = [loopback.held]
        if transport == "websocket":
            async with served.socket() as socket:
                await socket.request(1, "stream/start", CALLS["stream/start"])
                assert piece_of(await socket.receive()) == "one"
        else:
            asking = asyncio.create_task(served.modern(1, "stream/start", CALLS["stream/start"]))
            await served.until(StreamEmitted)
            asking.cancel()
        await soon(there.gone.wait())
        await served.until(RequestCancelled)
        assert [part.ended for part in served.recorded(StreamEmitted) if part.ended] == ["cancelled"]


async def test_what_an_endpoint_counted_is_told_and_its_failures_are_errors(monkeypatch: pytest.MonkeyPatch) -> None:
    async with far(monkeypatch, max_retries=1) as (there, served), served.socket() as socket:
        answer = await socket.ask(1, "completion/generate", FAR)
        assert answer["result"]["usage"] == loopback.USAGE
        there.behaviours = [loopback.refuses(503, "full", retry_after="9")]
        refused = (await served.modern(2, "completion/generate", FAR)).body["error"]
        assert (refused["code"], refused["data"]) == (codes.OVERLOADED, {"status": 503, "retryAfter": 9})
        assert len(there.bodies) == 3  # one that went well, and one that was tried again once
        there.behaviours = [loopback.endless]
        await socket.request(3, "stream/start", CALLS["stream/start"])
        before, answer = await told(socket, 3)
        assert "more than 2097152 characters" in answer["error"]["message"]
        assert before[-1]["params"]["reason"] == "error"
        assert (await socket.ask(4, "ping"))["result"] == {}  # an endpoint that never ends costs nobody the session


async def test_a_key_is_in_no_event(monkeypatch: pytest.MonkeyPatch) -> None:
    async with far(monkeypatch) as (there, served), served.socket() as socket:
        there.behaviours = [loopback.refuses(400, f"what is {KEY}"), loopback.refuses(401, KEY), loopback.answer]
        for id in (1, 2, 3):
            await socket.ask(id, "completion/generate", FAR)
        recorded = b"".join(record.state for record in served.log.reader().records())
        assert [each["Authorization"] for each in there.headers] == [f"Bearer {KEY}"] * 3
        assert b"what is ***" in recorded  # the control: what the endpoint said is there
        assert KEY.encode() not in recorded
        assert all(unpack(record.state, record.session) for record in served.log.reader().records())


@pytest.mark.parametrize(
    ("params", "problem"),
    [
        ({}, "params.prompt is missing"),
        ({"prompt": "x" * 400_001}, "params.prompt must have 0 to 400000 characters, not 400001"),
        ({"prompt": "x", "model": "gpt"}, "unknown model 'gpt'; there are template"),
        ({"prompt": "x", "model": {"a": [1]}}, "params.model must be a string, not an object"),
        ({"prompt": "x", "sampling": {"n": 10**9}}, "params.sampling.n must be an integer from 1 to 16"),
        ({"prompt": "x", "sampling": {"seed": 2**63}}, "params.sampling.seed must be an integer from 0 to"),
        ({"prompt": "x", "sampling": json.loads('{"a":' * 60 + "1" + "}" * 60)}, "params.sampling has no member 'a'"),
    ],
)
async def test_what_is_wrong_is_told(params: dict[str, Any], problem: str) -> None:
    async with serving() as served, served.socket() as socket:
        error = (await socket.ask(1, "completion/generate", params))["error"]
        assert error["code"] == codes.INVALID_PARAMS
        assert problem in error["message"]


async def test_the_most_that_can_be_asked_for_is_answered() -> None:
    most = {"prompt": "(" * 400_000, "sampling": {"n": 16, "max_tokens": 32_768, "temperature": 2, "stop": ["~"] * 16}}
    async with serving() as served, served.socket() as socket:
        answer = await socket.ask(1, "completion/generate", most)
        assert len(answer["result"]["choices"]) == 16


async def test_models_without_the_package_are_refused_when_the_server_starts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compose, "find_spec", lambda _: None)
    with pytest.raises(SettingsError, match=r"pip install 'mcp-rewind\[openai\]'"):
        async with serving(completion_models=(CompletionModel(name="far", base_url="http://localhost/v1"),)):
            pass


async def test_completions_can_be_turned_off() -> None:
    async with serving(advanced_features_enabled=False) as served:
        assert (await served.modern(1, "completion/generate", FIBONACCI)).code == codes.METHOD_NOT_FOUND


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


async def test_a_stream_that_a_kill_cut_off_is_resumed_to_an_end_that_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """Another server on the same log stands for the one that is started after the kill."""
    async with far(monkeypatch) as (there, served), served.socket() as socket:
        there.behaviours = [loopback.held]
        await socket.request(1, "stream/start", CALLS["stream/start"])
        first = (await socket.receive())["params"]
        named = {"streamId": first.pop("streamId")}

        async def resumed(by: Served, after: int) -> tuple[list[dict[str, Any]], bool]:
            result = (await by.modern(2, "stream/resume", {**named, "after": after})).body["result"]
            return result["parts"], result["more"]

        assert await resumed(served, -1) == ([first], True)
        assert await resumed(served, 0) == ([], True)
        async with serving(served.log) as after_the_kill:
            final = {"index": 1, "isFinal": True, "reason": "error"}
            assert await resumed(after_the_kill, -1) == ([first, final], False)
            assert await resumed(after_the_kill, 0) == ([final], False)
            assert await resumed(after_the_kill, 1) == ([], False)
        there.go_on.set()
        before, _ = await told(socket, 1)
        assert await resumed(served, 1) == ([_bare(before[-1])], False)


def _bare(message: dict[str, Any]) -> dict[str, Any]:
    """A part as its notification has it, without the name of its stream."""
    return {key: value for key, value in message["params"].items() if key != "streamId"}
