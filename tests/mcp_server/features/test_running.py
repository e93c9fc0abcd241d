import asyncio
import threading
from collections.abc import AsyncIterator, Awaitable, Iterator
from contextvars import ContextVar
from typing import Any

import pytest

from mcp_server.context import Context
from mcp_server.features.content import Image
from mcp_server.features.results import ToolError
from mcp_server.features.server import MCPServer
from mcp_server.features.threads import Threads
from tests.mcp_server.asking import Heard, call, detail_of, text_of, use

caller: ContextVar[str] = ContextVar("caller", default="nobody")


def texts(*words: str) -> list[dict[str, str]]:
    return [{"type": "text", "text": word} for word in words]


async def test_functions_that_are_not_async_leave_the_loop_alone() -> None:
    server = MCPServer("test")

    @server.tool
    def where() -> str:
        return f"{threading.current_thread() is threading.main_thread()} {caller.get()}"

    caller.set("alice")
    assert text_of(await use(server, "where")) == "False alice"


async def test_no_more_threads_run_than_were_allowed() -> None:
    threads, running, most = Threads(3), 0, 0
    lock, gate = threading.Lock(), threading.Event()

    def work() -> None:
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
            if most == 3:
                gate.set()
        assert gate.wait(10)
        with lock:
            running -= 1

    await asyncio.gather(*(threads.run(work) for _ in range(20)))
    assert most == 3


async def test_a_thread_hears_that_nobody_waits_any_more() -> None:
    server, begun, heard_of_it = MCPServer("test"), asyncio.Event(), threading.Event()
    loop = asyncio.get_running_loop()

    @server.tool
    def dig(ctx: Context) -> str:
        loop.call_soon_threadsafe(begun.set)
        while not ctx.cancelled:
            pass
        heard_of_it.set()
        return "stopped"

    task = asyncio.create_task(server.catalogue().answer(call("tools/call", {"name": "dig"}), Heard()))
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await asyncio.to_thread(heard_of_it.wait, 10)


async def test_a_job_that_nobody_waits_for_is_not_begun() -> None:
    threads, gate, ran = Threads(1), threading.Event(), []
    first = asyncio.create_task(threads.run(lambda: gate.wait(10)))
    second = asyncio.create_task(threads.run(lambda: ran.append("second")))
    third = asyncio.create_task(threads.run(lambda: ran.append("third")))
    await asyncio.sleep(0)
    second.cancel()
    await asyncio.sleep(0)
    gate.set()
    await asyncio.gather(first, third)
    assert ran == ["third"]


async def test_an_async_generator_streams() -> None:
    server, heard = MCPServer("test"), Heard()

    @server.tool
    async def parts() -> AsyncIterator[Any]:
        yield "one"
        yield Image(b"\x00", "image/png")
        yield {"n": 3}
        yield ["four", Image(b"\x01", "image/png")]

    result = await use(server, "parts", heard=heard)
    image = {"type": "image", "mimeType": "image/png"}
    assert result["content"] == heard.chunks
    assert heard.chunks == [
        *texts("one"),
        {**image, "data": "AA=="},
        *texts('{"n":3}', "four"),
        {**image, "data": "AQ=="},
    ]


async def test_an_async_generator_waits_for_a_client_that_does_not_read() -> None:
    server, heard = MCPServer("test"), Heard()
    heard.reads.clear()

    @server.tool
    async def count(to: int) -> AsyncIterator[str]:
        for number in range(to):
            yield str(number)

    using = asyncio.create_task(use(server, "count", heard=heard, to=20))
    for _ in range(50):
        await asyncio.sleep(0)
    assert heard.chunks == texts("0")
    heard.reads.set()
    assert (await using)["content"] == texts(*map(str, range(20)))


async def test_a_generator_streams_from_a_thread_in_order() -> None:
    server, heard = MCPServer("test"), Heard()

    @server.tool
    def count(to: int, ctx: Context) -> Iterator[str]:
        for number in range(to):
            ctx.progress(number + 1, to)
            yield str(number)

    result = await use(server, "count", heard=heard, to=200)
    assert heard.chunks == result["content"] == texts(*map(str, range(200)))
    assert heard.progressed == [(number + 1, 200, "") for number in range(200)]


