"""The server under load: a tool that answers, one that acts, one that streams, one that is cached, and so on."""

import asyncio
import os
from collections.abc import AsyncIterator
from typing import Annotated

from msgspec import Meta

from mcp_server import CallRefused, Context, MCPServer, ToolError

server = MCPServer("soak")
_kept: list[bytes] = []


@server.tool(read_only=True, idempotent=True)
async def echo(text: str) -> str:
    """Return the text unchanged."""
    return text


@server.tool(read_only=False)
async def act(text: str) -> str:
    """Do what cannot be undone: add a line to the file that the environment names."""
    sink = os.open(os.environ["SOAK_ACTIONS"], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        os.write(sink, text.encode() + b"\n")
    finally:
        os.close(sink)
    return text


@server.tool(read_only=True)
async def count(to: Annotated[int, Meta(le=1000)]) -> AsyncIterator[str]:
    """Count from one, without a pause; never on and on, whatever a mutated frame asks for."""
    for number in range(1, to + 1):
        yield str(number)


@server.tool(read_only=True, cacheable=3600.0, public=True)
async def find(text: str) -> str:
    """Return the text; who asks for it again has it from the cache."""
    return text


@server.tool(read_only=True)
async def fail(text: str) -> str:
    """Fail, and say so."""
    raise ToolError(text)


@server.tool
async def sign_in(user: str, password: str) -> str:
    """Refuse, and say with what."""
    raise ToolError(f"there is no {user} with {password}")


@server.tool
async def confide(note: Annotated[str, Meta(extra_json_schema={"writeOnly": True})], ctx: Context) -> str:
    """Return what its schema calls a secret, and tell it too."""
    ctx.info({"noted": note})
    return f"noted: {note}"


@server.tool(read_only=True)
async def tell(text: str, ctx: Context) -> str:
    """Tell the text on every way there is while it runs."""
    ctx.info(text)
    ctx.info({"text": text}, logger=text)
    await ctx.progress(1, 2, text)
    return "told"


@server.tool(read_only=True)
async def recite(text: str) -> AsyncIterator[str]:
    """Give the text as a part of a stream."""
    yield text


@server.tool(read_only=True)
async def crash(text: str) -> str:
    """Raise what is not for the client."""
    raise RuntimeError(f"it broke at {text}")


@server.tool(read_only=True)
async def refuse(text: str) -> str:
    """Refuse with an error of the protocol."""
    raise CallRefused(-32000, f"no {text}", {"about": text})


@server.tool(read_only=True)
async def wait() -> str:
    """Wait until it is cancelled."""
    await asyncio.Event().wait()
    return ""


@server.tool(read_only=True)
async def keep(size: Annotated[int, Meta(ge=0, le=1 << 20)]) -> int:
    """Hold on to so many bytes for good, where the environment says so: a leak that must be noticed."""
    if "SOAK_KEEPS" in os.environ:
        _kept.append(b"x" * size)
    return len(_kept)
