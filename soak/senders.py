"""Connections that send strange frames, many at a time, and believe no answer."""

import asyncio
import os
import random
import time
from abc import ABC, abstractmethod
from collections import deque
from typing import Final, cast

import orjson

from events.event import Observed
from operators.versions import LATEST_LEGACY, MODERN
from soak import wire
from soak.answers import Batch, http_problem
from soak.requests import READY

PATIENCE: Final = 20.0
"""Seconds for answers that should take a few milliseconds."""


class Failed(Exception):
    """A promise was broken on a connection; says which."""


class _Sender(asyncio.Protocol, ABC):
    def __init__(self) -> None:
        self._held = bytearray()
        self._transport: asyncio.Transport
        self._waiter: asyncio.Future[None] | None = None
        self._leaving = False
        self.lost = False
        self.problems: list[str] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def connection_lost(self, exc: Exception | None) -> None:
        self.lost = True
        if not self._leaving:
            self.problems.append(f"the connection ended: {exc}")
        self._wake()

    def data_received(self, data: bytes) -> None:
        self._held += data
        try:
            self._take()
        except (wire.LostFraming, ValueError) as problem:
            self.problems.append(str(problem))
            self._transport.abort()
        self._wake()

    def leave(self) -> None:
        """Close the connection."""
        self._leaving = True
        self._transport.abort()

    @abstractmethod
    def _take(self) -> None:
        """Take what is whole out of the bytes that are held."""

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    async def _event(self, until: float) -> bool:
        """Wait for whatever comes next; False when nothing came in time."""
        self._waiter = asyncio.get_running_loop().create_future()
        try:
            await asyncio.wait_for(self._waiter, max(0.0, until - time.monotonic()))
        except TimeoutError:
            return False
        return True


class FrameSocket(_Sender):
    """A websocket."""

    def __init__(self, chance: random.Random) -> None:
        super().__init__()
        self._chance = chance
        self._batch: Batch | None = None
        self._key = os.urandom(16)
        self._upgraded = False

    async def open(self) -> None:
        """Shake hands."""
        self._transport.write(wire.upgrade(self._key))
        while not self._upgraded:
            if not await self._event(time.monotonic() + PATIENCE) or self.lost:
                raise Failed(f"no websocket: {self.problems}")

    async def send(self, batch: Batch) -> None:
        """Send the frames of a batch and an honest request, and wait for what is owed.

        Raises:
            Failed: It did not come, or something else did.
        """
        self._batch = batch
        last = orjson.dumps({"jsonrpc": "2.0", "id": batch.last, "method": "ping"})
        self._transport.write(b"".join(map(self._packed, batch.frames)) + wire.frame(last))
        until = time.monotonic() + PATIENCE
        while not batch.complete and not self.lost:
            settled = time.monotonic() + 0.2 if batch.enough else until
            if not await self._event(min(settled, until)):
                break
        found = [*self.problems, *batch.problems()]
        if found:
            raise Failed("; ".join(found[:5]))
        self._batch = None

    def _packed(self, message: tuple[bytes, int]) -> bytes:
        """A message as it goes out: now and then in two parts."""
        raw, opcode = message
        if raw and self._chance.random() < 0.02:
            return wire.fragments(raw, self._chance.randint(0, len(raw)), opcode)
        return wire.frame(raw, opcode)

    def _take(self) -> None:
        if not self._upgraded:
            if not (found := wire.take_response(self._held)):
                return
            wire.check_upgrade(found[0], self._key)
            del self._held[: found[1]]
            self._upgraded = True
        end = 0
        for opcode, payload, end in wire.take_frames(self._held):  # noqa: B007 # the last end counts
            if opcode == wire.TEXT and self._batch is not None:
                problem = self._batch.take(payload)
            elif opcode == wire.CLOSE:
                problem = f"the server closes: {payload!r}"
            else:
                problem = None if opcode in (wire.PING, wire.PONG) else f"nothing was asked: {payload[:200]!r}"
            if problem:
                self.problems.append(problem)
        del self._held[:end]


class FramePost(_Sender):
    """Streamable HTTP: requests go out many at a time, responses come in their order."""

    def __init__(self, chance: random.Random) -> None:
        super().__init__()
        self._chance = chance
        self._expected: deque[tuple[bytes, Observed | None]] = deque()
        self._session: str | None = None
        self._responses: list[wire.Response] = []

    async def open(self) -> None:
        """Begin a legacy session, so that all three ways of sending a message can be used."""
        hello = {
            "protocolVersion": LATEST_LEGACY,
            "capabilities": {},
            "clientInfo": {"name": "soak", "version": "1"},
        }
        raw = orjson.dumps({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": hello})
        await self._ask(wire.post(raw, {}), 1)
        self._session = self._responses[-1].headers.get("mcp-session-id")
        if self._session is None:
            raise Failed(f"no session: {self._responses[-1]}")
        await self._ask(wire.post(READY, {"Mcp-Session-Id": self._session}), 1)

    async def send(self, frames: list[tuple[bytes, Observed]]) -> None:
        """Send frames, and wait for the responses.

        Raises:
            Failed: They did not come, or were wrong.
        """
        self._expected.extend(frames)
        await self._ask(b"".join(wire.post(raw, self._headers(raw)) for raw, _ in frames), len(frames))
        if self.problems:
            raise Failed("; ".join(self.problems[:5]))

    async def _ask(self, data: bytes, responses: int) -> None:
        self._responses.clear()
        self._transport.write(data)
        until = time.monotonic() + PATIENCE
        while len(self._responses) < responses and not self.lost and not self.problems:
            if not await self._event(until):
                asked = self._expected[0][0][:300] if self._expected else b"the handshake"
                raise Failed(f"no response in {PATIENCE:g} s to {asked!r}")
        if self.lost and not self._leaving:
            raise Failed("; ".join(self.problems))

    def _headers(self, raw: bytes) -> dict[str, str]:
        """Those of a stateless request mostly, and right for an honest one."""
        lot = self._chance.random()
        if lot < 0.1:
            return {}
        if lot < 0.3 and self._session is not None:
            return {"Mcp-Session-Id": self._session}
        found = {"MCP-Protocol-Version": MODERN[0] if lot < 0.97 else "2099-01-01"}
        try:
            body = orjson.loads(raw)
            method, params = body["method"], body["params"]
            found["Mcp-Method"] = str(method).encode("ascii", "ignore").decode().translate(_PRINTABLE)
            found["Mcp-Name"] = str(params.get("name") or params["uri"]).encode("ascii", "ignore").decode()[:64]
            found["Mcp-Name"] = found["Mcp-Name"].translate(_PRINTABLE)
        except (ValueError, TypeError, LookupError, AttributeError):
            pass
        return found

    def _take(self) -> None:
        while found := wire.take_response(self._held):
            response, end = found
            del self._held[:end]
            self._responses.append(response)
            if self._expected:
                raw, fact = self._expected.popleft()
                problem = fact and http_problem(fact, response.status, _message(response))
                if problem:
                    self.problems.append(f"{problem} for {raw[:300]!r}")


_PRINTABLE: Final = dict.fromkeys(range(32)) | {127: None}


def _message(response: wire.Response) -> bytes:
    """The answer in a response: its body, or the last message of its stream of events."""
    if response.headers.get("content-type") != "text/event-stream":
        return response.body
    data = [line[6:] for line in response.body.split(b"\n") if line.startswith(b"data: ")]
    return data[-1] if data else b""
