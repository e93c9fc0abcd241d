import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from mcp_server.features.server import MCPServer
from mcp_server.loader import LoadError, load
from tests.mcp_server.asking import text_of, use

SERVER = 'from mcp_server import MCPServer\n{name} = MCPServer("{name}")\n'


@pytest.fixture(autouse=True)
def untouched() -> Iterator[None]:
    """What is loaded leaves no trace for the next test."""
    path, modules = list(sys.path), set(sys.modules)
    yield
    sys.path[:] = path
    for name in set(sys.modules) - modules:
        del sys.modules[name]


def write(folder: Path, name: str, text: str) -> str:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return str(path)


def test_a_file_gives_the_one_server_in_it(tmp_path: Path) -> None:
    file = write(tmp_path, "one.py", SERVER.format(name="anything") + "same = anything\n")
    assert load(file).name == "anything"
    assert sys.path[-1] == str(tmp_path)


def test_an_attribute_says_which_server(tmp_path: Path) -> None:
    file = write(tmp_path, "two.py", SERVER.format(name="first") + SERVER.format(name="second"))
    with pytest.raises(LoadError, match=r"two\.py has several servers \(first, second\); say which: .*two\.py:first"):
        load(file)
    assert load(f"{file}:second").name == "second"
    with pytest.raises(LoadError, match=r"two\.py has no third; there is first, second"):
        load(f"{file}:third")
    with pytest.raises(LoadError, match=r"MCPServer in .* is no MCPServer but of type type; there is first"):
        load(f"{file}:MCPServer")


def test_a_module_is_found_from_the_current_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, "shop/__init__.py", "")
    write(tmp_path, "shop/desk.py", SERVER.format(name="desk") + "class Holder:\n    inner = desk\n")
    monkeypatch.chdir(tmp_path)
    assert load("shop.desk").name == "desk"
    assert load("shop.desk:desk") is load("shop.desk:Holder.inner")
    with pytest.raises(LoadError, match=r"there is no module shop\.window here or among the installed packages"):
        load("shop.window")


def test_a_file_may_import_its_neighbours(tmp_path: Path) -> None:
    write(tmp_path, "neighbour.py", "NAME = 'next door'\n")
    file = write(
        tmp_path, "house.py", "import neighbour\nfrom mcp_server import MCPServer\ns = MCPServer(neighbour.NAME)\n"
    )
    assert load(file).name == "next door"


def test_a_file_named_like_a_module_replaces_nothing(tmp_path: Path) -> None:
    import json

    file = write(tmp_path, "json.py", SERVER.format(name="mine"))
    assert load(file).name == "mine"
    assert sys.modules["json"] is json


async def test_annotations_may_be_written_as_text(tmp_path: Path) -> None:
    text = """
from __future__ import annotations

from dataclasses import dataclass

from mcp_server import MCPServer

server = MCPServer("later")


@dataclass
class Box:
    side: int


@server.tool
def area(box: Box) -> int:
    return box.side**2
"""
    file = write(tmp_path, "later.py", text)
    assert text_of(await use(load(file), "area", box={"side": 3})) == "9"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("def f():\n    return 1 / 0\nf()\n", "ZeroDivisionError: division by zero"),
        ("def f(:\n", "SyntaxError"),
        ("import not_there_at_all\n", "No module named 'not_there_at_all'"),
        ("raise SystemExit('no')\n", "SystemExit: no"),
        (
            "from mcp_server import MCPServer\ns = MCPServer('s')\n@s.tool\ndef f(a: complex) -> None: ...\n",
            "tool f: the parameter a has a type without a JSON form",
        ),
    ],
)
def test_what_is_wrong_with_a_file_is_told(tmp_path: Path, text: str, told: str) -> None:
    with pytest.raises(LoadError, match=re.escape(told)):
        load(write(tmp_path, "broken.py", text))
    assert "broken" not in sys.modules


def test_a_file_without_a_server_says_how_to_make_one(tmp_path: Path) -> None:
    told = r"has no MCPServer at its top level; make one: server = MCPServer\('my-server'\)"
    with pytest.raises(LoadError, match=told):
        load(write(tmp_path, "empty.py", ""))


def test_an_error_shows_the_users_lines_and_no_others(tmp_path: Path) -> None:
    file = write(tmp_path, "broken.py", "def divide():\n    return 1 / 0\n\ndivide()\n")
    with pytest.raises(LoadError) as failed:
        load(file)
    lines = str(failed.value).splitlines()
    assert lines[0] == f"{file} could not be loaded"
    assert [line.strip() for line in lines if "File" in line] == [
        f'File "{file}", line 4, in <module>',
        f'File "{file}", line 2, in divide',
    ]
    assert lines[-1] == "ZeroDivisionError: division by zero"


@pytest.mark.parametrize("name", ["events.py", "replay.py", "adapters/__init__.py", "pipeline/steps.py"])
def test_a_file_with_one_of_our_names_is_in_the_way(tmp_path: Path, name: str) -> None:
    write(tmp_path, name, "")
    file = write(tmp_path, "mine.py", SERVER.format(name="mine"))
    taken = Path(name).parts[0].removesuffix(".py")
    with pytest.raises(LoadError) as refused:
        load(file)
    assert str(refused.value) == (
        f"{tmp_path / Path(name).parts[0]} is in the way: mcp-rewind brings a package {taken} itself; "
        "rename yours and try again"
    )


def test_a_folder_of_data_is_in_nobodys_way(tmp_path: Path) -> None:
    write(tmp_path, "events/march.csv", "a,b\n")
    assert load(write(tmp_path, "mine.py", SERVER.format(name="mine"))).name == "mine"


@pytest.mark.parametrize(
    ("target", "told"),
    [
        ("nowhere/at_all.py", "there is no file"),
        ("nowhere/at_all.py:server", "there is no file"),
        ("not a module", "'not a module' is neither a file that ends in .py nor the name of a module"),
        ("", "'' is neither a file"),
        ("examples/hello.txt", "is neither a file"),
        ("no_such_module_here:server", "there is no module no_such_module_here"),
    ],
)
def test_what_is_not_there_is_told(target: str, told: str) -> None:
    with pytest.raises(LoadError, match=re.escape(told)):
        load(target)


def test_the_built_in_server_is_a_module_like_any_other() -> None:
    assert isinstance(load("mcp_server.builtin"), MCPServer)


def test_an_error_inside_a_module_is_told_as_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, "shaky.py", "import not_there_at_all\n")
    write(tmp_path, "broken.py", "1 / 0\n")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(LoadError, match=r"shaky could not be loaded(?s:.*)No module named 'not_there_at_all'"):
        load("shaky")
    with pytest.raises(LoadError, match=r"broken could not be loaded(?s:.*)ZeroDivisionError"):
        load("broken:server")
