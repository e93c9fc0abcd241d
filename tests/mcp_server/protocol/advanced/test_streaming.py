"""Streams by name."""

import asyncio
import logging
from collections.abc import AsyncIterator, Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcp_server.calls import CallRefused
from mcp_server.protocol.advanced import (
    CompletionEngine,
    CompletionRequest,
    InvalidRequest,
    SamplingConfig,
    StreamChunk,
    StreamEnd,
    StreamingManager,
)
from tests.serving import soon


class Source:
    """Kinds of streams that do what a test asks."""

    def __init__(self) -> None:
        self.made: list[int] = []
        self.closed = 0
        self.gate = asyncio.Event()
        self.waits = asyncio.Event()
        self.done = asyncio.Event()

    async def count(self, params: Mapping[str, Any]) -> AsyncIterator[Any]:
        try:
            for number in range(params["to"]):
                self.made.append(number)
                yield number
            match params.get("then"):
                case "refuse":
                    raise CallRefused(-1, "no more of it")
                case "fail":
                    raise ZeroDivisionError("secret")
                case "wait":
                    self.waits.set()
                    await self.gate.wait()
                case "end":
                    yield StreamEnd("length", {"count": params["to"]})
        finally:
            self.closed += 1
            self.done.set()

    async def stubborn(self, params: Mapping[str, Any]) -> AsyncIterator[Any]:
        self.waits.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            await self.gate.wait()
        yield "late"

    def manager(self, **options: Any) -> StreamingManager:
        manager = StreamingManager(**options)
        manager.register_kind("count", self.count)
        manager.register_kind("stubborn", self.stubborn)
        return manager


async def rest(manager: StreamingManager, id: str = "s") -> list[StreamChunk]:
    return [chunk async for chunk in manager.stream(id)]


async def turns() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


def data(chunks: list[StreamChunk]) -> list[Any]:
    return [chunk.data for chunk in chunks if not chunk.is_final]


async def test_a_completion_is_streamed_as_the_engine_completes_it() -> None:
    params = {"prompt": "def fibonacci(n):", "model": "template", "sampling": {"seed": 5, "max_tokens": 40}}
    async with StreamingManager() as manager:
        await manager.start_stream("s", "completion", params)
        chunks = await rest(manager)
    whole = await CompletionEngine().complete(
        CompletionRequest("def fibonacci(n):", sampling=SamplingConfig(seed=5, max_tokens=40))
    )
    assert "".join(data(chunks)) == whole.choices[0].text
    assert [chunk.index for chunk in chunks] == list(range(len(chunks)))
    final = chunks[-1]
    assert (final.is_final, final.data, final.reason) == (True, "", whole.choices[0].finish_reason)
    assert final.summary == {"usage": whole.usage.to_json(), "seed": 5}


@pytest.mark.parametrize(
    ("then", "reason", "error"),
    [
        (None, "complete", None),
        ("end", "length", None),
        ("refuse", "error", "no more of it"),
        ("fail", "error", "internal error"),
    ],
)
async def test_whatever_becomes_of_a_stream_one_final_chunk_tells_it(
    then: str | None, reason: str, error: str | None, caplog: pytest.LogCaptureFixture
) -> None:
    source = Source()
    async with source.manager() as manager:
        with caplog.at_level(logging.ERROR):
            await manager.start_stream("s", "count", {"to": 3, "then": then})
            chunks = await rest(manager)
        assert await manager.get_stream_chunk("s") is None
    assert data(chunks) == [0, 1, 2]
    assert [chunk.is_final for chunk in chunks] == [False, False, False, True]
    assert (chunks[-1].reason, chunks[-1].error) == (reason, error)
    assert not any("secret" in record.getMessage() for record in caplog.records)
    assert source.closed == 1


