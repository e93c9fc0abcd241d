import asyncio
import threading
from pathlib import Path
from typing import Any

import pytest

from mcp_server.features.server import MCPServer
from mcp_server.features.threads import Threads
from mcp_server.plugins.code import desk
from mcp_server.plugins.code.budget import Budget
from mcp_server.plugins.code.desk import Desk
from mcp_server.plugins.code.tools import CodePlugin
from mcp_server.plugins.js import plugin as js_plugin
from mcp_server.plugins.python import plugin as python_plugin
from mcp_server.plugins.workspace import Workspace
from tests.mcp_server.asking import NEW, OLD, ask, text_of, use
from tests.mcp_server.plugins.samples import LANGUAGES, PYTHON, refused, serving, told

CODE = {
    "python": "def f(a):\n    return g(a)\n",
    "js": "function f(a) { return g(a) }\n",
    "c": "int f(int a) { return g(a); }\n",
}
plugins = pytest.mark.parametrize("plugin", list(map(CodePlugin, LANGUAGES)), ids=lambda plugin: plugin.name)


@plugins
@pytest.mark.parametrize("version", [NEW, OLD])
async def test_the_tools_are_read_only_and_describe_what_they_take_and_give(plugin: CodePlugin, version: str) -> None:
    for tool in (await ask(serving(plugin), "tools/list", version=version))["tools"]:
        assert tool["annotations"] == {"readOnlyHint": True, "idempotentHint": True, "openWorldHint": False}
        assert tool["description"]
        assert tool["title"]
        assert {"path", "code"} <= tool["inputSchema"]["properties"].keys()
        assert all(each.get("description") for each in tool["inputSchema"]["properties"].values())
        assert tool["outputSchema"]["type"] == "object"


