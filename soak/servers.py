"""Servers that are started, watched and ended by a campaign."""

import asyncio
import contextlib
import os
import re
import signal
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final

import msgspec

from soak import processes
from soak.nursery import Ended, Start, Started

ROOT: Final = Path(__file__).resolve().parent.parent
PATIENCE: Final = 30.0
"""Seconds for what should take a fraction of one."""

_PORT: Final = re.compile(rb"ws://127\.0\.0\.1:(\d+)/ws")


class DidNotStart(Exception):
    """A server ended before it could be reached; says how."""


class Server:
    """A server process.

    Attributes:
        pid: Its number.
        output: Where it prints to.
        ended: Its exit code; the number of the signal that ended it, negative.
        port: Where it listens; 0 until :meth:`ready` has returned.
    """

    def __init__(self, pid: int, output: Path) -> None:
        self.pid = pid
        self.output = output
        self.ended: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self.port = 0

    async def ready(self) -> int:
        """Wait until the server listens; returns the port.

        Raises:
            DidNotStart: It will not.
        """
        until = time.monotonic() + PATIENCE
        while True:
            if found := _PORT.search(self._printed()):
                self.port = int(found[1])
                return self.port
            if self.ended.done():
                raise DidNotStart(f"exit code {self.ended.result()}: {self.tail()}")
            if time.monotonic() > until:
                raise DidNotStart(f"nothing in {PATIENCE:g} s: {self.tail()}")
            await asyncio.sleep(0.002)

    def writers(self) -> list[int]:
        """The processes that write its log: one, once it has come so far."""
        return [child for child in processes.children(self.pid) if "sqlite_writer" in processes.command(child)]

    def helpers(self) -> list[int]:
        """All processes that it has started."""
        return processes.children(self.pid)

    def signal(self, number: int) -> None:
        """Send a signal, unless it has ended."""
        if not self.ended.done():
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, number)

    async def left(self, seconds: float = PATIENCE) -> int | None:
        """The exit code, once it has ended; None when it does not."""
        try:
            return await asyncio.wait_for(asyncio.shield(self.ended), seconds)
        except TimeoutError:
            self.signal(signal.SIGKILL)
            return None

    async def stop(self) -> str:
        """Tell it to stop; what was wrong with the way it ended, and nothing when it was well."""
        self.signal(signal.SIGTERM)
        code = await self.left()
        return "" if code == 0 else f"the server, told to stop, ended with {code}: {self.tail()}"

    async def kill(self) -> None:
        """Kill it, and wait until what it has started has left too."""
        helpers = self.helpers()
        self.signal(signal.SIGKILL)
        await self.left()
        until = time.monotonic() + PATIENCE
        while any(processes.runs(pid) for pid in helpers):
            if time.monotonic() > until:
                raise TimeoutError(f"{[*map(processes.command, helpers)]} stay after their server was killed")
            await asyncio.sleep(0.002)

    def tail(self) -> str:
        """The last words that it printed."""
        return self._printed()[-800:].decode(errors="replace").strip()

    def _printed(self) -> bytes:
        try:
            return self.output.read_bytes()
        except FileNotFoundError:
            return b""


class Nursery:
    """Where servers come from; made by :func:`nursery`."""

    def __init__(self, process: asyncio.subprocess.Process, folder: Path) -> None:
        self._process = process
        self._folder = folder
        self._servers: dict[int, Server] = {}
        self._waiting: list[tuple[asyncio.Future[Server], Path]] = []
        self._number = 0

    async def start(self, *arguments: str, environment: dict[str, str] | None = None, file_bytes: int = 0) -> Server:
        """Start ``mcp-rewind serve`` with ``arguments``, serving the tools of ``soak/served.py`` on a free port."""
        self._number += 1
        output = self._folder / f"server-{self._number}.out"
        order = Start(
            ["soak.served:server", "--host", "127.0.0.1", "--port", "0", *arguments],
            {"SOAK_ACTIONS": os.devnull, **(environment or {})},
            str(output),
            file_bytes,
        )
        began: asyncio.Future[Server] = asyncio.get_running_loop().create_future()
        self._waiting.append((began, output))
        assert self._process.stdin is not None
        self._process.stdin.write(msgspec.json.encode(order) + b"\n")
        return await asyncio.wait_for(began, PATIENCE)

    async def listen(self) -> None:
        """Take what the nursery has to say."""
        assert self._process.stdout is not None
        decode = msgspec.json.Decoder(Started | Ended).decode
        async for line in self._process.stdout:
            word = decode(line)
            if isinstance(word, Started):
                began, output = self._waiting.pop(0)
                server = self._servers[word.pid] = Server(word.pid, output)
                began.set_result(server)
            else:
                self._servers.pop(word.pid).ended.set_result(word.code)


@contextlib.asynccontextmanager
async def nursery(folder: Path) -> AsyncIterator[Nursery]:
    """A place to start servers from; they print into ``folder``, and end with the block."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "soak.nursery", cwd=ROOT, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
    )
    place = Nursery(process, folder)
    listening = asyncio.create_task(place.listen())
    try:
        yield place
    finally:
        assert process.stdin is not None
        process.stdin.close()
        await process.wait()
        await listening
