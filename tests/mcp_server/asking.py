"""How these tests ask a server: as the effects do, with every answer checked by the official models."""

import asyncio
import json
from typing import Any

from mcp_types import methods

from adapters.keys import Keys
from adapters.seal import Seal
from mcp_server.calls import Call, Lent
from mcp_server.features.server import MCPServer
from mcp_server.performance import ConnectionPool
from operators.versions import LATEST_LEGACY, MODERN

NEW = MODERN[0]
OLD = LATEST_LEGACY
KEYS = Keys(b"s" * 32)
STATES = Seal(KEYS, "states")
CURSORS = Seal(KEYS, "cursors")
SESSION = "01890a5d-ac96-774b-bcce-b302099a8057"


class Heard:
    """A teller that keeps what it is told.

    Attributes:
        reads: Set while the client reads.
    """

    def __init__(self) -> None:
        self.progressed: list[tuple[float, float | None, str]] = []
        self.logged: list[tuple[str, str, Any]] = []
        self.chunks: list[Any] = []
        self.released: list[float] = []
        self.asked: list[tuple[str, str, Any]] = []
        self.answers: list[dict[str, Any]] = []
        self.reads = asyncio.Event()
        self.reads.set()

    def progress(self, progress: float, total: float | None, message: str) -> None:
        self.progressed.append((progress, total, message))

    def log(self, level: str, logger: str, payload: bytes) -> None:
        self.logged.append((level, logger, json.loads(payload)))

    def chunk(self, payload: bytes) -> None:
        self.chunks.append(json.loads(payload))

    def release(self, retry: float) -> None:
        self.released.append(retry)

    async def ask(self, key: str, method: str, params: bytes) -> dict[str, Any]:
        """Give the next answer."""
        self.asked.append((key, method, json.loads(params)))
        return self.answers.pop(0)

    async def room(self) -> None:
        await asyncio.sleep(0)
        await self.reads.wait()


def call(
    method: str,
    params: dict[str, Any] | None = None,
    version: str = NEW,
    database: ConnectionPool | None = None,
) -> Call:
    return Call(SESSION, 1, "alice", method, params or {}, version, 100.0, Lent(database, STATES, CURSORS))


async def detail_of(
    server: MCPServer, tool: str, arguments: dict[str, Any] | None = None, database: ConnectionPool | None = None
) -> str:
    """What whoever runs the server is told of a tool that fails, where the client is told an id alone."""
    params = {"name": tool, "arguments": arguments or {}}
    answer = await server.catalogue().answer(call("tools/call", params, database=database), Heard())
    about, _, detail = answer.detail.partition(": ")
    assert answer.is_error
    assert json.loads(answer.payload)["content"] == [{"type": "text", "text": f"internal error {about}"}]
    return detail


async def ask(
    server: MCPServer,
    method: str,
    params: dict[str, Any] | None = None,
    version: str = NEW,
    heard: Heard | None = None,
    *,
    database: ConnectionPool | None = None,
) -> dict[str, Any]:
    """The result of a request, as its client reads it."""
    answer = await server.catalogue().answer(call(method, params, version, database), heard or Heard())
    result: dict[str, Any] = json.loads(answer.payload)
    methods.validate_server_result(method, version, result)
    if method == "tools/call":
        assert answer.is_error == result.get("isError", False)
    return result


async def use(server: MCPServer, name: str, /, version: str = NEW, heard: Heard | None = None, **arguments: Any) -> Any:
    """The result of calling a tool."""
    return await ask(server, "tools/call", {"name": name, "arguments": arguments}, version, heard)


def text_of(result: dict[str, Any]) -> str:
    """The text of a result that is one text block."""
    (block,) = result["content"]
    assert block["type"] == "text"
    return str(block["text"])
