"""Models of an endpoint, against a real HTTP server."""

import asyncio
import logging
import sys
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from typing import Any

import pytest

from events import codes
from mcp_server.protocol.advanced import (
    CompletionEngine,
    CompletionRequest,
    InvalidRequest,
    ModelFailed,
    OpenAIModel,
    SamplingConfig,
)
from mcp_server.protocol.advanced.openai_model import MissingExtra
from tests.mcp_server.protocol.advanced import loopback
from tests.mcp_server.protocol.advanced.loopback import KEY, Endpoint, endpoint
from tests.serving import soon


@asynccontextmanager
async def talking(**options: Any) -> AsyncIterator[tuple[Endpoint, CompletionEngine]]:
    async with endpoint() as served:
        engine = CompletionEngine()
        engine.register("far", OpenAIModel(served.url, "m", **{"api_key": KEY, "timeout": 10.0, **options}))
        try:
            yield served, engine
        finally:
            await engine.aclose()


def asked(prompt: str = "hello", **sampling: Any) -> CompletionRequest:
    return CompletionRequest(prompt, "far", SamplingConfig(**sampling))


async def failure(engine: CompletionEngine, request: CompletionRequest | None = None) -> ModelFailed:
    with pytest.raises(ModelFailed) as caught:
        await soon(engine.complete(request or asked()))
    return caught.value


@pytest.mark.parametrize("api", ["chat", "completions"])
async def test_a_completion_asks_with_every_parameter_and_comes_back_in_order(api: str) -> None:
    async with talking(api=api) as (served, engine):
        sampling = {"temperature": 0.2, "top_p": 0.9, "top_k": 40, "stop": "X", "seed": 11, "n": 2, "max_tokens": 9}
        response = await engine.complete(asked("hello", **sampling))
        (body,) = served.bodies
    assert [each.text for each in response.choices] == ["text 0", "text 1"]
    assert (response.usage.prompt_tokens, response.usage.completion_tokens, response.seed) == (7, 5, 11)
    asked_for = {"model": "m", "temperature": 0.2, "top_p": 0.9, "top_k": 40, "stop": ["X"], "seed": 11, "n": 2}
    assert body.items() >= {**asked_for, "max_tokens": 9}.items()
    if api == "chat":
        assert body["messages"] == [{"role": "user", "content": "hello"}]
    else:
        assert body["prompt"] == "hello"


@pytest.mark.parametrize("api", ["chat", "completions"])
async def test_a_stream_brings_the_pieces_then_usage_and_seed(api: str) -> None:
    async with talking(api=api) as (_, engine):
        pieces = [piece async for piece in engine.stream(asked(seed=3))]
    assert "".join(piece.text for piece in pieces) == "one two three"
    assert pieces[-2].finish_reason == "length"
    assert pieces[-1].usage is not None
    assert (pieces[-1].usage.total_tokens, pieces[-1].usage.estimated, pieces[-1].seed) == (12, False, 3)


async def test_a_piece_is_passed_on_before_the_next_one_exists() -> None:
    async with talking() as (served, engine):
        served.behaviours = [loopback.held]
        async with aclosing(engine.stream(asked())) as pieces:
            assert (await soon(anext(pieces))).text == "one"
            served.go_on.set()
            rest = [piece async for piece in pieces]
    assert rest[0].text == " two"
    assert rest[-1].usage is not None
    assert rest[-1].usage.estimated  # this endpoint told nothing


async def test_closing_a_stream_closes_the_request() -> None:
    async with talking() as (served, engine):
        served.behaviours = [loopback.held]
        async with aclosing(engine.stream(asked())) as pieces:
            await soon(anext(pieces))
            assert not served.gone.is_set()
        await soon(served.gone.wait())


async def test_cancelling_a_completion_closes_the_request() -> None:
    async with talking() as (served, engine):
        served.behaviours = [loopback.silent]
        task = asyncio.create_task(engine.complete(asked()))
        await soon(served.begun.wait())
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await soon(served.gone.wait())


async def test_an_endpoint_that_stays_silent_is_given_up() -> None:
    async with talking(timeout=0.05, max_retries=0) as (served, engine):
        served.behaviours = [loopback.silent]
        assert (await failure(engine)).code == codes.TIMED_OUT


