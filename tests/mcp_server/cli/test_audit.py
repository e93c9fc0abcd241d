"""``mcp-rewind audit``: filters, forms of output, and a view that keeps up."""

import csv
import fcntl
import io
import json
import subprocess
import threading
import time
from pathlib import Path

import pytest

from adapters.audit_projector import _lock_path, is_running, start_projector
from adapters.audit_schema import view_path
from adapters.audit_view import AuditView
from adapters.sqlite_reader import SqliteReader
from adapters.sqlite_writer import Store
from events.record import TOPIC
from operators.access import AccessRule, What
from operators.policy import Policy
from tests.docs import terminal
from tests.mcp_server.cli.conftest import EVIL, Run, history
from tests.mcp_server.cli.test_main import COMMAND
from tests.replay.live import ONE, TWO, Live


def names(run: Run, *arguments: str) -> list[str]:
    return [row["name"] or row["method"] for row in map(json.loads, run("audit", "--json", *arguments).lines)]


@pytest.mark.parametrize(
    ("arguments", "found"),
    [
        (["--principal", "alice", "--method", "initialize"], ["initialize"]),
        (["--session", "last"], [EVIL, "initialize"]),
        (["--name", "add"], ["add", "add"]),
        (["tool=add", "outcome=ok"], ["add"]),
        (["--outcome", "throttled"], ["echo"]),
        (["--outcome", "error"], ["echo"]),
        (["--outcome", "rejected"], ["(malformed)"]),
        (["--outcome", "denied"], []),
        (["--outcome", "pending"], [EVIL]),
        (["--min-latency", "200ms"], ["echo", "add", "add"]),
        (["latency>=0.215s"], ["add", "add"]),
        (["--since", "2023-11-14T22:14:00Z"], [EVIL, "initialize"]),
        (["--until", "2023-11-14T22:13:20.005Z"], ["initialize"]),
        (["--since", "-2h"], []),
        (["--limit", "1"], [EVIL]),
    ],
)
def test_every_filter_leaves_what_it_says(run: Run, arguments: list[str], found: list[str]) -> None:
    assert names(run, *arguments) == found


def test_each_call_is_told_with_all_that_is_known(run: Run) -> None:
    (row,) = map(json.loads, run("audit", "--json", "--outcome", "error").lines)
    assert row | {"session": ONE, "principal": "alice", "transport": "websocket", "client": "tester 1"} == row
    assert row | {"method": "tools/call", "name": "echo", "request": "3", "code": -32602, "trace": "a" * 32} == row
    assert row["latency_ms"] == pytest.approx(210.0)
    assert row["bytes_in"] > 50
    assert row["position"].startswith("2.")


def test_a_spreadsheet_has_a_heading_and_no_formula(run: Run) -> None:
    rows = list(csv.DictReader(io.StringIO(run("audit", "--csv").out)))
    assert len(rows) == 8
    assert rows[0]["name"] == "evil\\x1b[31m\\u202e=1+1"
    assert not any(cell.startswith(("=", "+", "@")) for row in rows for cell in row.values())


def test_nothing_found_says_so(run: Run) -> None:
    assert "no request fits" in run("audit", "--name", "none").out
    assert run("audit", "--name", "none", "--json").out == ""


def test_the_view_follows_what_is_written_later(run: Run, log: Path) -> None:
    assert len(names(run)) == 8
    more = Live()
    more.open(ONE.replace("0001", "0003"))
    more.initialize(ONE.replace("0001", "0003"))
    store = Store(log)
    store.add([[(record.session, record.version, TOPIC, record.state)] for record in more.reader().records()])
    store.close()
    assert len(names(run)) == 9


def test_a_view_is_rebuilt_from_the_log(run: Run, log: Path) -> None:
    before = run("audit", "--json").out
    view_path(log).write_bytes(b"")
    assert run("audit", "--rebuild", "--json").out == before


