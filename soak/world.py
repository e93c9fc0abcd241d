"""A server with one of everything, for sessions in which everything happens."""

import asyncio
import random
import time
from collections.abc import AsyncIterator
from typing import Literal

from mcp_server import Context, MCPServer, ToolError
from mcp_server.config import Settings
from operators.policy import Limit

server = MCPServer("world", page_size=3)


def settings(chance: random.Random) -> Settings:
    """Settings that are narrow in every way, so that sessions are throttled, refused and timed out."""
    return Settings(
        anonymous=chance.random() < 0.85,
        limits=(
            Limit("calls", "session", per_second=30.0, burst=4.0),
            Limit("everyone", "server", per_second=400.0, burst=60.0, methods=("tools/call", "resources/read")),
            Limit("principals", "principal", per_second=200.0, burst=40.0),
        )[: chance.choice((0, 1, 3, 3))],
        server_window=chance.choice((16, 80, 80)),
        call_timeout=0.15,
    )


@server.tool(read_only=True, cacheable=0.05)
async def add(a: int | float, b: int | float) -> int | float:  # noqa: PYI041 # to float an integer would be rounded
    """Add two numbers, for a while from memory."""
    return a + b


@server.tool(read_only=True, cacheable=30.0, public=True)
async def slow(text: str) -> str:
    """Take a moment, so that others who ask for the same wait."""
    await asyncio.sleep(0.01)
    return text


@server.tool(read_only=True)
async def count(to: int) -> AsyncIterator[str]:
    """Count in parts."""
    for number in range(to):
        await asyncio.sleep(0)
        yield str(number)


@server.tool
async def talk(times: int, ctx: Context) -> str:
    """Report progress and log messages of all levels, some of them backwards."""
    for number in range(times):
        await ctx.progress(number % 3, 3.0, f"step {number}")
        await ctx.log(("debug", "info", "warning", "error")[number % 4], {"number": number}, "world")
    return "done"


@server.tool
async def fail(message: str) -> str:
    """Fail as a tool may."""
    raise ToolError(message)


@server.tool
async def crash(depth: int = 1) -> str:
    """Fail as no tool should."""
    raise ZeroDivisionError(depth)


@server.tool
async def sleep(seconds: float) -> str:
    """Take longer than is allowed, perhaps."""
    await asyncio.sleep(seconds)
    return "awake"


@server.tool
async def now() -> float:
    """What a replay cannot know but from the record."""
    return time.time()


@server.tool
def threaded(text: str) -> str:
    """Run in a thread."""
    return text.upper()


@server.resource("world://about", cacheable=0.05, public=True)
async def about() -> str:
    """Something to read."""
    return "A world."


@server.resource("world://place/{name}")
async def place(name: str) -> str | None:
    """Something to read that may not be there."""
    return None if name == "nowhere" else f"You are at {name}."


@server.prompt()
def ask(topic: str, tone: Literal["plain", "polite"] = "plain") -> str:
    """Ask about a topic."""
    return f"{tone}: what about {topic}?"