async def test_a_stream_that_stops_in_the_middle_is_given_up() -> None:
    async with talking(timeout=0.2) as (served, engine):
        served.behaviours = [loopback.held]
        pieces = engine.stream(asked())
        assert (await soon(anext(pieces))).text == "one"
        with pytest.raises(ModelFailed, match=r"did not answer within 0\.2 s"):
            await soon(anext(pieces))
        await soon(served.gone.wait())


async def test_a_busy_endpoint_is_asked_again() -> None:
    async with talking() as (served, engine):
        served.behaviours = [loopback.refuses(429), loopback.refuses(500), loopback.answer]
        assert (await engine.complete(asked())).choices[0].text == "text 0"
        assert len(served.bodies) == 3


@pytest.mark.parametrize(
    ("status", "code", "asked_times"),
    [
        (429, codes.OVERLOADED, 3),
        (503, codes.OVERLOADED, 3),
        (500, codes.INTERNAL_ERROR, 3),
        (400, codes.INTERNAL_ERROR, 1),
    ],
)
async def test_retries_have_a_bound(status: int, code: int, asked_times: int) -> None:
    async with talking() as (served, engine):
        served.behaviours = [loopback.refuses(status, "too much", retry_after="7")]
        refused = await failure(engine)
        assert len(served.bodies) == asked_times
    assert (refused.code, refused.data) == (code, {"status": status, "retryAfter": 7})
    assert f"status {status}" in refused.message
    assert "too much" in refused.message


@pytest.mark.parametrize(
    ("behaviour", "words"),
    [
        (loopback.ends_early, "broke off before the text was complete"),
        (loopback.breaks_off, "the endpoint's answer cannot be read"),
        (loopback.babbles, "the endpoint's answer cannot be read"),
    ],
)
async def test_a_broken_stream_is_an_error_and_not_the_end(behaviour: loopback.Behaviour, words: str) -> None:
    async with talking() as (served, engine):
        served.behaviours = [behaviour]
        with pytest.raises(ModelFailed, match=words):
            async for _ in engine.stream(asked()):
                pass
        assert len(served.bodies) == 1  # a stream that has begun is not begun again


async def test_a_time_to_wait_that_is_none_is_not_told() -> None:
    async with talking(max_retries=0) as (served, engine):
        for header in ("9" * 5000, "-1", "soon"):
            served.behaviours = [loopback.refuses(503, "full", retry_after=header)]
            assert (await failure(engine)).data == {"status": 503}


@pytest.mark.parametrize("retry_after", ["60", None])
async def test_an_endpoint_is_asked_again_when_it_says(retry_after: str | None) -> None:
    async with talking(timeout=2.0) as (served, engine):
        told = {} if retry_after is None else {"retry_after": retry_after, "retry_after_ms": "soon"}
        served.behaviours = [loopback.refuses(429, "wait", **told), loopback.answer]
        if retry_after is None:  # the control: without a word of the endpoint it is asked again in time
            assert (await soon(engine.complete(asked()))).choices[0].text == "text 0"
        else:
            assert (await failure(engine)).code == codes.TIMED_OUT
            assert len(served.bodies) == 1


@pytest.mark.parametrize(
    ("behaviour", "words"),
    [
        (loopback.one_choice, "the endpoint gave 1 of 2 choices: if it knows no n, ask for one at a time"),
        (loopback.a_page, "cannot be read as a completion"),
        (loopback.packed, "cannot be read as a completion"),
        (loopback.endless, "the endpoint's text has more than 2097152 characters"),
        (loopback.large, "cannot be read as a completion"),
    ],
)
async def test_an_answer_that_is_not_what_was_asked_for_is_an_error(behaviour: loopback.Behaviour, words: str) -> None:
    async with talking() as (served, engine):
        served.behaviours = [behaviour]
        assert words in (await failure(engine, asked(n=2) if behaviour is loopback.one_choice else asked())).message
        assert len(served.bodies) == 1


