"""A server of your own: serve it with `mcp-rewind serve examples/hello.py`."""

import asyncio
from collections.abc import AsyncIterator

from mcp_server import MCPServer

server = MCPServer("hello", version="1.0.0")


@server.tool(read_only=True)
async def greet(name: str, times: int = 1) -> str:
    """Greet someone, once or more often."""
    return " ".join([f"Hello, {name}!"] * times)


@server.tool(read_only=True)
async def spell(word: str) -> AsyncIterator[str]:
    """Spell a word; each letter is sent as soon as it is there."""
    for letter in word:
        yield letter.upper()
        await asyncio.sleep(0.1)


@server.resource("hello://{language}", mime_type="text/plain")
def greeting(language: str) -> str | None:
    """How to say hello in a language, by its code."""
    return {"de": "Guten Tag", "fr": "Bonjour", "en": "Hello"}.get(language)


@server.prompt
def introduce(name: str, tone: str = "friendly") -> str:
    """Ask for a short introduction of someone."""
    return f"Write a short, {tone} introduction of {name}."
