"""``mcp-rewind demo``: everything that it promises is in the recording, and the replay agrees."""

import json
from pathlib import Path

import pytest

from tests.mcp_server.cli.conftest import Run


def test_the_demonstration_ends_well_and_tells_what_it_does(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MCP_PORT", "not a number")  # settings of the user's server are not the demonstration's
    code, out, err = run("demo")
    assert (code, err) == (0, "")
    for word in ("part: 4", "2 answered" if "2 answered" in out else "throttled", "every decision came out the same"):
        assert word in out


def test_its_store_can_be_kept_and_looked_at(run: Run, tmp_path: Path) -> None:
    rows = [json.loads(line) for line in run("demo", "--keep", str(tmp_path / "kept"), "--json").lines]
    assert rows[-1]["holds"] is True
    outcomes = {row.get("outcome") for row in rows}
    assert {"ok", "tool error", "cached", "throttled", "cancelled"} <= outcomes
    store = f"sqlite:///{tmp_path}/kept/events.db"
    assert run("replay", "last", "--store", store).code == 0
    assert run("replay", "last", "--rerun", "--store", store).code == 0
    again = run("demo", "--keep", str(tmp_path / "kept"))
    assert again.code == 2
    assert "has a store already" in again.err
