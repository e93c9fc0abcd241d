"""A real server on a free port, in the test's own event loop, with tools that do what the test tells them."""

import asyncio
import io
import json
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from typing import Any, Final, TypeVar

import aiohttp
import msgspec

from adapters.listener import bound
from adapters.memory_log import MemoryLog
from events.event import Event, Observed
from events.record import unpack
from mcp_server.app import App
from mcp_server.calls import CallRefused
from mcp_server.config import Settings
from mcp_server.context import Context
from mcp_server.features.server import MCPServer
from mcp_server.serving import listening
from operators.versions import LATEST_LEGACY
from tests.facts import MODERN_META, frame

Value = TypeVar("Value")

LONG: Final = 30.0
"""Seconds after which a test gives up: the machine may be busy with something else."""

_DEFAULTS: Final = Settings(port=0, store="memory:", drain_timeout=0.2, prompts_enabled=False)


async def soon(coming: Awaitable[Value]) -> Value:
    """What is awaited, or a failure when it does not come."""
    async with asyncio.timeout(LONG):
        return await coming


class Tools:
    """Tools that wait until the test opens a gate, and note what was really done.

    Attributes:
        done: What the tools were asked to do, in the order in which they began.
        begun: By gate, set when a tool waits at it.
        gates: By name, set by the test.
        stopped: By gate, set when a tool was cancelled at it.
    """

    def __init__(self) -> None:
        self.server = MCPServer("tests")
        self.done: list[str] = []
        self.begun: dict[str, asyncio.Event] = defaultdict(asyncio.Event)
        self.gates: dict[str, asyncio.Event] = defaultdict(asyncio.Event)
        self.stopped: dict[str, asyncio.Event] = defaultdict(asyncio.Event)

        @self.server.tool(read_only=True)
        async def echo(text: str) -> str:
            """Return the text."""
            self.done.append(text)
            return text

        @self.server.tool(read_only=True, cacheable=60.0, public=True)
        async def shared(text: str) -> str:
            """Return the text, from the cache when it is there."""
            self.done.append(text)
            return text

        @self.server.tool(read_only=True, cacheable=60.0, public=True)
        async def find(gate: str) -> str:
            """Wait at a gate; the result is shared."""
            return await self._wait(gate)

        @self.server.tool
        async def act(gate: str) -> str:
            """Wait at a gate; not marked read-only."""
            return await self._wait(gate)

        @self.server.tool
        async def report(gate: str, ctx: Context) -> str:
            """Tell progress, then wait at a gate."""
            await ctx.progress(1, 2, "half")
            return await self._wait(gate)

        @self.server.tool
        async def pour(count: int, size: int, ctx: Context) -> int:
            """Tell many characters often."""
            for number in range(1, count + 1):
                await ctx.progress(number, None, "x" * size)
                self.done.append(f"part {number}")
            return count

        @self.server.tool
        async def big(size: int) -> str:
            """Return many characters."""
            return "x" * size

        @self.server.tool
        async def odd() -> str:
            """Refuse with words that have no stored form, past the check that should have seen it."""
            refused = CallRefused(1, "")
            refused.message = "\ud800"
            raise refused

        @self.server.tool
        async def fail(text: str) -> str:
            """Fail."""
            raise ValueError(text)

    async def _wait(self, gate: str) -> str:
        self.done.append(gate)
        self.begun[gate].set()
        try:
            await self.gates[gate].wait()
        except asyncio.CancelledError:
            self.stopped[gate].set()
            raise
        return gate


class Reply(msgspec.Struct, frozen=True):
    """What came back over HTTP."""

    status: int
    headers: Any
    text: str

    @property
    def body(self) -> Any:
        return json.loads(self.text)

    @property
    def code(self) -> int:
        """The JSON-RPC error code."""
        return int(self.body["error"]["code"])

    @property
    def messages(self) -> list[Any]:
        """The messages of a stream of events."""
        return [json.loads(line[6:]) for line in self.text.splitlines() if line.startswith("data: {")]


