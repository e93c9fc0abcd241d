"""Streams that break off are gone on with from the log, also after a kill."""

import asyncio
import json
import signal
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from adapters.event_ids import EventId
from adapters.memory_log import MemoryLog
from events import codes
from events.decided import StreamReleased
from events.observed import CallReturned, Interrupted, ProgressReported, SessionClosed
from mcp_server import Context, MCPServer
from pipeline.log import Row
from tests.children import Child, running, wait_for
from tests.facts import frame
from tests.serving import LONG, Served, call_params, handshake, serving

Event = tuple[str, Any]
"""The id of an event and the message in it; None when it holds nothing."""

VERSION = "2025-11-25"


async def events(response: aiohttp.ClientResponse, count: int = 10**6) -> list[Event]:
    """The next events of a stream, as many as asked for or until it ends."""
    found: list[Event] = []
    id, data = "", ""
    while len(found) < count:
        line = (await asyncio.wait_for(response.content.readline(), LONG)).decode()
        if not line:
            break
        field, _, value = line.rstrip("\n").partition(":")
        if field == "id":
            id = value.strip()
        elif field == "data":
            data += value.strip()
        elif line == "\n" and id:
            found.append((id, json.loads(data) if data else None))
            id, data = "", ""
    return found


class Client:
    """A session over HTTP, that can be gone on with at another port."""

    def __init__(self, http: aiohttp.ClientSession, port: int) -> None:
        self.http = http
        self.url = f"http://127.0.0.1:{port}/mcp"
        self.headers = {"Accept": "application/json, text/event-stream", "MCP-Protocol-Version": VERSION}

    async def begin(self) -> None:
        async with self.post(handshake(0, VERSION)) as response:
            self.headers["Mcp-Session-Id"] = response.headers["Mcp-Session-Id"]
        async with self.post(frame(None, "notifications/initialized")) as response:
            assert response.status == 202

    def post(self, body: bytes) -> Any:
        return self.http.post(self.url, data=body, headers={**self.headers, "Content-Type": "application/json"})

    def get(self, last: str | None = None) -> Any:
        named = {} if last is None else {"Last-Event-ID": last}
        return self.http.get(self.url, headers={**self.headers, **named})

    def call(self, id: Any, tool: str, **arguments: Any) -> Any:
        return self.post(frame(id, "tools/call", call_params(tool, {"progressToken": "t"}, **arguments)))


@asynccontextmanager
async def client_of(served: Served) -> AsyncIterator[Client]:
    async with aiohttp.ClientSession() as http:
        client = Client(http, served.port)
        await client.begin()
        yield client


def counting(server: MCPServer) -> None:
    """Add a tool that counts, and one that lets go of its stream first."""

    @server.tool
    async def count(upto: int, pause: float, ctx: Context, leave: int = 0) -> str:
        for number in range(1, upto + 1):
            if number == leave:
                await ctx.close_stream(retry=0.01)
            await ctx.progress(number, upto)
            await asyncio.sleep(pause)
        return f"counted to {upto}"


def numbers(found: list[Event]) -> list[Any]:
    """The progress that was told, and then the text of the answer."""
    told = [message for _, message in found if message]
    return [
        message["params"]["progress"] if "method" in message else message["result"]["content"][0]["text"]
        for message in told
    ]


WHOLE = [1, 2, 3, 4, 5, "counted to 5"]


async def test_a_stream_that_broke_off_goes_on_where_it_was() -> None:
    async with serving() as served, client_of(served) as client:
        counting(served.tools.server)
        async with client.call(7, "count", upto=5, pause=0.03) as response:
            first = await events(response, 3)
            assert first[0] == (str(EventId(7, 0)), None)
            response.close()
        async with client.get(first[-1][0]) as response:
            rest = await events(response)
        assert numbers(first) + numbers(rest) == WHOLE
        async with client.get(first[1][0]) as response:  # again, from somewhere else, when all is over
            assert numbers(await events(response)) == WHOLE[1:]
        async with client.get(rest[-1][0]) as response:
            assert await events(response) == []


async def test_a_call_lets_go_of_its_stream_and_the_client_fetches_the_rest() -> None:
    async with serving() as served, client_of(served) as client:
        counting(served.tools.server)
        async with client.call("a", "count", upto=5, pause=0.01, leave=3) as response:
            text = (await response.read()).decode()
        assert "retry: 10\n" in text
        assert text.count('"progress":') == 2
        async with client.get(str(EventId("a", 0))) as response:
            assert numbers(await events(response)) == WHOLE
        assert len(served.recorded(StreamReleased)) == 1


async def test_who_goes_on_twice_at_once_gets_it_on_the_later_stream_only() -> None:
    async with serving() as served, client_of(served) as client:
        counting(served.tools.server)
        async with client.call(1, "count", upto=5, pause=0.05) as response:
            (first, _) = await events(response, 2)
            response.close()
        async with client.get(first[0]) as one:
            await events(one, 1)
            async with client.get(first[0]) as two:
                assert numbers(await events(two)) == WHOLE
            assert len(await events(one)) < len(WHOLE)


