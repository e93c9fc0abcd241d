"""An honest client in a process of its own: one call after another, each timed.

``python -m soak.probe PORT`` goes on until its input ends, and prints a :class:`Timing`.
"""

import asyncio
import contextlib
import select
import socket
import sys
import time
from collections.abc import AsyncIterator
from typing import Final

import msgspec
import orjson

from operators.versions import MODERN
from soak import wire
from soak.mutate import META
from soak.servers import ROOT

PAUSE: Final = 0.002
"""Seconds between an answer and the next call."""


class Timing(msgspec.Struct):
    """How long honest calls took, in milliseconds; ``problem`` is empty unless one was answered wrongly."""

    calls: int = 0
    p50: float = 0.0
    p999: float = 0.0
    longest: float = 0.0
    problem: str = ""


def measure(port: int) -> Timing:
    """Call until the input ends."""
    seconds: list[float] = []
    with socket.create_connection(("127.0.0.1", port)) as connection:
        while not select.select([sys.stdin], [], [], PAUSE)[0]:
            number = len(seconds) + 1
            began = time.perf_counter()
            connection.sendall(_call(number))
            response = _response(connection)
            seconds.append(time.perf_counter() - began)
            if response.status != 200 or b'"id":%d,' % number not in response.body:
                return Timing(len(seconds), problem=f"an honest call was answered with {response}")
    ordered = sorted(seconds) or [0.0]
    p50, p999, longest = (ordered[int((len(ordered) - 1) * share)] * 1000 for share in (0.5, 0.999, 1.0))
    return Timing(len(seconds), p50, p999, longest)


def _call(number: int) -> bytes:
    params = {"name": "echo", "arguments": {"text": str(number)}, "_meta": META}
    raw = orjson.dumps({"jsonrpc": "2.0", "id": number, "method": "tools/call", "params": params})
    return wire.post(raw, {"MCP-Protocol-Version": MODERN[0], "Mcp-Method": "tools/call", "Mcp-Name": "echo"})


def _response(connection: socket.socket) -> wire.Response:
    held = b""
    while not (found := wire.take_response(held)):
        data = connection.recv(1 << 16)
        if not data:
            return wire.Response(0, {}, b"the connection ended")
        held += data
    return found[0]


@contextlib.asynccontextmanager
async def probing(port: int) -> AsyncIterator[Timing]:
    """Have a probe work beside the block; what it measured is there when the block has ended."""
    timing = Timing()
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "soak.probe", str(port), cwd=ROOT, stdin=-1, stdout=-1
    )
    try:
        yield timing
    finally:
        out, _ = await process.communicate(b"")
    found = msgspec.json.decode(out, type=Timing)
    for name in Timing.__struct_fields__:
        setattr(timing, name, getattr(found, name))


if __name__ == "__main__":
    sys.stdout.write(msgspec.json.encode(measure(int(sys.argv[1]))).decode())
