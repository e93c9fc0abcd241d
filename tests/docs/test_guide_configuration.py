"""What the guide shows of settings works as it stands there."""

import ast
import asyncio
import inspect
import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from mcp_server.config import load_settings, read_settings
from mcp_server.config.names import BARE
from mcp_server.config.sources import unknown_variables
from mcp_server.server import MCPServer
from tests.docs.pages import DOCS, ROOT, blocks, plain
from tests.docs.terminal import missing, run
from tests.serving import soon

PAGE = DOCS / "guide" / "configuration.md"
PYTHON = blocks(PAGE, "python")


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the configuration that comes along, and nothing of it outside."""
    monkeypatch.chdir(tmp_path)
    shutil.copytree(ROOT / "config", tmp_path / "config")
    for name in BARE:
        monkeypatch.delenv(name, raising=False)
    for name, value in {"LOG_FILE": str(tmp_path / "app.log"), "MCP_STORE": "memory:", "MCP_METRICS_PORT": "0"}.items():
        monkeypatch.setenv(name, value)
    return tmp_path


def evaluate(text: str, names: dict[str, Any]) -> Any:
    """Run a block that may await at its top level; what is to be awaited, or None."""
    return eval(compile(text, str(PAGE), "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT), names)


async def test_a_server_with_settings_of_ones_own_starts_as_shown() -> None:
    (block,) = [block for block in PYTHON if "await server.start()" in block.text]
    names: dict[str, Any] = {}
    # The port that is shown may be in use here.
    coming = evaluate(block.text.replace("= 8080", "= 0"), names)
    assert inspect.iscoroutine(coming)
    serving = asyncio.create_task(coming)
    await asyncio.sleep(0)  # it runs up to the first thing that it waits for
    server = names["server"]
    assert await soon(server.ready()) > 0
    assert (server.settings.transport_type, server.settings.debug) == ("websocket", False)
    assert server.settings.enabled_plugins == ("python_plugin", "js_plugin", "c_plugin")
    await soon(server.stop())
    await soon(serving)


async def test_a_server_runs_as_a_task_as_shown() -> None:
    names: dict[str, Any] = {}
    evaluate("from mcp_server.server import MCPServer", names)
    (block,) = [block for block in PYTHON if "serve_for_a_moment" in block.text]
    evaluate(block.text, names)
    assert await soon(names["serve_for_a_moment"]()) > 0


def test_the_file_that_is_shown_is_valid(folder: Path) -> None:
    (block,) = blocks(PAGE, "json")
    (folder / "shown.json").write_text(block.text)
    settings = load_settings(folder / "shown.json", {}, {})
    assert (settings.host, settings.port, settings.cache_max_memory_mb) == ("0.0.0.0", 8080, 500)
    assert settings.enabled_plugins == ("python_plugin", "js_plugin", "c_plugin")


async def test_a_server_starts_with_the_file_that_is_shown(folder: Path) -> None:
    """What the environment says counts before the file: the log line goes where this test may write."""
    (block,) = blocks(PAGE, "json")
    (folder / "shown.json").write_text(block.text)
    server = MCPServer("shown.json")
    assert server.settings.websocket_port == 8080
    server.settings.port = 0
    serving = asyncio.create_task(server.start())
    assert await soon(server.ready()) > 0
    await soon(server.stop())
    await soon(serving)


def test_every_piece_of_a_file_that_is_shown_as_python_is_valid(folder: Path) -> None:
    pieces = [ast.literal_eval(block.text) for block in PYTHON if block.text.startswith("#") and "\n{" in block.text]
    assert [next(iter(piece)) for piece in pieces] == ["cache_max_memory_mb", "database", "rate_limit_requests"]
    for piece in pieces:
        (folder / "piece.json").write_text(json.dumps(piece))
        read = read_settings(folder / "piece.json", {}, {})
        assert {path.partition(".")[0] for path in read.origins} == set(piece)


def test_every_variable_that_is_shown_counts() -> None:
    (block,) = blocks(PAGE, "bash")
    variables = dict(line.split("=", 1) for line in block.text.splitlines() if line and not line.startswith("#"))
    read = read_settings(None, variables, {})
    assert {origin.name for origin in read.origins.values()} == set(variables)
    assert unknown_variables(variables) == []


def test_every_variable_that_counts_without_its_prefix_is_named() -> None:
    named = plain(PAGE) + "".join(block.text for block in blocks(PAGE, "bash"))
    assert [name for name in BARE if name not in named] == []


@pytest.mark.parametrize("block", blocks(PAGE, "console"), ids=lambda block: str(block.line))
def test_commands_print_what_is_shown(folder: Path, block: Any) -> None:
    command, _, shown = block.text.removeprefix("$ ").partition("\n")
    code, printed = run(command, folder)
    assert code == ("doctor" in command)
    assert missing(shown, printed) == []