@plugins
async def test_each_tool_answers_code_and_a_file_alike(plugin: CodePlugin, tmp_path: Path) -> None:
    language = plugin.language
    path, code = f"a{language.suffixes[0]}", CODE[language.name]
    (tmp_path / path).write_text(code)
    server = serving(plugin, Workspace(tmp_path))
    more: dict[str, dict[str, Any]] = {
        "query": {"query": "(identifier) @n"},
        "definition": {"line": 1, "column": code.index("f(") + 1},
        "references": {"line": 1, "column": code.index("f(") + 1, "everywhere": False},
    }
    for tool in ("outline", "syntax_errors", "metrics", "doc_coverage", "query", "definition", "references", "imports"):
        arguments: dict[str, Any] = more.get(tool, {})
        by_path = await told(server, f"{language.name}_{tool}", path=path, **arguments)
        by_code = await told(server, f"{language.name}_{tool}", code=code, **arguments)
        assert str(by_path).replace(f"'{path}'", "''") == str(by_code)


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ({}, "give either path or code"),
        ({"path": "a.py", "code": "x"}, "give either path or code"),
        ({"path": "b.py"}, "there is no file b.py"),
        ({"path": "../a.py"}, "../a.py is not served"),
        ({"path": "a.js"}, "a.js is no Python file: those end in .py, .pyi"),
        ({"path": 3}, "arguments.path"),
    ],
)
async def test_what_cannot_be_read_is_told_why(arguments: dict[str, object], reason: str, tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("x = 1")
    assert reason in await refused(serving(python_plugin, Workspace(tmp_path)), "python_outline", **arguments)


async def test_without_a_workspace_there_are_no_paths() -> None:
    assert "this server has no workspace" in await refused(serving(python_plugin), "python_outline", path="a.py")


async def test_a_file_in_a_declared_encoding_is_read_in_it(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_bytes("# -*- coding: koi8-r -*-\nимя = 1\n".encode("koi8-r"))
    (tmp_path / "b.py").write_bytes(b"# -*- coding: none-such -*-\nname = '\xe9'\n")
    server = serving(python_plugin, Workspace(tmp_path))
    assert (await told(server, "python_outline", path="a.py"))["symbols"][0]["name"] == "имя"
    assert (await told(server, "python_outline", path="b.py"))["symbols"][0]["signature"] == "name = 'é'"


async def test_a_query_too_long_is_refused() -> None:
    assert "arguments.query" in await refused(serving(python_plugin), "python_query", code="x", query="(" * 4097)


async def test_what_cannot_be_begun_in_time_is_told_so_and_takes_no_thread_of_other_tools(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(desk, "_threads", Threads(1))
    gate, begun = threading.Event(), asyncio.Event()
    loop = asyncio.get_running_loop()

    def stay() -> None:
        loop.call_soon_threadsafe(begun.set)
        gate.wait(60)

    server = MCPServer("test", threads=1)
    js_plugin.register(server, None)

    @server.tool
    def other() -> str:
        """Run in a thread of the server."""
        return "served"

    busy = asyncio.ensure_future(Desk(PYTHON, None).work(Budget(60.0), stay))
    try:
        await begun.wait()
        with monkeypatch.context() as patch:
            patch.setattr("mcp_server.plugins.code.tools._budget", lambda _: Budget(0.0))
            waiting = [asyncio.ensure_future(refused(server, "js_outline", code="x")) for _ in range(20)]
            assert text_of(await use(server, "other")) == "served"
            assert not any(each.done() for each in waiting)
    finally:
        gate.set()
    await busy
    said = await asyncio.gather(*waiting)
    assert set(said) == {"the server is busy with other source code; try again"}
    assert (await told(server, "js_outline", code="let x"))["symbols"][0]["name"] == "x"


async def test_the_time_of_a_call_begins_with_its_turn() -> None:
    budget = Budget(1000.0)
    budget._late -= 900.0  # so long it waited
    assert budget.left() <= 100.0
    assert await Desk(PYTHON, None).work(budget, budget.left) > 500.0


async def test_only_so_many_files_are_worked_on_at_once() -> None:
    here, gate, begun = Desk(PYTHON, None), threading.Event(), threading.Semaphore(0)

    def stay() -> None:
        begun.release()
        gate.wait(60)

    try:
        calls = [asyncio.ensure_future(here.work(Budget(60.0), stay)) for _ in range(3 * desk.SLOTS)]
        for _ in range(desk.SLOTS):
            assert await asyncio.to_thread(begun.acquire, timeout=30)
        assert not await asyncio.to_thread(begun.acquire, timeout=0.1)
    finally:
        gate.set()
    await asyncio.gather(*calls)


async def test_many_calls_at_once_are_all_answered() -> None:
    server = serving(python_plugin)
    calls = (told(server, "python_outline", code=f"def f{number}(): pass\n" * 50) for number in range(20))
    answers = await asyncio.gather(*calls)
    assert [answer["symbols"][0]["name"] for answer in answers] == [f"f{number}" for number in range(20)]


async def test_a_call_that_nobody_waits_for_stops(monkeypatch: pytest.MonkeyPatch) -> None:
    server = serving(python_plugin)
    stopped = threading.Event()
    begun = threading.Event()
    loop = asyncio.get_running_loop()

    class Watched(Budget):
        def spent(self) -> bool:
            begun.set()
            if super().spent():
                stopped.set()
                return True
            return False

    monkeypatch.setattr("mcp_server.plugins.code.tools.Budget", Watched)
    monkeypatch.setattr(Watched, "part", lambda self, _seconds: self)
    call = asyncio.ensure_future(refused(server, "python_outline", code="x = [1, 2, 3]\n" * 30_000))
    await loop.run_in_executor(None, begun.wait, 30)
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    assert await loop.run_in_executor(None, stopped.wait, 30)


def test_a_tool_can_be_registered_once_for_each_server() -> None:
    server = MCPServer("test")
    python_plugin.register(server, None)
    with pytest.raises(TypeError, match="there is a tool python_outline already"):
        python_plugin.register(server, None)
