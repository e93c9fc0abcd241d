import json
import os
import socket
from pathlib import Path

import pytest

from tests.docs import terminal
from tests.mcp_server.cli.conftest import Run

FREE = ("--port", "0")


@pytest.fixture(autouse=True)
def alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """No settings in the environment but a test's own, and no port for metrics that another test may have."""
    for name in ("REDIS_URL", "DATABASE_URL", "LOG_FILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("MCP_METRICS_PORT", "0")


def test_a_machine_on_which_all_is_well(run: Run) -> None:
    code, out, err = run("doctor", *FREE, "--json")
    found = [json.loads(line) for line in out.splitlines()]
    assert (code, err) == (0, "")
    assert {each["status"] for each in found} <= {"ok", "warning"}
    checks = {"python", "sqlite", "packages", "environment", "settings", "descriptors", "port", "store", "lock", "disk"}
    assert checks | {"log_file", "folders", "redis", "postgresql"} == {each["check"] for each in found}


def test_what_is_wrong_is_told_with_what_to_do_and_the_exit_code_says_so(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REDIS_URL", "redis://:hunter2@127.0.0.1:1")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        code, out, _ = run("doctor", "--port", str(port), "--json")
    wrong = {row["check"]: row for row in map(json.loads, out.splitlines()) if row["status"] == "wrong"}
    assert code == 1
    assert set(wrong) == {"port", "redis"}
    assert f"is taken by process {os.getpid()}" in wrong["port"]["found"]
    assert all(row["remedy"] for row in wrong.values())
    assert "hunter2" not in out


def test_a_wrong_setting_is_a_finding_and_what_does_not_depend_on_it_is_looked_at(run: Run, tmp_path: Path) -> None:
    (tmp_path / "settings.json").write_text('{"prot": 1}')
    code, out, _ = run("doctor", "--config", str(tmp_path / "settings.json"))
    rows = [line.split("\t") for line in out.splitlines()]
    assert code == 1
    assert rows[0][:2] == ["settings", "wrong"]
    assert "did you mean 'port'?" in rows[0][2]
    assert [row[0] for row in rows[1:]] == ["python", "sqlite", "packages", "environment"]


def test_a_misspelt_variable_is_a_warning(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MCP_PROT", "1")
    code, out, _ = run("doctor", *FREE)
    assert code == 0
    assert "environment\twarning\tMCP_PROT: there is no setting 'prot': did you mean 'port'?" in out


def test_on_a_terminal_nothing_is_cut_off(tmp_path: Path) -> None:
    (tmp_path / "events.py").write_text("")
    command = "MCP_METRICS_PORT=0 mcp-rewind doctor --port 0 --config " + "long/" * 40 + "settings.json"
    code, shown = terminal.run(command, tmp_path)
    assert code == 1
    words = "".join(shown.split())
    assert "long/" * 40 + "settings.jsoncannotberead" in words
    assert "→renameit,orstarttheserverasmcp-rewindserve" in words
    assert shown.rstrip().endswith("1 thing wrong, 1 warning")
