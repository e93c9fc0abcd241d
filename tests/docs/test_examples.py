"""The Python in the documentation runs: the blocks of a page in order, in one namespace, then the tests among them."""

import asyncio
import inspect
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from adapters.sqlite_log import open_sqlite_log
from adapters.sqlite_reader import SqliteReader
from mcp_server.config import load_settings
from mcp_server.features.server import MCPServer
from mcp_server.performance import ConnectionPool
from pipeline.log import Row
from tests.docs.pages import DOCS, PAGES, ROOT, blocks
from tests.mcp_server.asking import Heard, ask, text_of, use

WITH_PYTHON = [page for page in PAGES if blocks(page, "python") and page.parent.name != "guide"]
"""The guide's pages await at their top level, and have tests of their own."""


def execute(page: Path) -> dict[str, Any]:
    """Run the Python of a page; what it defined."""
    names: dict[str, Any] = {"__name__": f"docs_{page.stem}".replace("-", "_")}
    for block in blocks(page, "python"):
        code = "\n" * (block.line - 1) + block.text  # so that a traceback has the page's line numbers
        exec(compile(code, str(page), "exec"), names)
    return names


@pytest.mark.parametrize("page", WITH_PYTHON, ids=lambda page: page.stem)
def test_the_python_of_a_page_runs(page: Path) -> None:
    for name, test in execute(page).items():
        if name.startswith("test_"):
            outcome = test()
            if inspect.isawaitable(outcome):
                asyncio.run(_awaited(outcome))


async def _awaited(test: Any) -> None:
    await test


@pytest.mark.parametrize(("page", "tests"), [("operators", 3), ("adapters", 1)])
def test_the_worked_examples_bring_their_tests(page: str, tests: int) -> None:
    assert sum(name.startswith("test_") for name in execute(DOCS / f"{page}.md")) == tests


async def saved(server: MCPServer, file: Path) -> list[tuple[str, str]]:
    """What the tool ``save`` writes to a database."""
    async with ConnectionPool(url=f"sqlite:///{file}") as pool:
        answer = await ask(server, "tools/call", {"name": "save"}, database=pool)
        assert text_of(answer) == "saved 1"
    with closing(sqlite3.connect(file)) as database:
        return database.execute("SELECT name, body FROM notes").fetchall()


async def test_the_example_server_does_what_the_page_says(tmp_path: Path) -> None:
    server = execute(DOCS / "writing-a-server.md")["server"]
    assert text_of(await use(server, "keep", name="a", text=" one two ")) == "kept a"
    assert (await use(server, "count_words", name="a"))["structuredContent"] == 2
    assert text_of(await use(server, "count_words", name="b")) == "there is no note b; there are a"
    heard = Heard()
    await use(server, "read_aloud", heard=heard, name="a")
    assert [block["text"] for block in heard.chunks] == ["one", "two"]
    assert text_of(await use(server, "tidy", heard=heard)) == "1 notes, for alice"
    assert (heard.progressed, heard.logged) == ([(1.0, 1.0, "a")], [("info", "", {"tidied": 1})])
    assert await saved(server, tmp_path / "notes.db") == [("a", "one two")]
    assert (await ask(server, "resources/read", {"uri": "notes://a"}))["contents"][0]["text"] == "one two"
    prompt = await ask(server, "prompts/get", {"name": "shorten", "arguments": {"name": "a"}})
    assert prompt["messages"][0]["content"]["text"].startswith("Shorten this note to 20 words")
    reference = {"ref": {"type": "ref/prompt", "name": "shorten"}, "argument": {"name": "name", "value": "a"}}
    assert (await ask(server, "completion/complete", reference))["completion"]["values"] == ["a"]


async def test_a_backup_holds_what_the_log_held_while_a_server_writes(tmp_path: Path) -> None:
    log, copy = tmp_path / "events.db", tmp_path / "copy.db"
    async with open_sqlite_log(log) as writer:
        stored = asyncio.get_running_loop().create_future()
        writer.append([Row("01890a5d-ac96-774b-bcce-b302099a8057", 1, b"\x90")], stored.set_result)
        await stored
        execute(DOCS / "operating.md")["back_up"](str(log), str(copy))
    with SqliteReader(copy) as reader:
        assert reader.last() == 1
    with sqlite3.connect(copy) as database:
        assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    database.close()


def test_the_settings_that_are_shown_are_valid(tmp_path: Path) -> None:
    shown = blocks(DOCS / "operating.md", "json")
    assert shown
    for block in shown:
        file = tmp_path / "settings.json"
        file.write_text(block.text)
        assert load_settings(file, {}, {}).limits[0].burst == 40


def test_an_example_server_is_about_as_short_as_promised() -> None:
    (block,) = blocks(ROOT / "README.md", "python", "Your own server")
    assert len([line for line in block.text.splitlines() if line.strip()]) <= 16