async def test_a_stream_is_bounded_as_a_whole() -> None:
    server, heard = MCPServer("test", result_limit=1000), Heard()
    closed = []

    @server.tool
    async def endless() -> AsyncIterator[str]:
        try:
            while True:
                yield "x" * 70
        finally:
            closed.append("endless")

    @server.tool
    def endless_thread() -> Iterator[str]:
        try:
            while True:
                yield "x" * 70
        finally:
            closed.append("endless_thread")

    for name in ("endless", "endless_thread"):
        result = await use(server, name, heard=heard)
        assert text_of(result) == "the tool's result has more than 1000 bytes; no more are sent"
    assert closed == ["endless", "endless_thread"]


async def test_a_stream_that_fails_ends_as_an_error() -> None:
    server, heard = MCPServer("test"), Heard()

    @server.tool
    async def half() -> AsyncIterator[str]:
        yield "first"
        raise ToolError("lost the rest")

    result = await use(server, "half", heard=heard)
    assert (result["isError"], text_of(result)) == (True, "lost the rest")
    assert heard.chunks == texts("first")


async def test_a_cancelled_stream_is_closed() -> None:
    server, closed, begun = MCPServer("test"), asyncio.Event(), asyncio.Event()

    @server.tool
    async def wait() -> AsyncIterator[str]:
        try:
            yield "first"
            begun.set()
            await asyncio.Event().wait()
        finally:
            closed.set()

    task = asyncio.create_task(server.catalogue().answer(call("tools/call", {"name": "wait"}), Heard()))
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert closed.is_set()


async def test_a_busy_stream_lets_others_have_their_turn() -> None:
    server, turns = MCPServer("test"), 0

    @server.tool
    async def busy() -> AsyncIterator[str]:
        for _ in range(50):
            yield "x"

    async def other() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    task = asyncio.create_task(other())
    await use(server, "busy")
    task.cancel()
    assert turns >= 50


async def test_an_exception_crosses_from_the_thread() -> None:
    server = MCPServer("test")

    def stop() -> None:
        raise StopIteration("early")

    def tell() -> None:
        raise ToolError("for the model")

    server.tool("divide")(lambda: 1 / 0)
    server.tool(stop)
    server.tool(tell)
    assert "ZeroDivisionError" in await detail_of(server, "divide")
    assert "StopIteration escaped: early" in await detail_of(server, "stop")
    assert text_of(await use(server, "tell")) == "for the model"


async def test_a_plain_function_may_hand_back_something_to_await() -> None:
    server = MCPServer("test")

    async def later() -> str:
        return "done"

    def wrapped() -> Awaitable[str]:
        return later()

    server.tool(output_schema=False)(wrapped)
    assert text_of(await use(server, "wrapped")) == "done"


async def test_a_cancelled_stream_stops_in_its_thread() -> None:
    server, heard = MCPServer("test"), Heard()
    begun, closed = asyncio.Event(), threading.Event()
    loop = asyncio.get_running_loop()

    @server.tool
    def endless(ctx: Context) -> Iterator[str]:
        try:
            yield "first"
            loop.call_soon_threadsafe(begun.set)
            while not ctx.cancelled:
                pass
            yield "too late"
            yield "never asked for"
        finally:
            closed.set()

    task = asyncio.create_task(server.catalogue().answer(call("tools/call", {"name": "endless"}), heard))
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await asyncio.to_thread(closed.wait, 10)
    await asyncio.sleep(0)
    assert heard.chunks == texts("first")


def test_a_thread_that_outlives_its_loop_does_no_harm() -> None:
    server, heard = MCPServer("test"), Heard()
    gate, told = threading.Event(), threading.Event()

    @server.tool
    def late(ctx: Context) -> str:
        assert gate.wait(10)
        ctx.info("anyone there?")
        told.set()
        return "nobody"

    async def leave() -> None:
        task = asyncio.create_task(server.catalogue().answer(call("tools/call", {"name": "late"}), heard))
        await asyncio.sleep(0)
        task.cancel()

    asyncio.run(leave())
    gate.set()
    assert told.wait(10)
    assert heard.logged == []