async def test_what_was_made_before_a_cancellation_can_be_read_and_then_the_end() -> None:
    source = Source()
    async with source.manager() as manager:
        await manager.start_stream("s", "count", {"to": 2, "then": "wait"})
        await soon(source.waits.wait())
        assert await manager.cancel_stream("s")
        assert not await manager.cancel_stream("s")
        chunks = await rest(manager)
        assert not await manager.cancel_stream("unknown")
    assert data(chunks) == [0, 1]
    assert chunks[-1].reason == "cancelled"
    assert source.closed == 1


async def test_a_stream_that_is_cancelled_before_it_began_has_its_end_too() -> None:
    source = Source()
    async with source.manager() as manager:
        await manager.start_stream("s", "count", {"to": 2})
        assert await manager.cancel_stream("s")
        assert [chunk.reason for chunk in await rest(manager)] == ["cancelled"]
    assert source.made == []


async def test_a_reader_that_waits_is_told_of_the_cancellation() -> None:
    source = Source()
    async with source.manager() as manager:
        await manager.start_stream("s", "count", {"to": 0, "then": "wait"})
        reader = asyncio.create_task(manager.get_stream_chunk("s"))
        await soon(source.waits.wait())
        await manager.cancel_stream("s")
        chunk = await soon(reader)
    assert chunk is not None
    assert chunk.is_final


async def test_a_reader_that_gives_up_loses_no_chunk() -> None:
    source = Source()
    async with source.manager() as manager:
        await manager.start_stream("s", "count", {"to": 1, "then": "wait"})
        assert data([await soon(anext(aiter(manager.stream("s"))))]) == [0]
        reader = asyncio.create_task(manager.get_stream_chunk("s"))
        await turns()
        reader.cancel()
        source.gate.set()
        await turns()
        chunks = await rest(manager)
    assert [chunk.is_final for chunk in chunks] == [True]


@pytest.mark.parametrize("buffer", [1, 4])
async def test_a_producer_waits_for_its_reader(buffer: int) -> None:
    source = Source()
    async with source.manager(buffer=buffer) as manager:
        await manager.start_stream("s", "count", {"to": 100})
        await turns()
        assert len(source.made) == buffer + 1  # the last one waits for room
        for number in range(10):
            chunk = await manager.get_stream_chunk("s")
            assert chunk is not None
            assert chunk.data == number
            await turns()
            assert len(source.made) == buffer + 2 + number
        assert data(await rest(manager)) == list(range(10, 100))


@given(
    size=st.integers(0, 20),
    history=st.integers(0, 8),
    moves=st.lists(st.one_of(st.none(), st.integers(-1, 22)), max_size=30),
)
def test_a_stream_is_read_again_from_where_it_is_kept(size: int, history: int, moves: list[int | None]) -> None:
    """None reads a chunk, a number resumes after it. The oracle keeps everything and knows what may be forgotten."""

    async def run() -> None:
        source = Source()
        async with source.manager(buffer=3, history=history) as manager:
            await manager.start_stream("s", "count", {"to": size})
            position = kept = 0
            for move in moves:
                if move is None:
                    chunk = await manager.get_stream_chunk("s")
                    assert (chunk.index if chunk else None) == (position if position <= size else None)
                    position = min(position + 1, size + 1)
                    kept = max(kept, position - history)
                elif kept <= move + 1 <= position:
                    manager.resume("s", move)
                    position = move + 1
                else:
                    with pytest.raises(InvalidRequest, match="cannot be read again"):
                        manager.resume("s", move)
            assert [chunk.index for chunk in await rest(manager)] == list(range(position, size + 1))

    asyncio.run(run())