@pytest.mark.parametrize(
    ("behaviour", "words"),
    [
        (loopback.one_choice, "the endpoint gave 1 of 2 choices"),
        (loopback.a_page, "broke off"),
        (loopback.endless, "the endpoint's text has more than 2097152 characters"),
        (loopback.large, "broke off"),
    ],
)
async def test_a_stream_that_is_not_what_was_asked_for_is_an_error(behaviour: loopback.Behaviour, words: str) -> None:
    async with talking() as (served, engine):
        served.behaviours = [behaviour]
        told = []

        async def read() -> None:
            async for piece in engine.stream(asked(n=2) if behaviour is loopback.one_choice else asked()):
                told.append((piece.index, len(piece.text)))  # noqa: PERF401 # what came before the error counts

        with pytest.raises(ModelFailed, match=words):
            await soon(read())
        assert sum(size for _, size in told) <= 2 * 1024 * 1024
        assert {index for index, _ in told} <= {0}


async def test_an_endpoint_that_is_not_there_is_said_to_be_away() -> None:
    async with talking(max_retries=0) as (_, engine):
        engine.register("far", OpenAIModel("http://127.0.0.1:9/v1", "m", max_retries=0))
        assert "cannot be reached" in (await failure(engine)).message


async def test_the_key_is_sent_and_never_told(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        async with talking(max_retries=0) as (served, engine):
            served.behaviours = [loopback.refuses(401, f"bad key {KEY}"), loopback.refuses(400, f"odd {KEY} in it")]
            told = [repr(error) + str(error.data) for error in (await failure(engine), await failure(engine))]
            model = engine._models["far"]
            assert served.headers[0]["Authorization"] == f"Bearer {KEY}"  # the control: it was there to be told
    assert "odd *** in it" in told[1]
    logged = [record.getMessage() + str(record.args) + str(record.exc_info) for record in caplog.records]
    assert logged
    assert not any(KEY in text for text in [*told, repr(model), str(model), str(vars(model)["_failures"]), *logged])


async def test_no_log_line_holds_a_prompt(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        async with talking() as (_, engine):
            await engine.complete(asked("a private matter"))
            assert [piece async for piece in engine.stream(asked("a private matter"))]
    logged = [record.getMessage() + str(record.args) for record in caplog.records]
    assert any("HTTP Request: POST" in text for text in logged)  # the control: the client writes lines
    assert not any("private" in text for text in logged)


async def test_the_key_may_come_from_one_variable_and_from_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-other")
    monkeypatch.setenv("OPENAI_ORG_ID", "org-other")
    monkeypatch.setenv("MY_KEY", KEY)
    async with talking(api_key=None) as (served, engine):
        await engine.complete(asked())
        await engine.aclose()
        engine.register("far", OpenAIModel(served.url, "m", api_key_env="MY_KEY"))
        await engine.complete(asked())
        await engine.aclose()
        assert [each["Authorization"] for each in served.headers] == ["Bearer none", f"Bearer {KEY}"]
        assert not any("other" in value for each in served.headers for value in each.values())
    with pytest.raises(InvalidRequest, match="the environment variable ABSENT is to hold"):
        OpenAIModel("http://localhost/v1", "m", api_key_env="ABSENT")


async def test_without_the_package_an_error_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "openai", None)
    with pytest.raises(MissingExtra, match=r"pip install 'mcp-rewind\[openai\]'"):
        await OpenAIModel("http://localhost/v1", "m").complete(asked(seed=1))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"base_url": "localhost"}, "base_url must begin with http"),
        ({"base_url": "http://"}, "base_url must be an address such as http://localhost:8000/v1"),
        ({"base_url": "http://me:pa/ss@localhost/v1"}, "base_url must be an address such as"),
        ({"base_url": "http://me:pass@localhost/v1"}, "base_url must have no user, password or query: give a key"),
        ({"base_url": "http://localhost/v1?key=1"}, "base_url must have no user, password or query: give a key"),
        ({"api": "other"}, "api must be chat or completions"),
        ({"timeout": 0}, "timeout must be a number from 0.001 to 3600, not 0"),
        ({"max_retries": 11}, "max_retries must be an integer from 0 to 10, not 11"),
    ],
)
def test_what_is_wrong_with_a_model_is_said_when_it_is_made(options: dict[str, Any], words: str) -> None:
    with pytest.raises(InvalidRequest, match=words):
        OpenAIModel(**{"base_url": "http://localhost/v1", "model": "m", **options})
