"""``mcp-rewind audit --hash`` and ``--error-id``, and what is wrong with asking for one."""

import io
import json
from pathlib import Path
from types import SimpleNamespace

import pytest

from adapters.keys import Keys, secret_in
from adapters.tags import Tags
from mcp_server.redaction import PURPOSE
from tests.mcp_server.cli.conftest import Run
from tests.replay.live import ONE, Live


@pytest.fixture
def key(log: Path) -> Keys:
    """The server's, beside its log."""
    return Keys(secret_in(log.with_name("events.db.key")))


@pytest.fixture
def held(tmp_path: Path, key: Keys) -> str:
    """A store in which a call and its result hold the tag of ``hunter2``."""
    path = tmp_path / "var" / "held.db"
    (tmp_path / "var" / "held.db.key").write_bytes((tmp_path / "var" / "events.db.key").read_bytes())
    (tmp_path / "var" / "held.db.key").chmod(0o600)
    tag = Tags(key.key(PURPOSE)).of(b"hunter2")
    live = Live()
    live.open(ONE)
    live.initialize()
    live.call(1, "echo", password=tag.decode())
    live.call(2, "echo", password="[redacted:hmac:00000000000000000000000000000000]")
    live.flush()
    live.returned(1, b'{"content":[{"type":"text","text":"%b"}]}' % tag)
    live.close()
    live.write(path)
    return f"sqlite:///{path}"


def found(run: Run, *arguments: str) -> list[tuple[str, int, str]]:
    lines = map(json.loads, run("audit", "--json", *arguments).lines)
    return [(row["event"], row["request"], row["name"]) for row in lines]


CALLS = [("RequestReceived", 1, "echo"), ("CallReturned", 1, "echo")]


def test_a_secret_is_found_by_its_value(run: Run, held: str) -> None:
    assert found(run, "--hash", "hunter2", "--store", held) == CALLS
    assert found(run, "--hash", "hunter3", "--store", held) == []
    assert found(run, "--hash", "hunter2", "--store", held, "--limit", "1") == CALLS[:1]
    assert found(run, "--hash", "Bearer x password=hunter2", "--store", held) == CALLS


def test_a_secret_may_come_from_the_input(run: Run, held: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", SimpleNamespace(buffer=io.BytesIO(b"hunter2\n")))
    assert found(run, "--hash", "-", "--store", held) == CALLS


def test_with_another_key_nothing_is_found(run: Run, held: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MCP_SECRET_KEY", "o" * 32)
    ran = run("audit", "--hash", "hunter2", "--store", held)
    assert (ran.code, ran.out.strip()) == (0, "no event holds it")


def test_the_key_is_asked_for_and_none_is_made(run: Run, log: Path) -> None:
    ran = run("audit", "--hash", "hunter2")
    assert ran.code == 2
    assert "events.db.key; set MCP_SECRET_KEY" in ran.err
    assert not log.with_name("events.db.key").exists()


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["--hash", "x", "--outcome", "ok"], "not together with conditions"),
        (["--hash", "x", "--follow"], "not together with conditions"),
        (["--hash", "x", "--error-id", "0" * 16], "not together"),
        (["--error-id", "abc"], "16 hexadecimal digits"),
        (["--hash", ""], "there is nothing to look for"),
        (["--hash", "x" * 70_000], "at most 65536 bytes"),
    ],
)
def test_a_question_that_makes_no_sense_is_refused(run: Run, arguments: list[str], problem: str) -> None:
    ran = run("audit", *arguments)
    assert ran.code == 2
    assert problem in ran.err


def test_a_store_that_is_not_there_is_told(run: Run) -> None:
    assert run("audit", "--hash", "x", "--store", "sqlite:///nowhere.db").code == 3
    assert not Path("nowhere.db.key").exists()
