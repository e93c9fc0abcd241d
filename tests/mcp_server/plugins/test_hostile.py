"""Files that are made to do harm cost a clear error, and bounded time and memory."""

import subprocess
import sys
from pathlib import Path

import pytest

from mcp_server.plugins.c import plugin as c_plugin
from mcp_server.plugins.code.budget import Budget
from mcp_server.plugins.code.names import references
from mcp_server.plugins.code.outline import outline
from mcp_server.plugins.code.parsing import EFFORT
from mcp_server.plugins.code.scopes import Binding, Scope
from mcp_server.plugins.code.tools import CodePlugin
from mcp_server.plugins.js import plugin as js_plugin
from mcp_server.plugins.python import plugin as python_plugin
from mcp_server.plugins.workspace import FILE_BYTES, Workspace
from tests.mcp_server.plugins.hostile import CASES
from tests.mcp_server.plugins.samples import JS, PYTHON, C, parsed, refused, serving, told

ROOT = Path(__file__).parents[3]
MOST = 640
"""MiB that reading a file may take: as much as the docs say, and a quarter more."""

plugins = pytest.mark.parametrize(
    ("plugin", "suffix"),
    [(python_plugin, ".py"), (js_plugin, ".js"), (c_plugin, ".c")],
    ids=["python", "js", "c"],
)
TOOLS = ("outline", "syntax_errors", "metrics", "imports", "doc_coverage")


@plugins
async def test_a_file_of_a_hundred_megabytes_is_refused_unread(plugin: CodePlugin, suffix: str, tmp_path: Path) -> None:
    with (tmp_path / f"huge{suffix}").open("wb") as file:
        file.truncate(100 * 1024 * 1024)
    server = serving(plugin, Workspace(tmp_path))
    for tool in TOOLS:
        said = await refused(server, f"{plugin.language.name}_{tool}", path=f"huge{suffix}")
        assert said == f"huge{suffix} has 104857600 bytes; at most 2097152 are read"


@plugins
async def test_a_binary_file_is_refused(plugin: CodePlugin, suffix: str, tmp_path: Path) -> None:
    (tmp_path / f"binary{suffix}").write_bytes(b"\x7fELF\2\1\1" + bytes(1000))
    server = serving(plugin, Workspace(tmp_path))
    for tool in TOOLS:
        assert "is binary" in await refused(server, f"{plugin.language.name}_{tool}", path=f"binary{suffix}")


@plugins
@pytest.mark.parametrize(("opening", "closing"), [("(", ")"), ("{", "}")])
async def test_a_file_of_ten_thousand_levels_is_refused(
    plugin: CodePlugin, suffix: str, opening: str, closing: str, tmp_path: Path
) -> None:
    (tmp_path / f"deep{suffix}").write_text(opening * 10_000 + "1" + closing * 10_000)
    server = serving(plugin, Workspace(tmp_path))
    for tool in TOOLS:
        said = await refused(server, f"{plugin.language.name}_{tool}", path=f"deep{suffix}")
        assert said == f"deep{suffix} is nested more than 2000 levels deep"


async def test_code_that_is_too_long_is_refused() -> None:
    said = await refused(serving(python_plugin), "python_outline", code="é" * (1024 * 1024 + 1))
    assert said == "the code has 2097154 bytes; at most 2097152 are read"


async def test_bytes_of_all_kinds_are_read_as_they_can_be(tmp_path: Path) -> None:
    (tmp_path / "odd.c").write_bytes(bytes(range(1, 256)) * 100)
    await told(serving(c_plugin, Workspace(tmp_path)), "c_syntax_errors", path="odd.c")


def memory(case: str, effort: int, size: int) -> tuple[int, str]:
    """The MiB that reading a hostile file takes in a process of its own, and what is said about it."""
    command = [sys.executable, "-m", "tests.mcp_server.plugins.hostile", case, str(effort), str(size)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=55, check=True, cwd=ROOT)
    taken, _, said = done.stdout.strip().partition("\t")
    return int(taken), said


@pytest.mark.parametrize("case", CASES)
def test_the_memory_for_a_hostile_file_is_bounded(case: str) -> None:
    taken, said = memory(case, EFFORT, FILE_BYTES)
    assert taken < MOST
    assert "too much syntax" in said or "took more than" in said


def test_without_the_bound_on_effort_the_memory_is_not_bounded() -> None:
    taken, _ = memory("lists", 10**9, FILE_BYTES // 2)
    assert taken > MOST


def test_places_in_one_long_line_are_found_without_reading_all_of_it() -> None:
    code = "/*é*/" + "f(a, b + c); " * 20_000
    found = parsed(JS, code)
    answer = references(JS, Budget(20.0), "a", found, None, None)
    assert len(answer.places) == 500
    assert answer.places[-1].column == 500 * len("f(a, b + c); ") - 5
    assert {len(place.text) <= 200 for place in answer.places} == {True}
    definitions = parsed(JS, "/*é*/" + "function f(a) { return a } " * 5000)
    assert len(outline(definitions, Budget(20.0)).symbols) == 5000


@pytest.mark.parametrize(
    "code",
    [
        "/*" + " " * 1_000_000 + "*/\nint x;",
        "/*" + "*" * 1_000_000 + "x*/\nint x;",
        "//" + "/" * 1_000_000 + "\nint x;",
        "// a comment\n" * 20_000 + "int " + "x," * 5000 + "y;",
        "\n" * 2_000_000 + "int x;",
    ],
    ids=["spaces", "stars", "slashes", "comments", "lines"],
)
def test_comments_and_lines_without_end_take_no_time_without_end(code: str) -> None:
    assert outline(parsed(C, code), Budget(20.0)).symbols


def test_a_name_used_very_often_very_deep_is_looked_up_in_time() -> None:
    code = "x = 1\n" + "(lambda: " * 300 + "[" + "x," * 100_000 + "]" + ")" * 300
    answer = references(PYTHON, Budget(30.0), "x", parsed(PYTHON, code), 0, None)
    assert len(answer.places) == 500
    scopes = [Scope("module", None)]
    for _ in range(2000):
        scopes.append(Scope("function", scopes[-1]))
    leaves = [Scope("function", scopes[-1]) for _ in range(20_000)]
    scopes[0].names["", "x"] = binding = Binding("variable", scopes[0])
    assert all(leaf.find(("", "x")) is binding for leaf in leaves)
