"""Plugins of other packages, in a server as users run it."""

import asyncio
import itertools
import json
import os
from contextlib import suppress
from pathlib import Path
from typing import Any

import aiohttp

from tests.children import running
from tests.mcp_server.test_process import socket_to
from tests.serving import text_of

GOOD = """
class Plugin:
    name = "good_plugin"
    def register(self, server, workspace):
        @server.tool(read_only=True)
        def count_files() -> int:
            "Count the files of the workspace."
            return len(workspace.walk().files)
"""

COUNTING = """
from itertools import count
from mcp_server import MCPServer
server, reads = MCPServer("counting"), count(1)
@server.resource("reads://count", cacheable=600.0, public=True)
def number() -> str:
    return str(next(reads))
"""


def install(site: Path) -> None:
    """A package with a plugin that works, one that cannot be imported, and one whose tool is there already."""
    site.mkdir()
    (site / "plugin_good.py").write_text(GOOD)
    (site / "plugin_taken.py").write_text(GOOD.replace("count_files", "echo"))
    (site / "plugin_bad.py").write_text("import no_such_module_" + "x" * 300)
    about = site / "three_plugins-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: three-plugins\nVersion: 1.0\n")
    lines = [f"{name}_plugin = plugin_{name}:Plugin" for name in ("good", "taken", "bad")]
    (about / "entry_points.txt").write_text("\n".join(["[mcp_rewind.plugins]", *lines]))


async def test_plugins_of_other_packages_work_and_those_that_fail_are_named_in_health(tmp_path: Path) -> None:
    install(tmp_path / "site")
    (tmp_path / "files").mkdir()
    (tmp_path / "files" / "one.py").write_text("x = 1\n")
    enabled = ["good_plugin", "bad_plugin", "taken_plugin", "python_plugin"]
    settings = {"enabled_plugins": enabled, "workspace": "files", "metrics_port": 0}
    (tmp_path / "config.json").write_text(json.dumps(settings))
    paths = os.pathsep.join(filter(None, [str(tmp_path / "site"), os.environ.get("PYTHONPATH")]))
    with running(tmp_path, "--config", "config.json", PYTHONPATH=paths) as child:
        async with socket_to(child) as socket:
            await socket.call(1, "count_files")
            assert text_of(await socket.receive()) == "1"
            await socket.call(2, "python_outline", path="one.py")
            assert '"name":"x"' in text_of(await socket.receive())
        address = child.url.replace("/mcp", "/health")
        async with aiohttp.ClientSession() as client, client.get(address) as response:
            report = await response.json()
    assert response.status == 200
    (check,) = [check for check in report["checks"] if check["name"] == "plugins"]
    assert (report["status"], check["status"]) == ("degraded", "degraded")
    assert check["message"].startswith("bad_plugin, taken_plugin are left out: bad_plugin: it could not be loaded: ")
    assert "there is a tool echo already" in child.errors


async def test_clients_that_follow_a_file_are_told_when_it_changes(tmp_path: Path) -> None:
    (tmp_path / "files").mkdir()
    settings = {"enabled_plugins": ["c_plugin"], "workspace": "files", "metrics_port": 0}
    (tmp_path / "config.json").write_text(json.dumps(settings))
    followed = {"uri": "workspace://one%20more.c"}
    with running(tmp_path, "--config", "config.json") as child:
        async with socket_to(child) as socket, socket_to(child) as other, asyncio.timeout(50):
            assert (await socket.ask(1, "resources/subscribe", followed))["result"] == {}
            told: dict[str, Any] = {}
            while not told:  # the server may not be watching yet
                (tmp_path / "files" / "one more.c").write_text("int x;\n")
                (tmp_path / "files" / "another.c").write_text("int y;\n")
                with suppress(TimeoutError):
                    told = json.loads(await asyncio.wait_for(socket.ws.receive_str(), 1.0))
            assert (told["method"], told["params"]) == ("notifications/resources/updated", followed)
            assert (await other.ask(1, "ping"))["result"] == {}  # and was told of nothing
            await socket.request(2, "resources/unsubscribe", followed)
            while (answer := await socket.receive()).get("id") != 2:
                assert answer["params"] == followed
            assert answer["result"] == {}
            (tmp_path / "files" / "one more.c").write_text("int z;\n")
            await asyncio.sleep(1.0)
            assert (await socket.ask(3, "ping"))["result"] == {}
        assert await asyncio.to_thread(child.stop) == 0


async def test_what_was_read_is_read_anew_when_a_file_of_the_workspace_has_changed(tmp_path: Path) -> None:
    (tmp_path / "counting.py").write_text(COUNTING)
    (tmp_path / "files").mkdir()
    settings = {"enabled_plugins": ["c_plugin"], "workspace": "files", "metrics_port": 0}
    (tmp_path / "config.json").write_text(json.dumps(settings))
    with running(tmp_path, "counting.py", "--config", "config.json") as child:
        async with socket_to(child) as socket, asyncio.timeout(50):

            async def read(id: int) -> str:
                answer = await socket.ask(id, "resources/read", {"uri": "reads://count"})
                return str(answer["result"]["contents"][0]["text"])

            assert [await read(id) for id in (1, 2, 3)] == ["1", "1", "1"]
            for id in itertools.count(4):
                (tmp_path / "files" / "changed.c").write_text(f"int x{id};\n")
                await asyncio.sleep(0.1)
                if await read(id) != "1":
                    break
        assert await asyncio.to_thread(child.stop) == 0
