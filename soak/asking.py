"""A client that asks one question after another, and waits as long as a tool may take."""

import asyncio
import time
from typing import Any, Final, NamedTuple

import orjson

from operators.versions import MODERN
from soak import wire
from soak.mutate import META

PATIENCE: Final = 120.0
"""Seconds for what takes at most a sixth of that where nobody else is at work."""


class Heard(NamedTuple):
    """An answer: a result, or an error's text, and the seconds that it took."""

    result: dict[str, Any]
    error: str
    seconds: float

    @property
    def said(self) -> str:
        """The text of what went wrong; empty when nothing did."""
        return self.error or (self.result["content"][0]["text"] if self.result.get("isError") else "")


class Asker:
    """A connection over HTTP; made by :meth:`to`."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._held = b""
        self._number = 0

    @classmethod
    async def to(cls, port: int) -> "Asker":
        """Connect."""
        return cls(*await asyncio.open_connection("127.0.0.1", port))

    def close(self) -> None:
        """Leave."""
        self._writer.close()

    async def tool(self, name: str, /, **arguments: Any) -> Heard:
        """Call a tool."""
        return await self.ask("tools/call", name, {"name": name, "arguments": arguments})

    async def ask(self, method: str, name: str, params: dict[str, Any]) -> Heard:
        """Send a request; ``name`` is what it names, if anything.

        Raises:
            LostFraming: What comes back is no answer to it, or none comes.
        """
        self._number += 1
        message = {"jsonrpc": "2.0", "id": self._number, "method": method, "params": {**params, "_meta": META}}
        headers = {"MCP-Protocol-Version": MODERN[0], "Mcp-Method": method} | ({"Mcp-Name": name} if name else {})
        began = time.perf_counter()
        self._writer.write(wire.post(orjson.dumps(message), headers))
        response = await asyncio.wait_for(self._response(), PATIENCE)
        taken = time.perf_counter() - began
        body = response.body
        if response.headers.get("content-type", "").startswith("text/event-stream"):
            body = next(line[6:] for line in reversed(body.splitlines()) if line.startswith(b"data: "))
        answer = orjson.loads(body)
        if answer.get("id") != self._number:
            raise wire.LostFraming(f"no answer to {self._number}: {body[:200]!r}")
        return Heard(answer.get("result", {}), answer["error"]["message"] if "error" in answer else "", taken)

    async def _response(self) -> wire.Response:
        while not (found := wire.take_response(self._held)):
            data = await self._reader.read(1 << 16)
            if not data:
                raise wire.LostFraming("the connection ended")
            self._held += data
        response, end = found
        self._held = self._held[end:]
        return response
