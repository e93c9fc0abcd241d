"""Completions from models by name."""

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from typing import Any

import pytest

from mcp_server.protocol.advanced import (
    CompletionEngine,
    CompletionRequest,
    CompletionResponse,
    Delta,
    InvalidRequest,
    ModelFailed,
    SamplingConfig,
    Usage,
)
from tests.docs.pages import ROOT

PROMPTS = (
    "def fibonacci(n):",
    "Generate a Python class",
    "The server",
    "function fibonacci(n) {",
    "int gcd(int a,",
)


async def complete(prompt: str, **sampling: Any) -> CompletionResponse:
    return await CompletionEngine().complete(CompletionRequest(prompt, sampling=SamplingConfig(**sampling)))


@pytest.mark.parametrize("prompt", PROMPTS)
async def test_the_same_seed_has_the_same_text_and_another_one_another(prompt: str) -> None:
    first, again = await complete(prompt, seed=1, n=4), await complete(prompt, seed=1, n=4)
    assert first == again
    texts = {
        choice.text for seed in range(8) for choice in (await complete(prompt, seed=seed, temperature=2.0)).choices
    }
    assert len(texts) > 1


async def test_a_seed_that_was_drawn_is_told_and_has_the_same_text_again() -> None:
    drawn = [await complete("Once upon a time") for _ in range(4)]
    assert len({response.seed for response in drawn}) > 1
    for response in drawn:
        assert await complete("Once upon a time", seed=response.seed) == response


ALL = f"""
import asyncio, hashlib
from mcp_server.protocol.advanced import CompletionEngine, CompletionRequest, SamplingConfig
async def main():
    engine, digest = CompletionEngine(), hashlib.sha256()
    for prompt in {PROMPTS!r}:
        for seed in range(5):
            sampling = SamplingConfig(1.2, seed=seed, n=2, top_p=0.95)
            digest.update(repr(await engine.complete(CompletionRequest(prompt, sampling=sampling))).encode())
    print(digest.hexdigest())
asyncio.run(main())
"""


def test_texts_are_the_same_in_every_process_whatever_its_hash_seed() -> None:
    found = {
        subprocess.run(
            [sys.executable, "-c", ALL],
            env={**os.environ, "PYTHONHASHSEED": seed},
            cwd=ROOT,
            capture_output=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(found) == 1
    assert len(found.pop()) == 65


async def test_greedy_sampling_needs_no_seed() -> None:
    texts = {(await complete(prompt="The server", temperature=0, seed=seed)).choices[0].text for seed in range(5)}
    assert len(texts) == 1


async def test_a_text_ends_at_the_most_tokens_that_it_may_have() -> None:
    response = await complete("def fibonacci(n):", seed=1, max_tokens=5, n=3)
    assert [choice.finish_reason for choice in response.choices] == ["length"] * 3
    assert response.usage.completion_tokens == 15
    whole = await complete("def fibonacci(n):", seed=1, n=3)
    for short, long in zip(response.choices, whole.choices, strict=True):
        assert long.text.startswith(short.text)
        assert long.finish_reason == "stop"


async def test_a_text_ends_before_a_stop() -> None:
    whole = (await complete("def fibonacci(n):", seed=1)).choices[0].text
    stopped = (await complete("def fibonacci(n):", seed=1, stop=["return", "\0"])).choices[0]
    assert (stopped.text, stopped.finish_reason) == (whole[: whole.index("return")], "stop")


async def test_the_pieces_of_a_stream_are_the_completion() -> None:
    request = CompletionRequest("The log", sampling=SamplingConfig(seed=4, n=2, stop=". A"))
    engine = CompletionEngine()
    pieces = [piece async for piece in engine.stream(request)]
    whole = await engine.complete(request)
    for choice in whole.choices:
        mine = [piece for piece in pieces if piece.index == choice.index and piece.usage is None]
        assert "".join(piece.text for piece in mine) == choice.text
        assert [piece.finish_reason for piece in mine if piece.finish_reason] == [choice.finish_reason]
    assert pieces[-1] == Delta(usage=whole.usage, seed=4)


class Parrot:
    """A model of a user's own."""

    def __init__(self, *pieces: Delta) -> None:
        self.pieces = pieces
        self.seeds: list[int | None] = []
        self.closed = asyncio.Event()

    async def stream(self, request: CompletionRequest) -> AsyncIterator[Delta]:
        self.seeds.append(request.sampling.seed)
        try:
            for piece in self.pieces:
                yield piece
        finally:
            self.closed.set()


async def test_an_own_model_is_asked_by_its_name_with_a_seed() -> None:
    engine, parrot = CompletionEngine(), Parrot(Delta("a"), Delta("b", 0, "stop"), Delta(usage=Usage(1, 2)))
    engine.register("parrot", parrot)
    response = await engine.complete(CompletionRequest("x", "parrot"))
    assert (response.choices[0].text, response.model, response.usage.total_tokens) == ("ab", "parrot", 3)
    assert parrot.seeds == [response.seed]
    assert engine.models == ("parrot", "template")


async def test_closing_a_stream_stops_the_model() -> None:
    engine, parrot = CompletionEngine(), Parrot(Delta("a"), Delta("b", 0, "stop"))
    engine.register("parrot", parrot)
    pieces = engine.stream(CompletionRequest("x", "parrot"))
    assert (await anext(pieces)).text == "a"
    assert not parrot.closed.is_set()
    await pieces.aclose()
    assert parrot.closed.is_set()


async def test_a_model_that_breaks_off_has_failed() -> None:
    engine = CompletionEngine()
    engine.register("parrot", Parrot(Delta("a")))
    with pytest.raises(ModelFailed, match="the model parrot stopped before its text was complete"):
        await engine.complete(CompletionRequest("x", "parrot"))


async def test_an_unknown_model_is_told_the_nearest() -> None:
    engine = CompletionEngine()
    with pytest.raises(InvalidRequest, match="unknown model 'templat'; did you mean template"):
        await engine.complete(CompletionRequest("x", "templat"))
    with pytest.raises(InvalidRequest, match="unknown model 'gpt'; there are template"):
        engine.stream(CompletionRequest("x", "gpt"))
    with pytest.raises(InvalidRequest, match=r"a model has a method stream\(request\); int has none"):
        engine.register("x", 3)  # type: ignore[arg-type]
