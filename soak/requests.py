"""The requests of a load: each with an id and a text that no other has."""

import random
from typing import Final, NamedTuple

import orjson

from operators.versions import LATEST_LEGACY, META_CAPABILITIES, META_CLIENT, META_VERSION, MODERN

Id = int | str

_META: Final = {
    META_VERSION: MODERN[0],
    META_CAPABILITIES: {},
    META_CLIENT: {"name": "soak", "version": "1"},
}


class Request(NamedTuple):
    """A tool call.

    Attributes:
        id: Its JSON-RPC id.
        raw: The whole message.
        tool: What it calls.
        text: Its argument, by which an action can be told.
    """

    id: Id
    raw: bytes
    tool: str
    text: str


class Requests:
    """Makes requests.

    Args:
        chance: Decides on tools and ids.
        acting: The share of requests that act.
        streaming: The share of requests whose result comes in parts.
    """

    def __init__(self, chance: random.Random, acting: float = 0.4, streaming: float = 0.05) -> None:
        self._chance = chance
        self._acting = acting
        self._streaming = streaming
        self._number = 0

    def id(self) -> Id:
        """An id that was not used before; some are numbers, some are text."""
        self._number += 1
        return self._number if self._chance.random() < 0.7 else f"call-{self._number}"

    def call(self, *, modern: bool, streams: bool) -> Request:
        """A tool call; ``streams`` says whether its result may come in parts."""
        id = self.id()
        text = f"{id} {'é' if self._number % 3 else 'x'} {self._chance.getrandbits(64):x}"
        lot = self._chance.random()
        tool = "act" if lot < self._acting else "echo"
        arguments: dict[str, object] = {"text": text}
        meta = dict[str, object](_META) if modern else {}
        if streams and lot > 1 - self._streaming:
            tool, arguments = "count", {"to": self._chance.randint(0, 5)}
            meta["progressToken"] = id
        params = {"name": tool, "arguments": arguments, **({"_meta": meta} if meta else {})}
        raw = orjson.dumps({"jsonrpc": "2.0", "id": id, "method": "tools/call", "params": params})
        return Request(id, raw, tool, text)

    def hello(self) -> Request:
        """The handshake of a legacy session."""
        id = self.id()
        params = {
            "protocolVersion": LATEST_LEGACY,
            "capabilities": {},
            "clientInfo": {"name": "soak", "version": "1"},
        }
        raw = orjson.dumps({"jsonrpc": "2.0", "id": id, "method": "initialize", "params": params})
        return Request(id, raw, "", "")


READY: Final = b'{"jsonrpc":"2.0","method":"notifications/initialized"}'
"""What ends the handshake."""


def headers(request: Request, session: str | None) -> dict[str, str]:
    """The HTTP headers that go with a request: in a legacy session when there is one, else stateless."""
    if session is not None:
        return {"Mcp-Session-Id": session}
    return {"MCP-Protocol-Version": MODERN[0], "Mcp-Method": "tools/call", "Mcp-Name": request.tool}
