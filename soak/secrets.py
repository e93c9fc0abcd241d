"""Plant secrets in everything that a client can send, kill the server, and look for them in every byte that it wrote.

In the log with its write-ahead log, the audit view, the log file at level DEBUG, what it printed, and the metrics. The
same with redaction turned off must find every one of them, but for those in headers that are never written.
"""

import asyncio
import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import aiohttp

from adapters.sqlite_reader import SqliteReader
from events.frames import CHUNK_META
from operators.versions import META_CAPABILITIES, META_VERSION, MODERN
from replay.replay import verify
from soak.campaign import Campaign, Control, Outcome, Setting
from soak.canaries import Canary, cores, found_in, found_in_log, plain, token
from soak.servers import Nursery, Server, nursery

AT_ONCE: Final = 32
_SECONDS: Final = 30.0
_NEVER_WRITTEN: Final = ("Authorization", "Proxy-Authorization", "Cookie", "X-Api-Key")

Plant = Callable[[Canary], dict[str, Any] | bytes]


def _tool(name: str, **arguments: Any) -> dict[str, Any]:
    return {"method": "tools/call", "params": {"name": name, "arguments": arguments, "_meta": {"progressToken": 1}}}


def _password_in_base64(canary: Canary) -> dict[str, Any]:
    return _tool("echo", text=Canary(canary.core, f'{{"password":"{canary.text}"}}').encoded)


def _batch(canary: Canary) -> dict[str, Any]:
    inner = {"jsonrpc": "2.0", "id": 1, **_tool("confide", note=canary.text)}
    return {"method": "batch", "params": {"id": "b", "requests": [inner]}}


PLACES: Final[dict[str, tuple[Callable[[random.Random], Canary], Plant]]] = {
    "argument by its name": (plain, lambda canary: _tool("sign_in", user="bob", password=canary.text)),
    "argument by its schema": (plain, lambda canary: _tool("confide", note=canary.text)),
    "part of a batch": (plain, _batch),
    "unknown member": (plain, lambda canary: _tool("echo", text="x", more={"credentials": [canary.text]})),
    "argument's text": (token, lambda canary: _tool("echo", text=f"it is {canary.text}, is it not")),
    "cached result": (token, lambda canary: _tool("find", text=canary.text)),
    "base64": (token, lambda canary: _tool("echo", text=canary.encoded)),
    "password in base64": (plain, _password_in_base64),
    "JSON in a text": (plain, lambda canary: _tool("echo", text=json.dumps({"api_key": canary.text}))),
    "part of a stream": (token, lambda canary: _tool("recite", text=canary.text)),
    "log and progress": (token, lambda canary: _tool("tell", text=canary.text)),
    "tool's error": (token, lambda canary: _tool("fail", text=f"no {canary.text} here")),
    "exception": (token, lambda canary: _tool("crash", text=canary.text)),
    "protocol's error": (token, lambda canary: _tool("refuse", text=canary.text)),
    "name of a tool": (token, lambda canary: _tool(canary.text)),
    "name of a method": (token, lambda canary: {"method": canary.text}),
    "address": (plain, lambda canary: _tool("echo", text=f"postgresql://bob:{canary.text}@example.org/x")),
    "malformed message": (plain, lambda canary: b'{"jsonrpc":"2.0","password":"%b"' % canary.text.encode()),
    "repeated member": (token, lambda canary: b'{"%b":1,"%b":2}' % ((canary.text.encode(),) * 2)),
}
"""Where secrets are planted, by websocket."""

ECHOED: Final = frozenset(
    {
        *("argument by its name", "argument by its schema", "part of a batch", "argument's text", "cached result"),
        *("base64", "password in base64", "JSON in a text", "part of a stream", "log and progress", "tool's error"),
        *("protocol's error", "address"),
    }
)
"""The places of which the client is told the secret as it is."""


