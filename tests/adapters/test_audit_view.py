"""The audit view: what it says of a request, and that it says so once whatever interrupts it."""

import os
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from eventsourcing.persistence import TrackingRecorder
from eventsourcing.tests.persistence import TrackingRecorderTestCase
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from adapters import audit_projector, audit_view
from adapters.audit_errors import BusyView, UnreadableView, UnwritableView
from adapters.audit_fold import MALFORMED, PLACE_BITS
from adapters.audit_projector import Projector, is_running, start_projector
from adapters.audit_reader import AuditReader
from adapters.audit_recorder import AuditRecorder
from adapters.audit_schema import view_path
from adapters.audit_view import AuditView
from adapters.memory_log import MemoryLog
from adapters.turns import Turns
from events.event import Origin
from events.jsonrpc import FRAME_LIMIT, decode
from events.observed import RequestOverflowed, RequestReceived
from pipeline.log import Row
from tests.replay.live import ONE, START, TWO, Live

Rows = list[dict[str, Any]]


def view_of(live: Live, path: Path) -> Rows:
    """The calls of a history, the oldest first."""
    with AuditView(path, live.reader()) as view:
        while view.advance():
            pass
    with AuditReader(path) as reader:
        return list(reader.calls({}))[::-1]


def tables(path: Path) -> dict[str, list[tuple[Any, ...]]]:
    db = sqlite3.connect(path)
    try:
        return {name: db.execute(f"SELECT * FROM {name}").fetchall() for name in ("calls", "sessions", "spans")}
    finally:
        db.close()


def opened() -> Live:
    live = Live()
    live.open(trace="f" * 32)
    live.initialize()
    live.flush()
    return live


def test_each_outcome_is_told_with_what_a_request_took_and_sent(tmp_path: Path) -> None:
    live = opened()
    for id, tool in ((1, "add"), (2, "echo"), (3, "fail"), (4, "echo")):
        live.call(id, tool, a=1)
    live.now += 0.25
    live.returned(1)
    live.failed(2)
    live.returned(3, is_error=True)
    live.now += 10
    live.call(5, "echo")
    live.cancel(5)
    live.request(6, "tools/list")
    live.returned(6, b"{}")
    live.request(7, "tools/list")
    live.request(8, "no/method")
    found = view_of(live, tmp_path / "view.db")
    assert [(row["name"] or row["method"], row["outcome"], row["code"]) for row in found] == [
        ("initialize", "ok", None),
        ("add", "ok", None),
        ("echo", "error", -32602),
        ("fail", "tool error", None),
        ("echo", "throttled", -31002),
        ("echo", "cancelled", None),
        ("tools/list", "ok", None),
        ("tools/list", "cached", None),
        ("no/method", "rejected", -32601),
    ]
    assert [row["latency"] for row in found[:6]] == pytest.approx([0.0, 250.0, 250.0, 250.0, 0.0, 0.0])
    answer = b'{"jsonrpc":"2.0","id":1,"result":{"content":[]}}'
    assert found[1]["bytes_out"] == len(answer)
    assert found[5]["bytes_out"] == 0


def test_a_call_carries_its_session_its_client_and_its_place(tmp_path: Path) -> None:
    live = opened()
    live.now += 1
    live.call("1", "echo")
    *_, row = view_of(live, tmp_path / "view.db")
    assert row == {
        "id": 2 << PLACE_BITS,
        "session": ONE,
        "at": START + 1,
        "principal": "alice",
        "transport": "websocket",
        "client": "tester 1",
        "method": "tools/call",
        "name": "echo",
        "request": '"1"',
        "outcome": None,
        "code": None,
        "latency": None,
        "bytes_in": row["bytes_in"],
        "bytes_out": 0,
        "trace": "f" * 32,
        "rule": "",
    }
    assert row["bytes_in"] > 50


def test_a_request_may_bring_its_own_trace(tmp_path: Path) -> None:
    live = opened()
    trace = "0af7651916cd43dd8448eb211c80319c"
    for id, traced in ((1, f"00-{trace}-b7ad6b7169203331-01"), (2, "rubbish"), (3, 7)):
        live.request(id, "ping", {"_meta": {"traceparent": traced}})
    assert [row["trace"] for row in view_of(live, tmp_path / "view.db")[1:]] == [trace, "f" * 32, "f" * 32]