class Served:
    """A running server, and how a test talks to it.

    Attributes:
        app: Its wiring.
        tools: What it offers.
        log: What it wrote down.
        port: Where it listens.
    """

    def __init__(self, app: App, tools: Tools, log: MemoryLog, port: int, client: aiohttp.ClientSession) -> None:
        self.app = app
        self.tools = tools
        self.log = log
        self.port = port
        self.client = client
        self.url = f"http://127.0.0.1:{port}"

    async def post(self, body: Any, headers: dict[str, str] | None = None, path: str = "/mcp") -> Reply:
        """Send a message; ``body`` is bytes, or becomes JSON."""
        data = io.BytesIO(body if isinstance(body, bytes) else json.dumps(body).encode())
        sent = {"Content-Type": "application/json", "Accept": "application/json, text/event-stream", **(headers or {})}
        async with asyncio.timeout(LONG), self.client.post(self.url + path, data=data, headers=sent) as response:
            return Reply(response.status, response.headers, await response.text())

    async def modern(self, id: Any, method: str, params: dict[str, Any] | None = None, **headers: str | None) -> Reply:
        """Send a stateless request as it should be; ``headers`` replaces some, or removes those that are None."""
        body, sent = stateless(id, method, params)
        changed = {name.replace("_", "-"): value for name, value in headers.items()}
        return await self.post(body, {name: value for name, value in {**sent, **changed}.items() if value is not None})

    async def initialize(self, version: str = LATEST_LEGACY) -> dict[str, str]:
        """Begin a session with a handshake; returns the headers of the requests that follow."""
        reply = await self.post(json.loads(handshake(0, version)))
        assert reply.status == 200, reply
        headers = {"Mcp-Session-Id": reply.headers["Mcp-Session-Id"], "MCP-Protocol-Version": version}
        notified = await self.post(frame(None, "notifications/initialized"), headers)
        assert (notified.status, notified.text) == (202, "")
        return headers

    def request(self, method: str, path: str, **options: Any) -> Any:
        """Any HTTP request: an asynchronous context."""
        return self.client.request(method, self.url + path, **options)

    @asynccontextmanager
    async def socket(self, *, ready: bool = True, **options: Any) -> AsyncIterator["Socket"]:
        """A websocket, after its handshake when ``ready``."""
        async with asyncio.timeout(LONG):
            connected = await self.client.ws_connect(f"{self.url}/ws", protocols=("mcp",), max_msg_size=0, **options)
        async with connected as ws:
            socket = Socket(ws)
            if ready:
                await socket.ask(0, "initialize", {"protocolVersion": LATEST_LEGACY, "capabilities": {}})
                await socket.send(frame(None, "notifications/initialized"))
            yield socket

    @property
    def events(self) -> list[Event]:
        """All that was recorded, in order."""
        steps = (step for record in self.log.reader().records() for step in unpack(record.state, record.session))
        return [event for step in steps for event in (step.fact, *step.decisions)]

    def recorded(self, kind: type[Event]) -> list[Any]:
        """The recorded events of one class."""
        return [event for event in self.events if type(event) is kind]

    async def until(self, kind: type[Event], count: int = 1) -> list[Any]:
        """Wait until so many events of a class are recorded."""
        async with asyncio.timeout(LONG):
            while len(found := self.recorded(kind)) < count:  # noqa: ASYNC110 - the log has no event of its own
                await asyncio.sleep(0.005)
        return found


class Socket:
    """The client's end of a websocket."""

    def __init__(self, ws: "aiohttp.ClientWebSocketResponse[bool]") -> None:
        self.ws = ws

    async def send(self, message: bytes | str) -> None:
        await soon(self.ws.send_str(message if isinstance(message, str) else message.decode()))

    async def request(self, id: Any, method: str, params: dict[str, Any] | None = None) -> None:
        await self.send(frame(id, method, params))

    async def call(self, id: Any, tool: str, /, meta: dict[str, Any] | None = None, **arguments: Any) -> None:
        await self.request(id, "tools/call", call_params(tool, meta, **arguments))

    async def receive(self) -> dict[str, Any]:
        """The next message."""
        found: dict[str, Any] = json.loads(await soon(self.ws.receive_str()))
        return found

    async def ask(self, id: Any, method: str, params: dict[str, Any] | None = None) -> dict[str, Any]:
        """Send a request; the next message is its answer."""
        await self.request(id, method, params)
        answer = await self.receive()
        assert answer["id"] == id, answer
        return answer


def call_params(tool: str, meta: dict[str, Any] | None = None, **arguments: Any) -> dict[str, Any]:
    params: dict[str, Any] = {"name": tool, "arguments": arguments}
    return params if meta is None else {**params, "_meta": meta}


def handshake(id: Any, version: str = LATEST_LEGACY) -> bytes:
    client = {"name": "tests", "version": "1"}
    return frame(id, "initialize", {"protocolVersion": version, "capabilities": {}, "clientInfo": client})


def stateless(id: Any, method: str, params: dict[str, Any] | None = None) -> tuple[bytes, dict[str, str]]:
    """A stateless request with its headers."""
    given = params or {}
    meta = {**MODERN_META, **given.get("_meta", {})}
    headers = {"MCP-Protocol-Version": "2026-07-28", "Mcp-Method": method}
    if method in ("tools/call", "prompts/get", "resources/read"):
        headers["Mcp-Name"] = str(given.get("name", given.get("uri")))
    return frame(id, method, {**given, "_meta": meta}), headers


def text_of(answer: dict[str, Any]) -> str:
    """The text of a call's answer."""
    (block,) = answer["result"]["content"]
    return str(block["text"])


def facts_of(events: list[Event]) -> list[Observed]:
    return [event for event in events if isinstance(event, Observed)]


@asynccontextmanager
async def serving(log: MemoryLog | None = None, tools: Tools | None = None, **settings: Any) -> AsyncIterator[Served]:
    """Run a server with these settings."""
    tools, log = tools or Tools(), log or MemoryLog()
    app = App(msgspec.structs.replace(_DEFAULTS, **settings), tools.server.catalogue(), log)
    with bound(app.settings.host, app.settings.port) as sockets:
        async with listening(app, sockets) as port, aiohttp.ClientSession() as client:
            yield Served(app, tools, log, port, client)
