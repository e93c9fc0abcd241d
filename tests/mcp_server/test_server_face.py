"""A server that is made, told its settings and served from code, as the guide does it."""

import asyncio
import json
import logging
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest

import mcp_server
from mcp_server.config import SettingsError
from mcp_server.loader import LoadError, load
from mcp_server.server import MCPServer
from mcp_server.serving import CannotListen
from operators.policy import Limit
from tests.children import LONG
from tests.serving import soon, stateless

QUIET = {"MCP_STORE": "memory:", "MCP_PORT": "0", "MCP_METRICS_PORT": "0", "MCP_DRAIN_TIMEOUT": "0.2"}


@pytest.fixture(autouse=True)
def quiet(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in QUIET.items():
        monkeypatch.setenv(name, value)


@asynccontextmanager
async def served(server: MCPServer) -> AsyncIterator[str]:
    """Serve it meanwhile; yields its address."""
    serving = asyncio.create_task(server.start())
    yield f"http://127.0.0.1:{await soon(server.ready())}"
    await soon(server.stop())
    await soon(serving)


async def names_of_tools(url: str) -> list[str]:
    body, headers = stateless(1, "tools/list", {})
    async with (
        aiohttp.ClientSession() as client,
        client.post(f"{url}/mcp", data=body, headers={**headers, "Content-Type": "application/json"}) as answer,
    ):
        return [tool["name"] for tool in json.loads(await answer.text())["result"]["tools"]]


def write(path: Path, **values: Any) -> Path:
    path.write_text(json.dumps(values))
    return path


async def test_a_server_that_is_made_from_a_file_serves_the_built_in_tools(tmp_path: Path) -> None:
    server = MCPServer(str(write(tmp_path / "production.json", transport_type="websocket", call_timeout=7)))
    assert (server.name, server.settings.call_timeout) == ("mcp-rewind", 7.0)
    async with served(server) as url:
        assert "echo" in await names_of_tools(url)


async def test_a_server_serves_what_was_added_to_it() -> None:
    server = MCPServer("hello")

    @server.tool
    async def greet(name: str) -> str:
        return f"Hello, {name}!"

    async with served(server) as url:
        assert await names_of_tools(url) == ["greet"]


async def test_a_server_to_which_nothing_was_added_serves_what_the_settings_name(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(
        "from mcp_server import MCPServer\nserver = MCPServer('mine')\n@server.tool\ndef own() -> str:\n    return ''\n"
    )
    async with served(MCPServer(write(tmp_path / "c.json", server=f"{tmp_path}/mine.py"))) as url:
        assert await names_of_tools(url) == ["own"]
    with pytest.raises(LoadError, match="there is no file"):
        await MCPServer(write(tmp_path / "d.json", server=f"{tmp_path}/none.py")).start()


def test_a_path_is_told_from_a_name_by_how_it_is_written(tmp_path: Path) -> None:
    assert MCPServer("production").name == MCPServer("io.example/production").name.partition("/")[2] == "production"
    assert MCPServer("named", config=write(tmp_path / "a.json", port=9)).settings.server_window == 4096
    assert MCPServer(write(tmp_path / "no-suffix", call_timeout=9)).settings.call_timeout == 9
    with pytest.raises(SettingsError, match=r"none\.json cannot be read"):
        MCPServer("config/none.json")
    with pytest.raises(TypeError, match="two files of settings"):
        MCPServer("a.json", config="b.json")


def test_the_environment_counts_before_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MCP_PORT", "1234")
    assert MCPServer(write(tmp_path / "a.json", websocket_port=1)).settings.port == 1234


async def test_settings_can_be_changed_until_the_server_is_started() -> None:
    server = MCPServer("hello")
    server.settings.transport_type = "websocket"
    server.settings.websocket_port = 0
    with pytest.raises(SettingsError, match="settings: websocket_port must be a valid integer, not 'many'"):
        server.settings.websocket_port = "many"  # type: ignore[assignment]
    async with served(server):
        with pytest.raises(SettingsError, match="settings: port cannot be changed while the server runs"):
            server.settings.port = 9
        with pytest.raises(RuntimeError, match="is started already"):
            await server.start()
    server.settings.port = 0
    async with served(server) as url:
        assert await names_of_tools(url)


async def test_a_server_that_cannot_start_says_why() -> None:
    first, second = MCPServer("first"), MCPServer("second")
    async with served(first) as url:
        second.settings.port = int(url.rpartition(":")[2])
        waiting = asyncio.ensure_future(second.ready())
        with pytest.raises(CannotListen, match="Address already in use") as raised:
            await second.start()
        with pytest.raises(RuntimeError, match="ended before it could be reached") as told:
            await soon(waiting)
        assert told.value.__cause__ is raised.value
    await second.stop()  # what does not run is stopped


async def test_settings_that_do_not_go_together_are_told_to_whoever_waits() -> None:
    server = MCPServer("hello")
    server.settings.limits = (Limit("default", "session", 1.0, 1.0),)
    server.settings.rate_limit_requests = 1
    waiting = asyncio.ensure_future(server.ready())
    with pytest.raises(SettingsError, match="'default' is taken by rate_limit_requests"):
        await server.start()
    with pytest.raises(RuntimeError, match="ended before it could be reached"):
        await soon(waiting)
    server.settings.limits = ()
    assert [limit.name for limit in server.settings.settled().limits] == ["default"]


async def test_a_server_that_is_cancelled_has_stopped() -> None:
    server = MCPServer("hello")
    serving = asyncio.create_task(server.start())
    url = f"http://127.0.0.1:{await soon(server.ready())}"
    serving.cancel()
    with pytest.raises(asyncio.CancelledError):
        await soon(serving)
    async with aiohttp.ClientSession() as client:
        with pytest.raises(aiohttp.ClientConnectionError):
            await client.get(f"{url}/health")
    assert not asyncio.get_running_loop().remove_signal_handler(signal.SIGTERM)


async def test_logging_that_the_program_has_set_up_is_left_alone() -> None:
    before = list(logging.getLogger().handlers)
    async with served(MCPServer("hello")):
        assert logging.getLogger().handlers == before
    assert before


def program(tmp_path: Path, **settings: str) -> "subprocess.CompletedProcess[bytes]":
    (tmp_path / "program.py").write_text(
        "import asyncio\nfrom mcp_server.server import MCPServer\n"
        "async def main():\n"
        "    server = MCPServer('hello')\n"
        "    serving = asyncio.create_task(server.start())\n"
        "    await server.ready()\n"
        "    print('ready')\n"
        "    if server.settings.transport_type != 'stdio':\n"
        "        await server.stop()\n"
        "    await serving\n"
        "asyncio.run(main())\n"
        "print('done')\n"
    )
    return subprocess.run(
        [sys.executable, "program.py"],
        input=b'{"jsonrpc":"2.0","id":1,"method":"ping"}\n',
        capture_output=True,
        cwd=tmp_path,
        env={**os.environ, **settings},
        timeout=LONG,
        check=False,
    )


def test_a_program_logs_to_the_file_that_the_settings_name(tmp_path: Path) -> None:
    done = program(tmp_path, LOG_FILE="app.log")
    assert (done.returncode, done.stdout) == (0, b"ready\ndone\n"), done.stderr
    assert '"listening"' in (tmp_path / "app.log").read_text()
    done = program(tmp_path, LOG_FILE=str(tmp_path))
    assert b"cannot be written: Is a directory" in done.stderr


def test_on_stdio_standard_output_is_for_messages_until_the_end(tmp_path: Path) -> None:
    done = program(tmp_path, MCP_TRANSPORT_TYPE="stdio", LOG_FILE="app.log")
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert [json.loads(line)["id"] for line in lines if line.startswith(b"{")] == [1]
    assert b"done" in lines


def test_it_is_a_server_like_any_other(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text("from mcp_server.server import MCPServer\nserver = MCPServer('mine')\n")
    assert isinstance(load(str(tmp_path / "mine.py")), mcp_server.MCPServer)