def test_a_view_that_someone_else_builds_is_waited_for_and_not_for_long(
    run: Run, log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run("audit")
    monkeypatch.setattr("mcp_server.cli.view.PATIENCE", 0.1)
    with SqliteReader(log) as reader, AuditView(view_path(log), reader) as view:
        view.rebuild()
        with view.alone():
            ran = run("audit")
    assert ran.code == 0
    assert "the audit is still being built" in ran.err
    assert "records behind" in ran.err


def test_what_a_projector_does_not_come_to_is_done_without_it(
    run: Run, log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mcp_server.cli.view.PATIENCE", 0.1)
    with _lock_path(view_path(log)).open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        assert is_running(view_path(log))
        ran = run("audit", "--json")
    assert ran.code == 0
    assert len(ran.lines) == 8
    assert ran.err == ""


def test_a_projector_is_left_to_do_its_work(run: Run, log: Path) -> None:
    projector = start_projector(log)
    try:
        late = time.monotonic() + 20
        while projector.lag() and time.monotonic() < late:
            time.sleep(0.02)
        assert len(names(run)) == 8
        assert len(names(run, "--rebuild")) == 8
        assert projector.alive
    finally:
        projector.stop()


def test_following_shows_each_call_when_it_has_ended(log: Path) -> None:
    live = history()
    written = live.reader().last()
    command = [*COMMAND, "audit", "--follow", "--json", "--store", f"sqlite:///{log}"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        timer = threading.Timer(30, process.kill)
        timer.start()
        shown = [json.loads(process.stdout.readline())["name"] for _ in range(7)]
        assert EVIL not in shown
        live.returned("five", session=TWO)
        live.call("six", "echo", TWO)
        live.failed("six", TWO)
        store = Store(log)
        for record in live.reader().records(after=written):
            store.add([[(record.session, record.version, TOPIC, record.state)]])
        store.close()
        later = [json.loads(process.stdout.readline()) for _ in range(2)]
        timer.cancel()
        process.kill()
    assert [(row["name"], row["outcome"]) for row in later] == [(EVIL, "ok"), ("echo", "error")]


def ruled(path: Path) -> str:
    """A log of a server with rules, as its URL: one call that they deny, and one that they allow."""
    live = Live(Policy(access=(AccessRule(what=What("tools/call", "delete"), allow=False, name="no-deleting"),)))
    live.open(ONE, principal="alice")
    live.initialize()
    live.call(1, "delete")
    live.request(2, "tools/list")
    live.returned(2, b"{}")
    live.close()
    live.write(path)
    return f"sqlite:///{path}"


def test_what_was_denied_is_told_with_the_rule_that_decided(run: Run, tmp_path: Path) -> None:
    store = ruled(tmp_path / "ruled.db")
    rows = list(map(json.loads, run("audit", "--json", "--store", store).lines))
    assert [(row["method"], row["outcome"], row["rule"]) for row in rows] == [
        ("tools/list", "ok", "open"),
        ("tools/call", "denied", "no-deleting"),
        ("initialize", "ok", "open"),
    ]
    (denied,) = run("audit", "--outcome", "denied", "--store", store).lines
    assert denied.split("\t")[-1] == "no-deleting"
    code, shown = terminal.run(f"mcp-rewind audit --outcome denied --store {store}", tmp_path)
    heading, _, row = shown.splitlines()
    assert (code, "rule" in heading.split(), "no-deleting" in row.split()) == (0, True, True)
    assert "rule" not in terminal.run(f"mcp-rewind audit --store {store}", tmp_path)[1].split()


def test_a_timeline_tells_the_rule_and_another_table_is_tried_on_the_recording(run: Run, tmp_path: Path) -> None:
    store = ruled(tmp_path / "ruled.db")
    assert any("denied by no-deleting" in line for line in run("show", "last", "--store", store).lines)
    assert run("replay", "--all", "--store", store).code == 0
    settings = tmp_path / "settings.json"
    for rules, changed in (
        ([{"what": {"method": "tools/call", "name": "delete"}, "allow": False}], []),
        ([{"what": {"method": "tools/list"}, "allow": False}], ["tools/call", "tools/list"]),
    ):
        settings.write_text(json.dumps({"access": rules, "access_default": "allow"}))
        told = run("replay", "--all", "--json", "--what-if", str(settings), "--store", store)
        assert [json.loads(line)["method"] for line in told.lines] == changed
