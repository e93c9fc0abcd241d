"""What the tests of the commands share."""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from mcp_server.cli import main
from tests.replay.live import ONE, TWO, Live


class Ran(NamedTuple):
    """What a command did."""

    code: int
    out: str
    err: str

    @property
    def lines(self) -> list[str]:
        return self.out.splitlines()


Run = Callable[..., Ran]

EVIL = "evil\x1b[31m\u202e=1+1"


def history() -> Live:
    """Two sessions; one is closed, the other has a call in flight."""
    live = Live()
    live.open(ONE, principal="alice", trace="a" * 32)
    live.initialize()
    live.flush()
    for id in (1, 2, 3, 4):
        live.now += 0.01
        live.call(id, "add" if id < 3 else "echo", a=1)
    live.flush()
    live.now += 0.2
    live.returned(1, b'{"content":[{"type":"text","text":"2"}]}')
    live.flush()
    live.failed(3)
    live.receive(b"{\x1b]0;title\x07")
    live.close()
    live.now += 60
    live.open(TWO, principal=EVIL)
    live.initialize(TWO)
    live.call("five", EVIL, TWO)
    return live


@pytest.fixture
def log(tmp_path: Path) -> Path:
    path = tmp_path / "var" / "events.db"
    path.parent.mkdir()
    history().write(path)
    return path


@pytest.fixture
def run(log: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs a command in the folder of the log."""
    monkeypatch.chdir(log.parent.parent)
    monkeypatch.delenv("MCP_STORE", raising=False)

    def run(*arguments: str) -> Ran:
        code = main(arguments)
        printed = capsys.readouterr()
        return Ran(code, printed.out, printed.err)

    return run
