import asyncio
import hashlib
import json
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from adapters.memory_log import MemoryLog
from adapters.stdio import stdio
from events import codes
from events.observed import MessageMalformed, RequestReceived, SessionClosed, SessionOpened
from mcp_server.app import App
from mcp_server.config import Settings
from tests.facts import MODERN_META, frame
from tests.serving import LONG, Served, Tools, call_params, handshake, soon, text_of


class Pipes:
    """The client's ends of a server's standard input and output."""

    def __init__(
        self, served: Served, sink: int, reader: asyncio.StreamReader, transport: asyncio.ReadTransport
    ) -> None:
        self.served = served
        self.tools = served.tools
        self.reader = reader
        self.transport = transport
        self._sink = sink

    async def send(self, data: bytes) -> None:
        """Write bytes; a pipe takes them when there is room."""
        await soon(asyncio.to_thread(_write_all, self._sink, data))

    async def say(self, id: Any, method: str, params: dict[str, Any] | None = None) -> None:
        await self.send(frame(id, method, params) + b"\n")

    async def call(self, id: Any, tool: str, **arguments: Any) -> None:
        await self.say(id, "tools/call", call_params(tool, MODERN_META, **arguments))

    async def receive(self) -> Any:
        return json.loads(await soon(self.reader.readline()))

    async def alive(self) -> None:
        await self.say("still there", "ping")
        assert await self.receive() == {"jsonrpc": "2.0", "id": "still there", "result": {}}

    def close(self) -> None:
        """End standard input."""
        if self._sink >= 0:
            os.close(self._sink)
            self._sink = -1


def _write_all(descriptor: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]


@asynccontextmanager
async def talking(window: int = 64) -> AsyncIterator[Pipes]:
    """A server on two pipes."""
    tools, log = Tools(), MemoryLog()
    app = App(Settings(store="memory:", drain_timeout=0.2), tools.server.catalogue(), log)
    source, ours = os.pipe()
    theirs, sink = os.pipe()
    reader = asyncio.StreamReader(limit=2**26)
    loop = asyncio.get_running_loop()
    transport, _ = await loop.connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(theirs, "rb", buffering=0)
    )
    async with stdio(app.gate, window, source, sink) as ended:
        pipes = Pipes(Served(app, tools, log, 0, None), ours, reader, transport)  # type: ignore[arg-type]
        try:
            yield pipes
        finally:
            pipes.close()
            await soon(ended)
            await soon(app.drain())
    os.close(sink)
    os.close(source)
    transport.close()


async def test_a_line_is_a_message_and_so_is_an_answer() -> None:
    async with talking() as pipes:
        await pipes.send(handshake(0) + b"\n" + frame(None, "notifications/initialized") + b"\n")
        assert (await pipes.receive())["result"]["serverInfo"]["name"] == "tests"
        await pipes.say(1, "tools/call", call_params("echo", text="a\nb"))
        raw = await soon(pipes.reader.readline())
        assert (raw.count(b"\n"), text_of(json.loads(raw))) == (1, "a\nb")
        (opened,) = pipes.served.recorded(SessionOpened)
        assert (opened.transport, opened.peer) == ("stdio", "")


async def test_both_eras_are_served_side_by_side() -> None:
    async with talking() as pipes:
        await pipes.say(1, "server/discover", {"_meta": MODERN_META})
        assert (await pipes.receive())["result"]["resultType"] == "complete"
        await pipes.send(handshake(2) + b"\n")
        assert (await pipes.receive())["result"]["protocolVersion"] == "2025-11-25"
        await pipes.call(3, "echo", text="hi")
        assert (await pipes.receive())["result"]["resultType"] == "complete"


@pytest.mark.parametrize("size", [1, 7, 100_000])
async def test_where_the_bytes_are_cut_makes_no_difference(size: int) -> None:
    texts = ["", "x" * 200, "\u00fc\U0001f600" * 50, "y"]
    many = b"".join(frame(n, "ping", {"x": text}) + end for n, (text, end) in enumerate(zip(texts, ENDS, strict=True)))
    async with talking() as pipes:
        for start in range(0, len(many), size):
            await pipes.send(many[start : start + size])
        assert [(await pipes.receive())["id"] for _ in texts] == [0, 1, 2, 3]
        assert pipes.served.recorded(MessageMalformed) == []


ENDS = [b"\n", b"\r\n", b"\n\n \t\n", b" \r\n"]


async def test_the_last_line_needs_no_end() -> None:
    async with talking() as pipes:
        await pipes.send(frame(1, "ping"))
        pipes.close()
        assert (await pipes.receive())["id"] == 1