def test_malformed_messages_and_refused_ones_have_a_row_of_their_own(tmp_path: Path) -> None:
    live = opened()
    live.call(1)
    live.receive(b"{")
    live.receive(b'{"jsonrpc":"2.0","id":9,"result":1,"error":2}')
    live.receive(b" " * (FRAME_LIMIT + 1))
    full = decode(b'{"jsonrpc":"2.0","id":2,"method":"ping"}', ONE, live.now)
    assert isinstance(full, RequestReceived)
    live.push(RequestOverflowed(Origin(ONE, 2, live.now), full.message, 4096, 1.0))
    found = view_of(live, tmp_path / "view.db")[2:]
    assert [(row["method"], row["outcome"], row["code"], row["bytes_in"]) for row in found] == [
        (MALFORMED, "rejected", -32700, 1),
        (MALFORMED, "rejected", None, 45),
        (MALFORMED, "rejected", -32600, FRAME_LIMIT + 1),
        ("ping", "rejected", -31001, 40),
    ]


def test_parts_and_progress_count_as_sent(tmp_path: Path) -> None:
    live = opened()
    live.call(1, "count")
    live.flush()
    with AuditView(tmp_path / "view.db", live.reader()) as view:
        view.advance()
        live.yielded(1)
        live.flush()
        view.advance()
        with AuditReader(tmp_path / "view.db") as reader:
            (row, _) = reader.calls({})
    assert row["bytes_out"] > 100
    assert row["outcome"] is None


def test_a_session_is_told_with_its_end_and_its_errors(tmp_path: Path) -> None:
    live = opened()
    live.call(1)
    live.failed(1)
    live.now += 2
    live.close(reason="done")
    view_of(live, tmp_path / "view.db")
    with AuditReader(tmp_path / "view.db") as reader:
        (session,) = reader.sessions()
    assert (session["session"], session["client"], session["version"]) == (ONE, "tester 1", "2025-11-25")
    assert (session["opened"], session["closed"], session["reason"]) == (START, START + 2, "done")
    assert (session["requests"], session["errors"], session["last_at"]) == (2, 1, START + 2)


def test_a_request_that_was_open_at_a_restart_is_completed_later(tmp_path: Path) -> None:
    live = opened()
    live.call(1)
    assert view_of(live, tmp_path / "view.db")[-1]["outcome"] is None
    live.now += 1.5
    live.returned(1)
    row = view_of(live, tmp_path / "view.db")[-1]
    assert (row["outcome"], row["latency"]) == ("ok", pytest.approx(1500.0))
    with AuditReader(tmp_path / "view.db") as reader:
        assert [row["request"] for row in reader.calls({}, slower=1000)] == ["1"]


HISTORY = st.lists(
    st.one_of(
        st.tuples(st.just("call"), st.integers(1, 5)),
        st.tuples(st.sampled_from(["returned", "yielded", "failed", "cancel"]), st.integers(1, 5)),
        st.tuples(st.just("tick"), st.integers(0, 3)),
        st.tuples(st.sampled_from(["flush", "rubbish", "session"]), st.just(0)),
    ),
    max_size=50,
)


def played(history: list[tuple[str, int]]) -> Live:
    live, current = Live(), ONE
    for session in (ONE, TWO):
        live.open(session, principal=session[-1])
        live.initialize(session)
    for action, value in history:
        match action:
            case "call":
                live.call(value, "add" if value % 2 else "echo", current)
            case "tick":
                live.now += value
            case "flush":
                live.flush()
            case "rubbish":
                live.receive(b"[", current)
            case "session":
                current = TWO if current == ONE else ONE
            case _:
                getattr(live, action)(value, session=current)
    live.flush()
    return live


@given(HISTORY, st.lists(st.integers(1, 4), min_size=1))
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_however_it_is_interrupted_the_view_is_the_same(
    tmp_path_factory: pytest.TempPathFactory, history: list[tuple[str, int]], batches: list[int]
) -> None:
    live, folder = played(history), tmp_path_factory.mktemp("views")
    view_of(live, folder / "whole.db")
    done, turn = 1, 0
    while done:
        with AuditView(folder / "parts.db", live.reader()) as view:
            done = view.advance(batches[turn % len(batches)])
        turn += 1
    assert tables(folder / "parts.db") == tables(folder / "whole.db")


