"""``mcp-rewind show`` and ``mcp-rewind sessions``."""

import json
import re

import pytest
from rich.cells import cell_len

from tests.mcp_server.cli.conftest import EVIL, Run
from tests.replay.live import ONE, TWO, Live

STYLE = re.compile(r"\x1b\[[0-9;]*m")


def test_a_timeline_is_one_line_an_event(run: Run) -> None:
    ran = run("show", ONE)
    assert ran.code == 0
    cells = [line.split("\t") for line in ran.lines]
    assert cells[0][:3] == ["1.0", "0.0", "● SessionOpened"]
    assert any(row[3:6] == ["1", "tools/call add", "ok"] for row in cells)
    assert any(row[5] == "throttled" for row in cells)


def test_recorded_text_cannot_act_on_a_terminal(run: Run) -> None:
    for arguments in (["show", "last"], ["show", ONE, "--frames"], ["sessions"], ["audit"], ["audit", "--csv"]):
        assert "\x1b" not in run(*arguments).out
        assert "\u202e" not in run(*arguments, "--store", "sqlite:///var/events.db").out


def test_a_table_is_as_wide_as_the_terminal(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    monkeypatch.setenv("TERM", "xterm")
    for width in (60, 80, 200):
        monkeypatch.setenv("COLUMNS", str(width))
        for command, heading in ((["show", ONE], "position"), (["audit"], "time"), (["sessions"], "session")):
            lines = [STYLE.sub("", line) for line in run(*command).lines]
            assert max(map(cell_len, lines)) <= width
            assert lines[0].startswith(heading)


def test_json_has_one_object_a_line_with_the_raw_texts(run: Run) -> None:
    rows = [json.loads(line) for line in run("show", "last", "--json", "--frames").lines]
    assert {row["session"] for row in rows} == {TWO}
    call = next(row for row in rows if row["request"] == "five")
    assert call["name"] == EVIL
    assert json.loads(call["frame"])["params"]["name"] == EVIL
    assert (call["kind"], call["event"], call["position"]) == (
        "fact",
        "RequestReceived",
        rows[rows.index(call)]["position"],
    )


def test_frames_are_clipped_unless_asked_for_in_full(run: Run) -> None:
    clipped, full = run("show", ONE, "--frames").out, run("show", ONE, "--frames", "--full").out
    assert "more)" in clipped
    assert "more)" not in full
    assert '"text":"2"' in full


def test_beside_its_frames_an_event_has_its_time_too_also_at_the_very_beginning(run: Run) -> None:
    lines = run("show", ONE, "--frames").lines
    assert lines[0] == "1.0  0.0  ● SessionOpened"
    assert lines[1].startswith("1.1  0.0  ● RequestReceived  initialize")


def test_the_session_at_a_position_has_its_requests_in_flight(run: Run) -> None:
    ran = run("show", ONE, "--at", "2")
    assert "3 requests in flight" in ran.out
    assert run("show", "last", "--at", run("show", "last").lines[-1].split("\t")[0]).lines[-1].startswith("five\t")
    flights = [
        row for line in run("show", ONE, "--at", "2", "--json").lines if (row := json.loads(line)).get("in_flight")
    ]
    assert [row["request"] for row in flights] == [1, 2, 3]


def test_sessions_come_newest_first(run: Run) -> None:
    ran = run("sessions", "--json")
    rows = [json.loads(line) for line in ran.lines]
    assert [row["session"] for row in rows] == [TWO, ONE]
    assert (rows[1]["requests"], rows[1]["errors"], rows[1]["closed"] is None) == (6, 3, False)
    assert (rows[0]["principal"], rows[0]["closed"]) == (EVIL, None)
    assert [line.split("\t")[0] for line in run("sessions", "--limit", "1").lines] == [TWO]


def test_an_empty_log_teaches_how_to_begin(run: Run, tmp_path: object) -> None:
    Live().write(tmp_path / "empty.db")  # type: ignore[operator]
    store = f"sqlite:///{tmp_path}/empty.db"
    for command in (["sessions"], ["audit"], ["replay", "--all"]):
        code, out, _ = run(*command, "--store", store)
        assert code == 0
        assert "mcp-rewind serve" in out
    assert run("show", "last", "--store", store).code == 2
