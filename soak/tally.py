"""A load in which requests end in every way there is, and a count of how they did."""

import asyncio
import random
import time
from collections import Counter
from typing import Any, Final

import aiohttp
import orjson

from events import codes
from events.outcome import CACHED, CANCELLED, ERROR, OK, REJECTED, THROTTLED, TOOL_ERROR
from operators.versions import LATEST_LEGACY
from soak.requests import READY

WORKERS: Final = 4
PAUSE: Final = 0.002
"""Seconds between an answer and the next request."""

LIMITS: Final = '[{"name":"few","algorithm":"sliding_window_log","requests":5,"window":86400,"tools":["act"]}]'
"""What the server is told to limit: all but the first calls of ``act`` are refused."""

_KEYS: Final = 5
_PATIENCE: Final = 30.0


class Tally:
    """What a load did, as its clients saw it.

    Attributes:
        ended: Requests, by method and outcome; a method that there is none is ``other``, a message that is none ``""``.
        named: Calls of tools that were answered, by tool and outcome.
        errors: JSON-RPC errors, by code.
        chunks: Parts of results.
        sessions: Connections that began with a handshake.
        problem: What should not have come; empty while all is well.
    """

    def __init__(self) -> None:
        self.ended: Counter[tuple[str, str]] = Counter()
        self.named: Counter[tuple[str, str]] = Counter()
        self.errors: Counter[int] = Counter()
        self.chunks = 0
        self.sessions = 0
        self.problem = ""


async def load(port: int, seconds: float, seed: int, tally: Tally) -> None:
    """Keep a server busy over websockets for a while; return when everything is answered and closed."""
    until = time.monotonic() + seconds
    try:
        async with aiohttp.ClientSession() as client, asyncio.TaskGroup() as tasks:
            for number in range(WORKERS):
                tasks.create_task(_work(client, port, until, random.Random(seed + number), f"w{number}", tally))
    except* (aiohttp.ClientError, OSError, TimeoutError, TypeError) as problems:  # TypeError: no text, but a close
        tally.problem = tally.problem or f"a client lost the server: {problems.exceptions[0]!r}"


async def _work(
    client: aiohttp.ClientSession, port: int, until: float, chance: random.Random, name: str, tally: Tally
) -> None:
    async with client.ws_connect(f"http://127.0.0.1:{port}/ws", protocols=("mcp",)) as socket:
        caller = _Caller(socket, chance, name, tally)
        await caller.greet()
        often = (caller.echo, caller.find, caller.count)
        ways = (*often, *often, caller.fail, caller.strange, caller.act, caller.cancel, caller.look, caller.babble)
        for way in ways:  # each at least once, however short the load is
            await way()
        while time.monotonic() < until and not tally.problem:
            await chance.choice(ways)()
            await asyncio.sleep(PAUSE)


class _Caller:
    """One request after another on a websocket."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse, chance: random.Random, name: str, tally: Tally) -> None:
        self._socket = socket
        self._chance = chance
        self._name = name
        self._tally = tally
        self._number = 0
        self._found: set[str] = set()

    async def greet(self) -> None:
        """Shake hands."""
        client = {"name": "soak", "version": "1"}
        params = {"protocolVersion": LATEST_LEGACY, "capabilities": {}, "clientInfo": client}
        await self._ask("initialize", params)
        await self._socket.send_str(READY.decode())
        self._tally.sessions += 1

    async def echo(self) -> None:
        await self._call("echo", {"text": "x" * self._chance.randint(1, 200)})

    async def find(self) -> None:
        text = f"{self._name} {self._chance.randrange(_KEYS)}"  # its own: nobody else makes it be found
        await self._call("find", {"text": text}, CACHED if text in self._found else OK)
        self._found.add(text)

    async def fail(self) -> None:
        await self._call("fail", {"text": "as asked"})

    async def strange(self) -> None:
        """Ask for a method and for a tool that there are none."""
        await self._ask(f"made/up/{self._number}", {}, known="other")
        await self._call(f"made-up-{self._number}", {})

    async def act(self) -> None:
        await self._call("act", {"text": "x"})

    async def count(self) -> None:
        await self._call("count", {"to": self._chance.randint(0, 5)}, meta={"progressToken": self._number + 1})

    async def cancel(self) -> None:
        """Begin to wait, and think better of it. The answer to the ``ping`` says that the server knows."""
        id = await self._send("tools/call", {"name": "wait", "arguments": {}})
        await self._tell({"method": "notifications/cancelled", "params": {"requestId": id}})
        self._tally.ended["tools/call", CANCELLED] += 1
        await self._ask("ping", {})

    async def look(self) -> None:
        await self._ask("tools/list", {})

    async def babble(self) -> None:
        """Send what is no message."""
        await self._socket.send_str('{"jsonrpc": "2.0", "id": ')
        self._ended("", "", await self._answer(None))

    async def _call(self, tool: str, arguments: dict[str, Any], answered: str = OK, meta: Any = None) -> None:
        params = {"name": tool, "arguments": arguments, **({"_meta": meta} if meta else {})}
        id = await self._send("tools/call", params)
        self._ended("tools/call", tool, await self._answer(id), answered)

    async def _ask(self, method: str, params: dict[str, Any], known: str = "") -> None:
        id = await self._send(method, params)
        self._ended(known or method, "", await self._answer(id))

    async def _send(self, method: str, params: dict[str, Any]) -> int:
        self._number += 1
        await self._tell({"id": self._number, "method": method, "params": params})
        return self._number

    async def _tell(self, message: dict[str, Any]) -> None:
        await self._socket.send_str(orjson.dumps({"jsonrpc": "2.0", **message}).decode())

    async def _answer(self, id: int | None) -> dict[str, Any]:
        """The answer to a request; what comes before it is counted."""
        while True:
            message = orjson.loads(await self._socket.receive_str(timeout=_PATIENCE))
            if message.get("method") == "notifications/progress":
                self._tally.chunks += 1
            elif message.get("id", id) == id and "method" not in message:
                found: dict[str, Any] = message
                return found
            else:
                self._tally.problem = f"not what was asked for: {message}"

    def _ended(self, method: str, name: str, answer: dict[str, Any], answered: str = OK) -> None:
        outcome = _failed(answer["error"]["code"], name) if "error" in answer else answered
        if "error" in answer:
            self._tally.errors[answer["error"]["code"]] += 1
        elif answer["result"].get("isError"):
            outcome = TOOL_ERROR
        self._tally.ended[method, outcome] += 1
        if name and "error" not in answer:
            self._tally.named[name, outcome] += 1


def _failed(code: int, name: str) -> str:
    """The outcome that an error is: a call that was let through and failed is told from one that was not."""
    if code == codes.RATE_LIMITED:
        return THROTTLED
    return ERROR if name else REJECTED
