"""The server of this project with the same tool. ``mcp-rewind serve`` runs it, recording as it does by default."""

import asyncio
import json
import time

from mcp_server import MCPServer

server = MCPServer("bench")


@server.tool()
async def echo(text: str) -> str:
    """Say it again."""
    return text


@server.tool()
async def lateness(seconds: float) -> str:
    """Watch the event loop: how many milliseconds after its time does a tick of one millisecond come?"""
    late = []
    until = time.perf_counter() + seconds
    while (due := time.perf_counter() + 0.001) < until:
        await asyncio.sleep(0.001)
        late.append((time.perf_counter() - due) * 1000)
    late.sort()
    found = {f"p{share:g}".replace(".", ""): late[int(len(late) * share / 100)] for share in (50, 99, 99.9)}
    return json.dumps(found | {"longest": late[-1], "ticks": len(late)})