class _Client:
    """Plants secrets by websocket, and notes what came back."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket = socket
        self._answers: dict[int, asyncio.Future[None]] = {}
        self._nameless: asyncio.Queue[None] = asyncio.Queue()
        self._room = asyncio.Semaphore(AT_ONCE)
        self._number = 0
        self.told: set[str] = set()

    async def ask(self, message: dict[str, Any] | bytes) -> None:
        """Send a message, and wait until it is answered."""
        async with self._room:
            if isinstance(message, bytes):
                await self._socket.send_str(message.decode())
                await asyncio.wait_for(self._nameless.get(), _SECONDS)
                return
            self._number += 1
            answer = self._answers[self._number] = asyncio.get_running_loop().create_future()
            await self._socket.send_str(json.dumps({"jsonrpc": "2.0", "id": self._number, **message}))
            await asyncio.wait_for(answer, _SECONDS)

    async def listen(self) -> None:
        """Take what the server says."""
        async for frame in self._socket:
            raw = frame.data.encode()
            self.told.update(cores(raw))
            body = json.loads(raw)
            if "method" in body:
                meta = body["params"].get("_meta", {})
                self.told.update(cores(json.dumps(meta.get(CHUNK_META)).encode()))
            elif body["id"] is None:
                self._nameless.put_nowait(None)
            else:
                self._answers.pop(body["id"]).set_result(None)


class _Planted:
    """What was planted in a server, and what became of it.

    Attributes:
        by_place: The cores of what would be written, by place.
        never: Those in headers that are never written.
        told: Those that came back to the client.
        metrics: What the metrics said.
    """

    def __init__(self) -> None:
        self.by_place: dict[str, set[str]] = {}
        self.never: set[str] = set()
        self.told: set[str] = set()
        self.metrics = b""

    @property
    def all(self) -> set[str]:
        """The cores of all that would be written."""
        return set().union(*self.by_place.values())


async def run(setting: Setting) -> Outcome:
    """Plant ``setting.count`` secrets, and look for them; then the same with redaction turned off."""
    outcome = Outcome()
    async with nursery(setting.scratch) as place:
        folder = setting.scratch / "on"
        planted = await _plant_all(place, folder, setting, redaction=True)
        found = _found(folder, planted)
        outcome.counts |= {"secrets": len(planted.all | planted.never), "found": len(found)}
        for name, planted_here in planted.by_place.items():
            if here := planted_here & found:
                outcome.violation(f"{name}: {len(here)} of {len(planted_here)} were written, as {min(here)}")
        if here := planted.never & found:
            outcome.violation(f"headers: {len(here)} of {len(planted.never)} were written")
        _check_told(planted, outcome)
        _check_replay(folder, outcome)
        folder = setting.scratch / "off"
        planted = await _plant_all(place, folder, setting, redaction=False)
        found = _found(folder, planted)
        outcome.controls.append(
            Control(
                "redaction turned off",
                planted.all <= found and not planted.never & found,
                f"{len(planted.all & found)} of {len(planted.all)} are found, and {len(planted.never & found)} of "
                f"{len(planted.never)} in headers that are never written",
            )
        )
    return outcome


async def _plant_all(place: Nursery, folder: Path, setting: Setting, *, redaction: bool) -> _Planted:
    """Start a server, plant everything, kill it."""
    await asyncio.to_thread(folder.mkdir)
    environment = {
        "MCP_REDACTION": json.dumps(redaction),
        "LOG_FILE": str(folder / "server.log"),
        "LOG_LEVEL": "DEBUG",
    }
    server = await place.start("--store", f"sqlite:///{folder / 'log.db'}", environment=environment)
    await server.ready()
    planted, chance = _Planted(), random.Random(setting.seed)
    async with aiohttp.ClientSession() as http:
        await _by_websocket(http, server, planted, chance, setting)
        await _by_headers(http, server, planted, chance, setting.count // 10)
        async with http.get(f"http://127.0.0.1:{server.port}/metrics") as response:
            planted.metrics = await response.read()
    await asyncio.sleep(0.5)  # the audit view is behind by less
    await server.kill()
    (folder / "printed").write_bytes(server.output.read_bytes())
    return planted


async def _by_websocket(
    http: aiohttp.ClientSession, server: Server, planted: _Planted, chance: random.Random, setting: Setting
) -> None:
    secret = plain(chance)
    planted.never.add(secret.core)
    headers = {"Authorization": f"Bearer {secret.text}"}
    async with http.ws_connect(f"ws://127.0.0.1:{server.port}/ws", protocols=("mcp",), headers=headers) as socket:
        client = _Client(socket)
        listening = asyncio.create_task(client.listen())
        about = {"name": "soak", "version": "1"}
        opening = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": about}
        await client.ask({"method": "initialize", "params": opening})
        await socket.send_str('{"jsonrpc":"2.0","method":"notifications/initialized"}')
        await client.ask({"method": "logging/setLevel", "params": {"level": "debug"}})
        async with asyncio.TaskGroup() as asking:
            for number in range(setting.count - setting.count // 10):
                name = [*PLACES][number % len(PLACES)]
                make, plant = PLACES[name]
                canary = make(chance)
                planted.by_place.setdefault(name, set()).add(canary.core)
                asking.create_task(client.ask(plant(canary)))
                if number % 256 == 0:
                    setting.tell(number, "planted")
                    await asyncio.sleep(0)
        planted.told = client.told
        listening.cancel()


async def _by_headers(
    http: aiohttp.ClientSession, server: Server, planted: _Planted, chance: random.Random, count: int
) -> None:
    """Two for each request: in a header that is recorded, as the name of a tool, and in one that never is."""
    for _ in range(count):
        named, other = token(chance), plain(chance)
        planted.by_place.setdefault("header", set()).add(named.core)
        planted.never.add(other.core)
        meta = {META_VERSION: MODERN[0], META_CAPABILITIES: {}}
        body = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "echo", "_meta": meta}}
        headers = {
            "MCP-Protocol-Version": MODERN[0],
            "Mcp-Method": "tools/call",
            "Mcp-Name": named.text,
            chance.choice(_NEVER_WRITTEN): f"session={other.text}",
        }
        async with http.post(f"http://127.0.0.1:{server.port}/mcp", json=body, headers=headers) as response:
            await response.read()


def _found(folder: Path, planted: _Planted) -> set[str]:
    return found_in(folder) | found_in_log(folder / "log.db") | {*cores(planted.metrics)}


def _check_told(planted: _Planted, outcome: Outcome) -> None:
    """Redaction is for what is written: the client is told what the tool said, which had the secret as it was."""
    for name in sorted(ECHOED):
        owed = planted.by_place.get(name, set())
        outcome.add("told to the client", len(owed & planted.told))
        if missing := owed - planted.told:
            outcome.violation(f"{name}: {len(missing)} of {len(owed)} were kept from the client")


def _check_replay(folder: Path, outcome: Outcome) -> None:
    """What was recorded is replayed to the same decisions."""
    with SqliteReader(folder / "log.db") as reader:
        for verdict in verify(reader.records()):
            outcome.add("events replayed", verdict.events)
            if not verdict.holds:
                outcome.violation(f"the replay differs: {verdict}")


SECRETS: Final = Campaign("secrets", "secrets", 10_000, 300, run)