async def test_a_stream_that_nobody_reads_is_ended_and_later_forgotten() -> None:
    now, source = [0.0], Source()
    async with source.manager(idle_timeout=10.0, clock=lambda: now[0]) as manager:
        await manager.start_stream("s", "count", {"to": 2, "then": "wait"})
        await manager.start_stream("read", "count", {"to": 0, "then": "wait"})
        reader = asyncio.create_task(manager.get_stream_chunk("read"))
        await turns()
        now[0] = 9.0
        manager.expire()
        assert manager.producing == 2
        now[0] = 10.0
        manager.expire()
        await turns()
        assert (manager.producing, len(manager)) == (1, 2)
        now[0] = 19.0
        chunks = await rest(manager)
        assert data(chunks) == [0, 1]
        assert chunks[-1].reason == "expired"
        now[0] = 30.0
        manager.expire()
        assert len(manager) == 1  # somebody waits for the other
        assert await manager.get_stream_chunk("s") is None
        with pytest.raises(InvalidRequest, match="there is no stream 's', or it was forgotten"):
            manager.resume("s")
        source.gate.set()
        await soon(reader)


async def test_idle_streams_are_looked_for_without_being_asked() -> None:
    source = Source()
    async with source.manager(idle_timeout=0.01) as manager:
        await manager.start_stream("s", "count", {"to": 0, "then": "wait"})
        await soon(source.done.wait())


async def test_the_number_of_streams_is_bounded_and_those_that_are_over_make_room() -> None:
    source = Source()
    async with source.manager(max_streams=2) as manager:
        await manager.start_stream("a", "count", {"to": 1})
        await manager.start_stream("b", "count", {"to": 1})
        with pytest.raises(InvalidRequest, match="there are 2 streams under way"):
            await manager.start_stream("c", "count", {"to": 1})
        await rest(manager, "b")
        await manager.start_stream("c", "count", {"to": 1})
        assert await manager.get_stream_chunk("b") is None
        assert data(await rest(manager, "a")) == [0]


async def test_an_id_can_be_used_again_once_its_stream_was_read_to_the_end() -> None:
    source = Source()
    async with source.manager() as manager:
        await manager.start_stream("s", "count", {"to": 1})
        with pytest.raises(InvalidRequest, match="the stream 's' is under way"):
            await manager.start_stream("s", "count", {"to": 1})
        await rest(manager)
        await manager.start_stream("s", "count", {"to": 2})
        assert data(await rest(manager)) == [0, 1]


@pytest.mark.parametrize(
    ("kind", "params", "words"),
    [
        ("complete", {}, "unknown kind of stream: 'complete'; did you mean completion?"),
        ("completion", {"model": "template"}, "params.prompt is missing"),
        ("completion", {"prompt": "x", "model": "tmplate"}, "unknown model 'tmplate'; did you mean template?"),
        ("completion", {"prompt": "x", "sampling": {"n": 2}}, "params.sampling.n must be 1"),
    ],
)
async def test_what_cannot_be_a_stream_is_refused_when_it_is_started(kind: str, params: Any, words: str) -> None:
    async with StreamingManager() as manager:
        with pytest.raises(InvalidRequest, match=words):
            await manager.start_stream("s", kind, params)
        assert (len(manager), manager.producing) == (0, 0)
        assert await manager.get_stream_chunk("s") is None


async def test_no_task_is_left_when_a_manager_is_closed() -> None:
    source, before = Source(), asyncio.all_tasks()
    manager = source.manager(buffer=1)
    await manager.start_stream("waits", "count", {"to": 0, "then": "wait"})
    await manager.start_stream("full", "count", {"to": 9})
    await manager.start_stream("over", "count", {"to": 0})
    await turns()
    assert len(asyncio.all_tasks() - before) == 2  # the control: without closing it they stay
    await manager.aclose()
    assert asyncio.all_tasks() == before
    assert source.closed == 3


async def test_a_producer_that_will_not_stop_keeps_nobody_waiting_for_the_final_chunk() -> None:
    source = Source()
    manager = source.manager()
    await manager.start_stream("s", "stubborn", {})
    await soon(source.waits.wait())
    stopping = asyncio.create_task(manager.cancel_stream("s"))
    chunk = await soon(manager.get_stream_chunk("s"))
    assert chunk is not None
    assert (chunk.is_final, chunk.reason) == (True, "cancelled")
    source.gate.set()
    await soon(stopping)
    assert await manager.get_stream_chunk("s") is None  # what it made too late is not told
    await manager.aclose()
