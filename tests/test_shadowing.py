"""The names of the packages are generic: what happens where something else has one of them."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.children import COMMAND, LONG, running

NAMES = ("events", "operators", "pipeline", "adapters", "replay")


def stranger(folder: Path, name: str, kind: str) -> Path:
    """Something of the user's with one of our names; returns what the user would know it by."""
    if kind == "file":
        path = folder / f"{name}.py"
        path.write_text("mine = True\n")
        return path
    (folder / name).mkdir()
    path = folder / name / "__init__.py"
    path.write_text("mine = True\n")
    return path


def run(folder: Path, *command: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    environ = {key: value for key, value in os.environ.items() if key not in ("PYTHONPATH", "PYTHONSAFEPATH")}
    return subprocess.run(
        command, cwd=folder, env=environ | environment, capture_output=True, text=True, timeout=LONG, check=False
    )


def sentence(path: Path, name: str) -> str:
    return (
        f"{path} is in the way of mcp-rewind's own package {name!r}: rename it, or start mcp-rewind from another folder"
    )


@pytest.mark.parametrize("kind", ["file", "folder"])
@pytest.mark.parametrize("name", NAMES)
def test_the_module_says_in_one_line_what_is_in_the_way(tmp_path: Path, name: str, kind: str) -> None:
    path = stranger(tmp_path, name, kind)
    done = run(tmp_path, sys.executable, "-m", "mcp_server.server", "--help")
    assert done.returncode != 0
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1
    assert sentence(path, name) in done.stderr


@pytest.mark.parametrize("name", NAMES)
def test_an_import_fails_at_once_and_says_what_is_in_the_way(tmp_path: Path, name: str) -> None:
    path = stranger(tmp_path, name, "file")
    done = run(tmp_path, sys.executable, "-c", "import mcp_server")
    assert done.returncode != 0
    assert done.stderr.splitlines()[-1] == f"ImportError: {sentence(path, name)}"


def test_what_was_imported_before_is_in_the_way_too(tmp_path: Path) -> None:
    path = stranger(tmp_path, "events", "folder")
    done = run(
        tmp_path,
        sys.executable,
        "-P",
        "-c",
        f"import sys; sys.path.insert(0, {str(tmp_path)!r}); import events, mcp_server",
    )
    assert done.stderr.splitlines()[-1] == f"ImportError: {sentence(path, 'events')}"


def test_a_program_may_catch_it(tmp_path: Path) -> None:
    stranger(tmp_path, "events", "file")
    program = "try: import mcp_server\nexcept ImportError as error: print(error.name)"
    assert run(tmp_path, sys.executable, "-c", program).stdout == "mcp_server\n"


@pytest.mark.parametrize("kind", ["file", "folder"])
@pytest.mark.parametrize("name", NAMES)
def test_the_command_does_not_mind(tmp_path: Path, name: str, kind: str) -> None:
    stranger(tmp_path, name, kind)
    done = run(tmp_path, COMMAND, "--version")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("mcp-rewind ")


def test_nor_does_a_server_that_it_starts(tmp_path: Path) -> None:
    for name in NAMES:
        stranger(tmp_path, name, "file")
    with running(tmp_path) as child:
        assert child.port
        assert child.stop() == 0
        assert "Traceback" not in child.errors


def test_the_command_says_what_is_in_the_way_where_the_path_brings_it_in(tmp_path: Path) -> None:
    path = stranger(tmp_path, "events", "file")
    done = run(tmp_path, COMMAND, "--version", PYTHONPATH=str(tmp_path))
    assert done.returncode != 0
    assert done.stderr.splitlines()[-1] == f"ImportError: {sentence(path, 'events')}"


def test_the_users_server_is_not_served_from_such_a_folder(tmp_path: Path) -> None:
    path = stranger(tmp_path, "events", "file")
    (tmp_path / "mine.py").write_text("from mcp_server import MCPServer\nserver = MCPServer('mine')\n")
    done = run(tmp_path, COMMAND, "serve", "mine.py", "--port", "0", "--store", "memory:")
    assert done.returncode == 2
    assert done.stderr == (
        f"mcp-rewind: {path} is in the way: mcp-rewind brings a package events itself; rename yours and try again\n"
    )


def test_a_folder_of_data_is_in_nobodys_way(tmp_path: Path) -> None:
    (tmp_path / "events").mkdir()
    (tmp_path / "events" / "march.csv").write_text("a,b\n")
    done = run(tmp_path, sys.executable, "-c", "import mcp_server; print('fine')")
    assert (done.stdout, done.stderr) == ("fine\n", "")
