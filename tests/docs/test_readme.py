"""The README's tour, and its example, run as they stand."""

import json
import shlex
import shutil
import socket
import subprocess
import sys
import textwrap
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.docs.pages import ROOT, blocks
from tests.docs.terminal import environment, missing, run

README = ROOT / "README.md"

CURL = f"""#!{sys.executable}
import argparse, urllib.request
parser = argparse.ArgumentParser()
parser.add_argument("-s", action="store_true")
parser.add_argument("-H", action="append", default=[])
parser.add_argument("-d")
parser.add_argument("url")
given = parser.parse_args()
headers = dict(header.split(": ", 1) for header in given.H)
print(urllib.request.urlopen(urllib.request.Request(given.url, given.d.encode(), headers)).read().decode(), end="")
"""


class Command(NamedTuple):
    """A command of the tour, and what the page shows of its output."""

    text: str
    shown: str


def tour() -> list[Command]:
    return [
        command for block in blocks(README, "console", "A tour in five minutes") for command in commands(block.text)
    ]


def commands(text: str) -> Iterator[Command]:
    """The commands in a block: each begins with a dollar sign and goes on while it is not complete."""
    lines = text.splitlines()
    while lines:
        command = lines.pop(0).removeprefix("$ ")
        while not complete(command):
            command += "\n" + lines.pop(0)
        shown = []
        while lines and not lines[0].startswith("$ "):
            shown.append(lines.pop(0))
        yield Command(command, "\n".join(shown))


def complete(command: str) -> bool:
    try:
        shlex.split(command)
    except ValueError:
        return False
    return not command.endswith("\\")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder, and a curl for machines that have none."""
    if shutil.which("curl") is None:
        curl = tmp_path / "bin" / "curl"
        curl.parent.mkdir()
        curl.write_text(CURL)
        curl.chmod(0o755)
        monkeypatch.setenv("PATH", str(curl.parent), prepend=":")
    folder = tmp_path / "tour"
    folder.mkdir()
    return folder


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


def until_healthy(port: int) -> None:
    late = time.monotonic() + 30
    while True:
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=5).close()
        except OSError:
            assert time.monotonic() < late, "the server did not start"
            time.sleep(0.05)
        else:
            return


def through_the_tour(folder: Path) -> Iterator[tuple[Command, str]]:
    """Each command with its output; a server is left running until the end."""
    port, server = free_port(), None
    output = folder.parent / "server.txt"
    try:
        for command in tour():
            text = command.text.replace(":8080", f":{port}")
            if text == "mcp-rewind serve":
                with output.open("w") as sink:
                    server = subprocess.Popen(
                        ["mcp-rewind", "serve", "--port", str(port)],
                        cwd=folder,
                        env=environment(),
                        stdout=sink,
                        stderr=subprocess.DEVNULL,
                    )
                until_healthy(port)
                yield command, output.read_text()
                continue
            code, printed = run(text, folder)
            assert code == 0, f"{text} ended {code}:\n{printed}"
            yield command, printed
    finally:
        if server is not None:
            server.terminate()
            assert server.wait(30) == 0


@pytest.mark.timeout(180)
def test_the_tour_runs_as_it_is_shown(folder: Path) -> None:
    done = []
    for command, printed in through_the_tour(folder):
        lost = missing(command.shown, printed)
        assert not lost, f"{command.text} does not print {lost}, but\n{printed}"
        done.append(" ".join(shlex.split(command.text)[:2]))
    assert done == [
        "mcp-rewind demo",
        "mcp-rewind serve",
        "curl -s",
        "mcp-rewind sessions",
        "mcp-rewind show",
        "mcp-rewind replay",
        "mcp-rewind audit",
    ]


@pytest.mark.timeout(120)
def test_your_own_server_can_be_served_and_called(tmp_path: Path) -> None:
    (block,) = blocks(README, "python", "Your own server")
    (tmp_path / "greeter.py").write_text(block.text)
    hello = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "readme", "version": "1"}}
    call = {"name": "greet", "arguments": {"name": "Ada"}}
    spell = {"name": "spell", "arguments": {"word": "hi"}, "_meta": {"progressToken": 3}}
    asked = [
        {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": hello},
        {"jsonrpc": "2.0", "id": 2, "method": "tools/call", "params": call},
        {"jsonrpc": "2.0", "id": 3, "method": "tools/call", "params": spell},
    ]
    done = subprocess.run(
        ["mcp-rewind", "serve", "greeter.py", "--transport", "stdio"],
        input="".join(json.dumps(each) + "\n" for each in asked),
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env=environment(),
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    frames = [json.loads(line) for line in done.stdout.splitlines()]
    results = {frame["id"]: frame["result"] for frame in frames if "id" in frame}
    parts = [frame["params"]["message"] for frame in frames if "method" in frame]
    assert results[2]["content"] == [{"type": "text", "text": "Hello, Ada!"}]
    assert parts == ["H", "I"]


def test_a_block_is_taken_apart_into_commands() -> None:
    text = """\
    $ one 'two
    three' \\
        four
    printed
    $ five
    """
    assert list(commands(textwrap.dedent(text))) == [
        Command("one 'two\nthree' \\\n    four", "printed"),
        Command("five", ""),
    ]


@pytest.mark.parametrize(
    ("shown", "printed", "lost"),
    [
        ("a 1.5 b", "a  2,000 b", []),
        ("a ... z", "a whatever z", []),
        ("at 2026-11-23T01:34:29.639Z", "at 2027-01-01T00:00:00.000Z", []),
        ("one\ntwo", "two\none", ["two"]),
        ("a 1", "a one", ["a 1"]),
    ],
)
def test_what_varies_may_differ_and_what_does_not_must_be_there(shown: str, printed: str, lost: list[str]) -> None:
    assert missing(shown, printed) == lost