def test_two_that_write_in_turn_build_one_view(tmp_path: Path) -> None:
    live = played([("call", 1), ("flush", 0), ("returned", 1), ("flush", 0), ("call", 2), ("flush", 0)])
    view_of(live, tmp_path / "alone.db")
    with (
        AuditView(tmp_path / "both.db", live.reader()) as one,
        AuditView(tmp_path / "both.db", live.reader()) as other,
    ):
        while one.advance(1) + other.advance(1):
            pass
    assert tables(tmp_path / "both.db") == tables(tmp_path / "alone.db")


def test_what_could_not_be_stored_is_taken_in_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    live = played([("call", 1), ("flush", 0), ("returned", 1)])
    with AuditView(tmp_path / "view.db", live.reader()) as view:

        def full(*_: object) -> None:
            raise sqlite3.OperationalError("database or disk is full")

        with monkeypatch.context() as patch:
            patch.setattr(AuditRecorder, "_insert_tracking", full)
            with pytest.raises(UnwritableView, match="disk is full"):
                view.advance()
        while view.advance():
            pass
    view_of(live, tmp_path / "other.db")
    assert tables(tmp_path / "view.db") == tables(tmp_path / "other.db")


def test_a_view_of_another_log_is_built_anew(tmp_path: Path) -> None:
    view_of(opened(), tmp_path / "view.db")
    other = Live()
    other.open(TWO)
    other.initialize(TWO)
    assert [row["session"] for row in view_of(other, tmp_path / "view.db")] == [TWO]


def test_a_view_that_is_ahead_of_its_log_is_built_anew(tmp_path: Path) -> None:
    longer = played([("call", 1), ("flush", 0), ("returned", 1), ("flush", 0), ("call", 2)])
    records = list(longer.reader().records())
    view_of(longer, tmp_path / "view.db")
    older, grown = MemoryLog(), played([("rubbish", 0), ("flush", 0)] * 9)
    older.store([Row(*record[1:]) for record in records[:2]])
    with AuditView(tmp_path / "view.db", older.reader()) as view:
        assert view.position == 0
    view_of(longer, tmp_path / "view.db")
    with AuditView(tmp_path / "view.db", grown.reader()) as view:
        assert view.position == 0


def test_a_view_of_another_version_is_built_anew(tmp_path: Path) -> None:
    live = opened()
    view_of(live, tmp_path / "view.db")
    db = sqlite3.connect(tmp_path / "view.db")
    db.execute("PRAGMA user_version = 77")
    db.execute("DELETE FROM calls")
    db.commit()
    db.close()
    with pytest.raises(UnreadableView, match="no audit view of this version"):
        AuditReader(tmp_path / "view.db")
    assert len(view_of(live, tmp_path / "view.db")) == 1


def test_a_damaged_record_is_left_out_and_told(tmp_path: Path) -> None:
    live, log = opened(), MemoryLog()
    log.store([Row(TWO, 1, b"\xc1"), *(Row(*record[1:]) for record in live.reader().records())])
    with AuditView(tmp_path / "view.db", log.reader()) as view:
        view.advance()
        assert view.unreadable == [1]
    with AuditReader(tmp_path / "view.db") as reader:
        assert [row["method"] for row in reader.calls({})] == ["initialize"]


def test_a_view_that_is_being_built_is_busy_for_others(tmp_path: Path) -> None:
    live = opened()
    with AuditView(tmp_path / "view.db", live.reader()) as view, view.alone(), pytest.raises(BusyView):
        AuditView(tmp_path / "view.db", live.reader(), patience=0.05)


def test_a_view_that_cannot_be_written_says_where(tmp_path: Path) -> None:
    with pytest.raises(UnwritableView, match=str(tmp_path)):
        AuditView(tmp_path / "nowhere" / "view.db", opened().reader())


def test_a_rebuilt_view_is_the_same(tmp_path: Path) -> None:
    live = played([("call", 1), ("flush", 0), ("returned", 1), ("rubbish", 0), ("call", 3)])
    view_of(live, tmp_path / "view.db")
    before = tables(tmp_path / "view.db")
    with AuditView(tmp_path / "view.db", live.reader()) as view:
        view.rebuild()
        assert tables(tmp_path / "view.db")["calls"] == []
        view.advance()
    assert tables(tmp_path / "view.db") == before


