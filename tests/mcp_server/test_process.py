"""A server as a process: how it starts, how it stops, what it says when it cannot go on."""

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from events import codes
from events.decided import CallDispatched, ErrorReady, ResponseReady
from events.observed import CallFailed, SessionClosed
from tests.children import COMMAND, LONG, Child, recorded, running, store, wait_for
from tests.serving import Socket, call_params, handshake, soon, stateless, text_of

MODULE = (sys.executable, "-m", "mcp_server.server")


@asynccontextmanager
async def socket_to(child: Child) -> AsyncIterator[Socket]:
    port = await asyncio.to_thread(lambda: child.port)
    url = f"ws://127.0.0.1:{port}/ws"
    async with aiohttp.ClientSession() as client, client.ws_connect(url, protocols=("mcp",)) as ws:
        connected = Socket(ws)
        await connected.send(handshake(0))
        await connected.receive()
        yield connected


async def count_slowly(socket: Socket, id: int, seconds: float) -> None:
    """A call of the built-in server that takes so long."""
    await socket.request(id, "tools/call", call_params("count_slowly", to=2, delay=seconds))


async def begun(folder: Path, count: int) -> None:
    await asyncio.to_thread(wait_for, folder, CallDispatched, count)


@pytest.mark.parametrize("command", [None, MODULE], ids=["command", "module"])
async def test_a_server_says_where_it_is_and_ends_when_told_to(tmp_path: Path, command: Any) -> None:
    options = {} if command is None else {"command": command}
    with running(tmp_path, "--transport", "websocket", **options) as child:
        async with socket_to(child) as socket:
            await socket.request(1, "tools/call", call_params("echo", text="hi"))
            assert text_of(await socket.receive()) == "hi"
        assert await asyncio.to_thread(child.stop, signal.SIGINT) == 0
        printed = "".join(child.lines)
        assert f"ws://127.0.0.1:{child.port}/ws" in printed
        assert f"http://127.0.0.1:{child.port}/mcp" in printed
        assert store(tmp_path) in printed
        assert "Traceback" not in child.errors


async def test_a_call_that_ends_in_time_is_answered_though_the_server_is_stopped(tmp_path: Path) -> None:
    with running(tmp_path) as child:
        async with socket_to(child) as socket:
            await count_slowly(socket, 1, 0.5)
            await begun(tmp_path, 2)
            child.process.send_signal(signal.SIGTERM)
            assert (await socket.receive())["result"]["content"][-1]["text"] == "2"
            assert (await soon(socket.ws.receive())).extra == "the server stopped"
        assert await asyncio.to_thread(child.wait) == 0
    (end,) = recorded(tmp_path, SessionClosed)
    assert end.reason == "the server stopped"


async def test_a_call_that_does_not_end_in_time_is_recorded_as_aborted(tmp_path: Path) -> None:
    with running(tmp_path, MCP_DRAIN_TIMEOUT="0.1") as child:
        async with socket_to(child) as socket:
            for id in (1, 2):
                await count_slowly(socket, id, 10.0)
            await begun(tmp_path, 3)
            child.process.send_signal(signal.SIGTERM)
            answers = [await socket.receive() for _ in range(2)]
        assert [answer["error"]["code"] for answer in answers] == [codes.ABORTED] * 2
        assert await asyncio.to_thread(child.wait) == 0
    assert len(recorded(tmp_path, CallFailed)) == len(recorded(tmp_path, ErrorReady)) == 2
    assert len(recorded(tmp_path, SessionClosed)) == 1


async def test_when_the_logs_writer_dies_callers_get_an_error_and_the_server_ends(tmp_path: Path) -> None:
    with running(tmp_path) as child:
        async with socket_to(child) as socket:
            await count_slowly(socket, 1, 10.0)
            await begun(tmp_path, 2)
            os.kill(child.writer(), signal.SIGKILL)
            answer = await socket.receive()
            assert (answer["id"], answer["error"]["code"]) == (1, codes.LOG_FAILED)
            assert answer["error"]["message"] == "the event log has failed: nothing was done"
        assert await asyncio.to_thread(child.wait) == 3
        assert "the log has failed" in child.errors
    assert recorded(tmp_path, CallFailed) == []


