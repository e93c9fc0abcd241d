"""The commands beside a server that is writing, and after one was killed."""

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mcp_server.cli.client import VERSION, Client, connect
from tests.mcp_server.cli.conftest import Run

HELLO = {"protocolVersion": VERSION, "capabilities": {}, "clientInfo": {"name": "tester", "version": "1"}}


@contextmanager
def serving(folder: Path) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """A server with the store ``live.db``; yields the URL of its websocket, and its process."""
    command = [sys.executable, "-P", "-m", "mcp_server.server", "--port", "0", "--store", "sqlite:///live.db"]
    with subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        try:
            assert process.stdout is not None
            yield next(word for line in process.stdout for word in line.split() if word.startswith("ws://")), process
        finally:
            process.terminate()


async def call(client: Client, count: int) -> None:
    await client.request("initialize", HELLO)
    await client.notify("notifications/initialized")
    ids = [await client.send("tools/call", {"name": "echo", "arguments": {"text": "x"}}) for _ in range(count)]
    for id in ids:
        assert "result" in await client.answer(id)


def test_what_a_server_has_answered_is_there_while_it_runs(run: Run) -> None:
    async def talk(url: str) -> list[str]:
        async with connect(url) as client:
            await call(client, 20)
            # In another thread: a command waits, and the connection has to be read meanwhile.
            return await asyncio.to_thread(look)

    def look() -> list[str]:
        where = ("--store", "sqlite:///live.db")
        assert run("replay", "--all", *where).code == 0
        assert len(run("show", "last", *where).lines) > 80
        assert run("sessions", *where).lines[0].split("\t")[-1] == "none recorded"
        return run("audit", "name=echo", "outcome=ok", *where).lines

    with serving(Path.cwd()) as (url, _):
        assert len(asyncio.run(talk(url))) == 20


def test_what_was_acknowledged_before_a_kill_is_there_after_it(run: Run) -> None:
    async def talk(url: str, process: subprocess.Popen[str]) -> None:
        async with connect(url) as client:
            await call(client, 10)
            slow = await client.send("tools/call", {"name": "count_slowly", "arguments": {"to": 9, "delay": 5.0}})
            await client.request("ping")
            assert slow
            os.kill(process.pid, signal.SIGKILL)

    with serving(Path.cwd()) as (url, process):
        asyncio.run(talk(url, process))
        process.wait()
    where = ("--store", "sqlite:///live.db", "--json")
    outcomes = [row["outcome"] for row in map(json.loads, run("audit", "method=tools/call", *where).lines)]
    assert outcomes == [None, *["ok"] * 10]
    (verdict,) = map(json.loads, run("replay", "--all", *where).lines)
    assert (verdict["holds"], verdict["closed"]) == (True, False)
    newest = json.loads(run("show", "last", *where).lines[-1])["position"]
    flights = [row for row in map(json.loads, run("show", "last", "--at", newest, *where).lines) if "in_flight" in row]
    assert [flight["name"] for flight in flights] == ["count_slowly"]


def test_calls_are_followed_while_they_are_made(run: Run) -> None:
    with serving(Path.cwd()) as (url, _):
        command = [sys.executable, "-P", "-c", "import sys; from mcp_server.cli import main; sys.exit(main())"]
        arguments = ["audit", "--follow", "name=echo", "--store", "sqlite:///live.db"]
        with subprocess.Popen([*command, *arguments], stdout=subprocess.PIPE, text=True) as follower:
            assert follower.stdout is not None

            async def talk() -> None:
                async with connect(url) as client:
                    await call(client, 5)

            asyncio.run(talk())
            assert ["\techo\t" in follower.stdout.readline() for _ in range(5)] == [True] * 5
            follower.send_signal(signal.SIGINT)
            assert follower.wait(20) == 130
    assert run("replay", "--all", "--store", "sqlite:///live.db").code == 0
