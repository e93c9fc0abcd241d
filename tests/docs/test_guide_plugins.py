"""The page about plugins: each of its blocks runs, and what it says that tools answer they do."""

import asyncio
import json
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

from mcp_server.features.server import MCPServer
from mcp_server.plugins import Plugin, Workspace, load_plugins
from mcp_server.plugins.code import budget, coverage, desk, graph, metrics, names, outline, parsing, query, syntax
from mcp_server.plugins.paths import SKIPPED
from mcp_server.plugins.workspace import FILE_BYTES
from tests.docs.pages import DOCS, blocks, coded, rows
from tests.mcp_server.asking import ask, use

PAGE = DOCS / "guide" / "plugins.md"
TEXT = PAGE.read_text()


@pytest.fixture
def page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What the page defines, run in a small workspace."""
    (tmp_path / "main.py").write_text("import helper\n")
    (tmp_path / "helper.py").write_text("import main\n")
    monkeypatch.chdir(tmp_path)
    defined: dict[str, Any] = {"__name__": "docs_guide_plugins"}
    for block in blocks(PAGE, "python"):
        exec(compile("\n" * (block.line - 1) + block.text, str(PAGE), "exec"), defined)
    return defined


async def test_the_plugins_of_the_page_are_loaded_and_serve_its_folder(page: dict[str, Any]) -> None:
    enabled = json.loads(blocks(PAGE, "json")[0].text)["enabled_plugins"]
    assert (list(page["loaded"].plugins), page["loaded"].failures) == (enabled, {})
    answer = await use(page["server"], "python_imports", path="")
    assert answer["structuredContent"]["cycles"] == [["helper.py", "main.py", "helper.py"]]
    read = await ask(page["server"], "resources/read", {"uri": "workspace://main.py"})
    assert read["contents"][0]["text"] == "import helper\n"


async def test_each_language_has_the_tools_of_the_table(page: dict[str, Any]) -> None:
    told = {tool for row in rows(PAGE, "Tool") for tool in coded(row[0])}
    offered = {tool["name"] for tool in (await ask(page["server"], "tools/list"))["tools"]}
    assert offered == {
        "workspace_files",
        *(f"{language}_{tool}" for language in ("python", "js", "c") for tool in told),
    }


async def test_the_answer_that_is_shown_is_the_answer(page: dict[str, Any]) -> None:
    answer = await use(page["server"], page["call"]["name"], **page["call"]["arguments"])
    assert answer["structuredContent"] == json.loads(blocks(PAGE, "json")[1].text)


def test_the_failure_that_is_shown_is_the_failure() -> None:
    assert load_plugins(["pyhton_plugin"]).failures["pyhton_plugin"] in TEXT.replace("\n", " ")


async def test_changes_are_followed(page: dict[str, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    stop = asyncio.Event()
    following = asyncio.ensure_future(page["follow"](Workspace(tmp_path), stop))
    said = ""
    async with asyncio.timeout(30):
        while "new.py" not in said:
            (tmp_path / "new.py").write_text("x = 1\n")
            await asyncio.wait([following], timeout=0.1)
            said += capsys.readouterr().out
        stop.set()
        await following


async def test_the_plugin_of_the_page_can_be_installed(
    page: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (block,) = blocks(PAGE, "toml")
    ((group, entries),) = tomllib.loads(block.text)["project"]["entry-points"].items()
    about = tmp_path / "words-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: words\nVersion: 1.0\n")
    lines = "\n".join(f"{name} = {value}" for name, value in entries.items())
    (about / "entry_points.txt").write_text(f"[{group}]\n{lines}\n")
    imports = "from mcp_server import MCPServer\nfrom mcp_server.plugins import Workspace\n"
    (tmp_path / "words.py").write_text(imports + next(b.text for b in blocks(PAGE, "python") if "# words.py" in b.text))
    monkeypatch.syspath_prepend(tmp_path)
    loaded, server = load_plugins(entries), MCPServer("words")
    loaded.register(server)
    assert loaded.failures == {}
    assert isinstance(page["WordsPlugin"](), Plugin)
    assert (await use(server, "count_words", text="one two"))["structuredContent"] == 2


def test_the_bounds_that_are_told_are_the_bounds() -> None:
    (bounds,) = [dict(rows(PAGE, "Bound"))]
    files = graph.FILES, names.FILES
    listed = [outline.MOST, graph.IMPORTS, metrics.MOST, coverage.MOST, names.MOST, syntax.MOST, 1000]
    assert numbers(bounds["a file"]) == [
        FILE_BYTES // 2**20,
        parsing.DEPTH,
        budget.FILE_SECONDS,
        2 * budget.FILE_SECONDS,
    ]
    assert [numbers(bounds["a call that reads many files"])] * 2 == [[each, budget.FOLDER_SECONDS] for each in files]
    assert set(numbers(bounds["an answer"])) == set(listed)
    assert numbers(bounds["a query"]) == [query.QUERY_LENGTH, query.SECONDS, query.MEMORY // 2**30]
    assert numbers(bounds["at once"]) == [desk.SLOTS]


def test_the_folders_that_are_told_are_left_out() -> None:
    assert all(f"`{name}`" in TEXT for name in SKIPPED)


def numbers(text: str) -> list[int]:
    return [int(each.replace(",", "")) for each in re.findall(r"\d[\d,]*\b", text)]