async def test_when_the_logs_writer_dies_callers_over_http_get_an_error_too(tmp_path: Path) -> None:
    with running(tmp_path) as child:
        url = await asyncio.to_thread(lambda: child.url)
        body, headers = stateless(1, "tools/call", call_params("count_slowly", to=2, delay=10.0))
        headers |= {"Content-Type": "application/json"}
        async with asyncio.timeout(LONG), aiohttp.ClientSession() as client:
            waiting = asyncio.create_task(_post(client, url, body, headers))
            await begun(tmp_path, 1)
            os.kill(child.writer(), signal.SIGKILL)
            assert await waiting == (503, codes.LOG_FAILED)
        assert await asyncio.to_thread(child.wait) == 3


async def _post(client: aiohttp.ClientSession, url: str, body: bytes, headers: dict[str, str]) -> tuple[int, int]:
    async with client.post(url, data=body, headers=headers) as response:
        return response.status, json.loads(await response.text())["error"]["code"]


def test_a_second_server_on_the_same_log_is_refused_with_the_reason(tmp_path: Path) -> None:
    with running(tmp_path) as first:
        assert first.port
        with running(tmp_path) as second:
            assert second.wait() == 3
            assert f"is in use by another server (process {first.process.pid})" in second.errors
        assert first.stop() == 0
    with running(tmp_path) as third:
        assert third.port
        assert third.stop() == 0


def test_a_port_that_is_taken_is_told(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with running(tmp_path, "--port", str(port)) as child:
            assert child.wait() == 4
            assert f"cannot listen on 127.0.0.1:{port}: Address already in use" in child.errors
            assert "Traceback" not in child.errors
    assert [path.name for path in tmp_path.iterdir()] == ["stderr.txt"]


def test_a_log_file_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    with running(tmp_path, LOG_FILE=str(tmp_path)) as child:
        assert child.wait() == 2
        assert child.errors == f"mcp-rewind: log_file {str(tmp_path)!r} cannot be written: Is a directory\n"


def test_a_killed_server_loses_nothing_that_it_acknowledged(tmp_path: Path) -> None:
    async def talk(child: Child) -> None:
        async with socket_to(child) as socket:
            for number in range(1, 21):
                await socket.request(number, "tools/call", call_params("echo", text=str(number)))
                assert text_of(await socket.receive()) == str(number)
            child.process.kill()

    with running(tmp_path) as child:
        asyncio.run(talk(child))
        child.wait()
        assert len(recorded(tmp_path, ResponseReady)) == 21
    with running(tmp_path) as again:
        assert again.port
        assert again.stop() == 0
    assert len(recorded(tmp_path, ResponseReady)) == 21


@pytest.mark.parametrize("stdin", ["file", "nothing", "pipe"])
def test_on_stdio_the_end_of_input_is_the_end(tmp_path: Path, stdin: str) -> None:
    asked = b"".join(b'{"jsonrpc":"2.0","id":%d,"method":"ping"}\n' % number for number in range(200))
    (tmp_path / "asked").write_bytes(b"" if stdin == "nothing" else asked)
    command = [COMMAND, "serve", "--transport", "stdio", "--store", store(tmp_path)]
    with (tmp_path / "asked").open("rb") as file:
        source: Any = {"file": {"stdin": file}, "nothing": {"stdin": subprocess.DEVNULL}, "pipe": {"input": asked}}
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, timeout=LONG, check=False, **source[stdin])
    assert done.returncode == 0, done.stderr
    ids = [json.loads(line)["id"] for line in done.stdout.splitlines()]
    assert ids == ([] if stdin == "nothing" else list(range(200)))


def test_on_stdio_a_client_that_neither_writes_nor_reads_does_not_keep_the_server(tmp_path: Path) -> None:
    command = [COMMAND, "serve", "--transport", "stdio", "--store", store(tmp_path)]
    call = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": call_params("echo", text="x" * 500_000)}
    with subprocess.Popen(
        command, cwd=tmp_path, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as process:
        assert process.stdin is not None
        process.stdin.write(handshake(0) + b"\n" + json.dumps(call).encode() + b"\n")
        process.stdin.flush()
        wait_for_answer(tmp_path)
        process.terminate()
        assert process.wait(LONG) == 0


def wait_for_answer(folder: Path) -> None:
    while not (folder / "log.db").exists():
        time.sleep(0.02)
    wait_for(folder, ResponseReady, 2)
