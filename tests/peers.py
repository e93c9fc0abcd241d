"""Peers of a server in the same process, without a network: what they say is read, what they are told is kept."""

import asyncio
import json
from collections.abc import Iterable
from typing import Any

from adapters.memory_log import MemoryLog
from adapters.sessions import Session
from events.event import Decided, Observed, RequestId
from events.observed import Headers
from mcp_server.app import App
from mcp_server.config import Settings
from tests.facts import frame
from tests.serving import Tools, handshake, soon


class Peer:
    """One session, and what it was told.

    Attributes:
        told: The frames, in order.
        ended: Why the server closed it; empty when it did not.
    """

    def __init__(self, app: App) -> None:
        self.told: list[bytes] = []
        self.ended = ""
        self.session: Session = app.gate.open("websocket", "", "anonymous", self)

    def deliver(self, fact: Observed, decision: Decided, frame: bytes) -> None:
        if frame:
            self.told.append(frame)

    async def room(self, request: RequestId | None) -> None:
        """There always is."""

    def release(self, request: RequestId | None, decision: Decided) -> None: ...

    def close(self, reason: str) -> None:
        self.ended = reason

    def say(self, raw: bytes, headers: Headers | None = None) -> None:
        if not self.session.closed:
            self.session.push(self.session.read(raw, headers))

    def ask(self, id: Any, method: str, params: dict[str, Any] | None = None) -> None:
        self.say(frame(id, method, params))

    def call(self, id: Any, tool: str, /, meta: dict[str, Any] | None = None, **arguments: Any) -> None:
        params: dict[str, Any] = {"name": tool, "arguments": arguments}
        self.ask(id, "tools/call", params if meta is None else {**params, "_meta": meta})

    def initialize(self) -> None:
        self.say(handshake("hello"))
        self.say(frame(None, "notifications/initialized"))

    def leave(self) -> None:
        self.session.close("the peer left")

    @property
    def messages(self) -> list[dict[str, Any]]:
        return [json.loads(raw) for raw in self.told]

    def answers(self, id: Any) -> list[dict[str, Any]]:
        """The answers to a request; there should be one."""
        return [each for each in self.messages if each.get("id") == id and type(each.get("id")) is type(id)]


class Room:
    """A server and the tools that it offers.

    Attributes:
        log: What it writes to.
    """

    def __init__(self, log: MemoryLog | None = None, **settings: Any) -> None:
        self.log = log or MemoryLog()
        self.tools = Tools()
        used = Settings(**{"store": "memory:", "drain_timeout": 0.2, "prompts_enabled": False, **settings})
        self.app = App(used, self.tools.server.catalogue(), self.log)

    def peer(self, *, ready: bool = True) -> Peer:
        found = Peer(self.app)
        if ready:
            found.initialize()
        return found

    async def turns(self, count: int = 20) -> None:
        """Let everything happen that needs nothing but the event loop."""
        for _ in range(count):
            await asyncio.sleep(0)

    async def quiet(self) -> None:
        """Wait until every request has had its answer and all is recorded."""
        await soon(self._quiet())

    async def _quiet(self) -> None:
        while self.app.gate.in_flight or not self.app.journal.idle:  # noqa: ASYNC110 - they are counters
            await asyncio.sleep(0.001)


def markers(frames: Iterable[bytes]) -> set[str]:
    """The words in frames that begin with ``marker``."""
    words = b" ".join(frames).replace(b'"', b" ").replace(b"\\", b" ").split()
    return {word.decode() for word in words if word.startswith(b"marker")}