def test_a_view_far_behind_is_indexed_when_it_has_caught_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("adapters.audit_view.BULK", 2)
    live = played([("call", 1), ("flush", 0), ("call", 2), ("flush", 0), ("call", 3)])
    with AuditView(tmp_path / "view.db", live.reader()) as view, AuditReader(tmp_path / "view.db") as reader:
        view.advance(1)
        assert not view.indexed
        assert len(list(reader.calls({"principal": "1"}))) == 2
        view.advance()
        assert view.indexed
        assert len(list(reader.calls({"principal": "1"}))) == 4


def test_a_view_is_the_same_at_any_pace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("adapters.turns.STRETCH", 1)
    live = played([("call", 1), ("flush", 0), ("returned", 1), ("flush", 0), ("call", 2)])
    view_of(live, tmp_path / "view.db")
    rests: list[float] = []
    turns = Turns(lambda: True, sleep=rests.append)
    with AuditView(tmp_path / "paced.db", live.reader(), pace=turns) as view:
        while view.advance(2):
            pass
    assert len(rests) > 5
    paced, plain = tables(tmp_path / "paced.db"), tables(tmp_path / "view.db")
    assert {name: paced[name] for name in ("calls", "sessions", "spans")} == {
        name: plain[name] for name in ("calls", "sessions", "spans")
    }


class TestAuditRecorder(TrackingRecorderTestCase):
    """The library's own test case for recorders of a projection's place."""

    @pytest.fixture(autouse=True)
    def _folder(self, tmp_path: Path) -> None:
        self.path = tmp_path / "view.db"

    def create_recorder(self) -> TrackingRecorder:
        recorder = AuditRecorder(self.path)
        recorder.create_table()
        return recorder


def until(condition: Any, seconds: float = 20.0) -> None:
    late = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < late, "it took too long"
        time.sleep(0.01)


@pytest.fixture
def log(tmp_path: Path) -> Path:
    path = tmp_path / "events.db"
    played([("call", 1), ("flush", 0), ("returned", 1), ("flush", 0), ("call", 2)]).write(path)
    return path


def caught_up(projector: Projector) -> bool:
    return projector.lag() == 0


def test_a_projector_takes_in_what_is_there_and_leaves_when_it_is_told(log: Path) -> None:
    projector = start_projector(log)
    try:
        until(lambda: caught_up(projector))
        assert is_running(view_path(log))
    finally:
        projector.stop()
    assert not projector.alive
    assert not is_running(view_path(log))
    with AuditReader(view_path(log)) as reader:
        assert len(list(reader.calls({}))) == 4


def test_a_projector_leaves_when_its_parent_dies(log: Path) -> None:
    script = (
        "import sys, time; from pathlib import Path; from adapters.audit_projector import start_projector\n"
        "projector = start_projector(Path(sys.argv[1])); print(projector._process.pid, flush=True); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", script, str(log)], stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        parent.stdout.readline()
        until(lambda: is_running(view_path(log)))
        parent.send_signal(signal.SIGKILL)
    until(lambda: not is_running(view_path(log)))


def test_a_second_projector_leaves_at_once(log: Path) -> None:
    first = start_projector(log)
    try:
        until(lambda: is_running(view_path(log)))
        second = start_projector(log)
        until(lambda: not second.alive)
        assert first.alive
        second.stop()
    finally:
        first.stop()


def test_a_projector_that_is_killed_leaves_a_view_that_goes_on(log: Path) -> None:
    projector = start_projector(log)
    until(lambda: caught_up(projector))
    os.kill(projector._process.pid, signal.SIGKILL)
    until(lambda: not projector.alive)
    projector.stop()
    again = start_projector(log)
    try:
        until(lambda: caught_up(again))
    finally:
        again.stop()
    with AuditReader(view_path(log)) as reader:
        assert len(list(reader.calls({}))) == 4


def test_a_command_that_waits_for_the_lock_looks_more_than_once_between_two_batches() -> None:
    assert audit_projector.GAP > 2 * audit_view._RETRY


def test_the_lag_is_unknown_without_a_log_or_a_view(tmp_path: Path) -> None:
    with subprocess.Popen(["sleep", "0"]) as process:
        assert Projector(tmp_path / "events.db", process).lag() == -1


def test_a_sandbox_that_lets_no_priority_be_changed_does_not_keep_it_from_its_work(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "sched_setscheduler", refuse)
    monkeypatch.setattr(os, "nice", refuse)
    audit_projector._stand_back()