async def test_a_malformed_line_is_told_what_is_wrong_and_ends_nothing() -> None:
    async with talking() as pipes:
        for raw, code in (
            (b"{", codes.PARSE_ERROR),
            (b'{"jsonrpc":"2.0","id":1,"method":"\xff"}', codes.PARSE_ERROR),
            (b"[]", codes.INVALID_REQUEST),
            (b"\0", codes.PARSE_ERROR),
        ):
            await pipes.send(raw + b"\n")
            answer = await pipes.receive()
            assert (answer["error"]["code"], answer["id"]) == (code, None)
            await pipes.alive()


async def test_a_line_that_is_too_long_is_read_over() -> None:
    raw = b'{"jsonrpc":"2.0","id":1,"method":"' + b"a" * (20 * 1024 * 1024)
    async with talking() as pipes:
        await pipes.send(raw + b"\n")
        answer = await pipes.receive()
        assert answer["error"]["message"] == f"the message has {len(raw)} bytes; at most 4194304 are read"
        await pipes.alive()
        (fact,) = pipes.served.recorded(MessageMalformed)
        assert (fact.frame, fact.length, fact.digest) == (b"", len(raw), hashlib.sha256(raw).digest())


async def test_a_call_is_cancelled_by_notification() -> None:
    async with talking() as pipes:
        await pipes.call(1, "act", gate="a")
        await soon(pipes.tools.begun["a"].wait())
        await pipes.say(None, "notifications/cancelled", {"requestId": 1})
        await soon(pipes.tools.stopped["a"].wait())
        await pipes.alive()


async def test_a_window_of_unanswered_requests_stops_the_reading() -> None:
    async with talking(window=2) as pipes:
        for gate in "ab":
            await pipes.call(gate, "act", gate=gate)
        await soon(pipes.tools.begun["b"].wait())
        for gate in "cd":
            await pipes.call(gate, "act", gate=gate)
        pipes.tools.gates["a"].set()
        assert text_of(await pipes.receive()) == "a"
        await soon(pipes.tools.begun["c"].wait())
        for gate in "bcd":
            pipes.tools.gates[gate].set()
        assert sorted([text_of(await pipes.receive()) for _ in "bcd"]) == list("bcd")


async def test_what_was_asked_before_the_end_of_input_is_still_answered() -> None:
    async with talking() as pipes:
        await pipes.call(1, "act", gate="a")
        await soon(pipes.tools.begun["a"].wait())
        pipes.close()
        pipes.tools.gates["a"].set()
        assert text_of(await pipes.receive()) == "a"
    (closed,) = pipes.served.recorded(SessionClosed)
    assert closed.reason == "the server stopped"


async def test_a_client_that_does_not_read_is_not_read_either() -> None:
    """What waits for it has a bound, and it can be stopped."""
    async with talking(window=8) as pipes:
        pipes.transport.pause_reading()
        for number in range(100):
            await pipes.call(number, "big", size=1024 * 1024)
        await pipes.served.until(RequestReceived, 16)
        for _ in range(100):
            await asyncio.sleep(0)
        assert len(pipes.served.recorded(RequestReceived)) <= 16 + 8 + 1
        pipes.transport.resume_reading()
        read = 0
        async with asyncio.timeout(LONG):
            while read < 100:
                read += len(text_of(await pipes.receive())) == 1024 * 1024
        assert sorted(fact.origin.request for fact in pipes.served.recorded(RequestReceived)) == list(range(100))


async def test_a_call_goes_no_faster_than_its_client_reads() -> None:
    async with talking() as pipes:
        pipes.transport.pause_reading()
        meta = {**MODERN_META, "progressToken": 7}
        await pipes.say(1, "tools/call", call_params("pour", meta, count=50, size=100_000))
        done = pipes.served.tools.done
        async with asyncio.timeout(LONG):
            while not done:  # noqa: ASYNC110 - it is a list
                await asyncio.sleep(0.005)
        for _ in range(200):
            await asyncio.sleep(0.001)
        assert len(done) < 50
        pipes.transport.resume_reading()
        told = [await pipes.receive() for _ in range(50)]
        assert [part["params"]["progress"] for part in told] == list(range(1, 51))
        assert text_of(await pipes.receive()) == "50"


async def test_when_the_client_has_gone_nothing_is_written() -> None:
    async with talking() as pipes:
        pipes.transport.close()
        await asyncio.sleep(0.01)
        await pipes.call(1, "echo", text="hi")
        await pipes.served.until(RequestReceived)
