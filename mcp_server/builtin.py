"""The demonstration server: small tools that show what there is to see in a recording."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Annotated

from msgspec import Meta

from mcp_server.features.results import ToolError
from mcp_server.features.server import MCPServer

server = MCPServer(
    "mcp-rewind",
    title="mcp-rewind demonstration",
    instructions="Small tools to try the server with. Everything you call is recorded and can be replayed.",
)


@server.tool(read_only=True, idempotent=True, open_world=False)
async def echo(text: str) -> str:
    """Return the text unchanged.

    Args:
        text: What to return.
    """
    return text


@server.tool(read_only=True, idempotent=True, open_world=False, cacheable=60.0, public=True)
async def add(a: int | float, b: int | float) -> int | float:  # noqa: PYI041 # to float an integer would be rounded
    """Add two numbers; integers of any size stay exact.

    Args:
        a: The first number.
        b: The second number.
    """
    return a + b


@server.tool(read_only=True, open_world=False)
async def count_slowly(
    to: Annotated[int, Meta(ge=1, le=100)] = 5, delay: Annotated[float, Meta(ge=0.0, le=10.0)] = 0.2
) -> AsyncIterator[str]:
    """Count from one, a number at a time: the parts of the result are sent as they come.

    Args:
        to: The last number.
        delay: Seconds between two numbers.
    """
    for number in range(1, to + 1):
        if number > 1:
            await asyncio.sleep(delay)
        yield str(number)


@server.tool(read_only=True, open_world=False)
async def now() -> str:
    """Return the time in UTC, in ISO 8601. A replay shows the time that was returned, not the time of the replay."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")


@server.tool(read_only=True, open_world=False)
async def fail(message: str = "this tool always fails") -> str:
    """Fail with a message, to see what a tool's error looks like.

    Args:
        message: The text of the error.
    """
    raise ToolError(message)