async def test_what_belongs_to_no_request_comes_on_a_stream_of_its_own_and_can_be_fetched_later() -> None:
    async with serving() as served, client_of(served) as client:
        async with client.get() as response:
            assert response.headers["Content-Type"] == "text/event-stream"
            served.tools.server.tool("one")(lambda: "")
            ((id, message),) = await events(response, 1)
            assert message["method"] == "notifications/tools/list_changed"
        served.tools.server.remove_tool("one")
        await served.until(ProgressReported, 0)
        await asyncio.sleep(0.1)
        async with client.get(id) as response:
            ((_, message),) = await events(response, 1)
            assert message["method"] == "notifications/tools/list_changed"


@pytest.mark.parametrize(
    ("last", "status"), [("nothing", 400), (str(EventId(99, 0)), 400), (str(EventId(None, 5)), 400), ("", 400)]
)
async def test_a_place_that_is_none_is_told(last: str, status: int) -> None:
    async with serving() as served, client_of(served) as client, client.get(last) as response:
        assert response.status == status
        assert "Last-Event-ID" in await response.text()


async def test_a_stream_belongs_to_its_session() -> None:
    async with serving() as served, client_of(served) as one, client_of(served) as other:
        counting(served.tools.server)
        async with one.call(1, "count", upto=2, pause=0.0) as response:
            found = await events(response)
        async with other.get(found[0][0]) as response:
            assert response.status == 400
        other.headers["Mcp-Session-Id"] = one.headers["Mcp-Session-Id"][:-1] + "_"
        async with other.get(found[0][0]) as response:
            assert response.status == 404


async def test_without_a_session_or_with_a_stateless_version_there_is_nothing_to_get() -> None:
    async with serving() as served, client_of(served) as client:
        async with served.request("GET", "/mcp") as response:
            assert (response.status, response.headers["Allow"]) == (405, "POST")
        client.headers["Accept"] = "application/json"
        async with client.get() as response:
            assert response.status == 406


class SlowLog(MemoryLog):
    """Has what is appended durable only a while later."""

    def append(self, rows: Sequence[Row], done: Any, refused: Any = None) -> None:
        asyncio.get_running_loop().call_later(0.1, super().append, rows, done, refused)


async def test_a_session_that_has_just_been_closed_is_not_taken_up_again_while_the_log_does_not_know_it_yet() -> None:
    async with serving(SlowLog()) as served:
        session = await served.initialize()
        async with served.request("DELETE", "/mcp", headers=session) as response:
            assert response.status == 204
            assert served.recorded(SessionClosed) == []
        assert (await served.post(frame(1, "tools/list"), session)).status == 404
        await served.until(SessionClosed)
        assert (await served.post(frame(1, "tools/list"), session)).status == 404
        assert served.app.failure is None
        await served.initialize()


SERVER = """
import asyncio
from mcp_server import Context, MCPServer

server = MCPServer("killed")
seen = __import__("pathlib").Path(__file__).with_name("seen")

@server.tool
async def count(upto: int, pause: float, ctx: Context) -> str:
    with seen.open("a") as file:
        file.write("begun\\n")
    for number in range(1, upto + 1):
        await ctx.progress(number, upto)
        await asyncio.sleep(pause if number == 3 else 0)
    return f"counted to {upto}"
"""


async def test_after_a_kill_in_the_middle_the_stream_goes_on_without_a_gap_or_a_repeat(tmp_path: Path) -> None:
    (tmp_path / "killed.py").write_text(SERVER)
    async with aiohttp.ClientSession() as http:
        with running(tmp_path, "killed.py") as child:
            client = Client(http, await port(child))
            await client.begin()
            async with client.call(1, "count", upto=5, pause=600) as response:
                first = await events(response, 3)  # of the four that were sent
                await asyncio.to_thread(wait_for, tmp_path, ProgressReported, 3)
                await asyncio.to_thread(child.stop, signal.SIGKILL)
        with running(tmp_path, "killed.py") as child:
            client.url = f"http://127.0.0.1:{await port(child)}/mcp"
            async with client.get(first[-1][0]) as response:
                rest = await events(response)
            assert numbers(first) == [1, 2]
            (_, third), (_, error) = rest
            assert third["params"]["progress"] == 3
            assert error["error"]["code"] == codes.ABORTED
            assert "part of it may be done" in error["error"]["message"]
            assert (tmp_path / "seen").read_text() == "begun\n"  # not again
            async with client.get(first[-1][0]) as response:
                assert await events(response) == rest
            async with client.call(2, "count", upto=2, pause=0) as response:  # the session goes on
                assert numbers(await events(response)) == [1, 2, "counted to 2"]
            assert await asyncio.to_thread(child.stop) == 0
        with running(tmp_path, "killed.py") as child:
            client.url = f"http://127.0.0.1:{await port(child)}/mcp"
            async with client.get(first[-1][0]) as response:
                assert response.status == 404  # it was closed when the server stopped
    await asyncio.to_thread(wait_for, tmp_path, Interrupted)
    await asyncio.to_thread(wait_for, tmp_path, CallReturned, 2)
    assert "every decision came out the same" in await replayed(tmp_path)


async def port(child: Child) -> int:
    return await asyncio.to_thread(lambda: child.port)


async def replayed(folder: Path) -> str:
    from tests.children import COMMAND, store

    words = (COMMAND, "replay", "--all", "--store", store(folder))
    process = await asyncio.create_subprocess_exec(*words, stdout=asyncio.subprocess.PIPE)
    out, _ = await process.communicate()
    return out.decode()
