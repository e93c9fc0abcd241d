"""Questions to the audit view: the quick answers are the right ones."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from adapters import audit_reader
from adapters.audit_errors import UnreadableView
from adapters.audit_reader import AuditReader
from adapters.audit_view import AuditView
from tests.replay.live import ONE, START, TWO, Live

NAMES = ("echo", "add", "rare")


def busy_log() -> Live:
    """Two sessions, some 300 calls of all kinds; latencies from 0 to 9 ms, one of a second."""
    live = Live()
    for session, principal in ((ONE, "alice"), (TWO, "bob")):
        live.open(session, principal)
        live.initialize(session)
    for number in range(150):
        for session in (ONE, TWO):
            live.now += 0.5
            live.call(number, NAMES[0 if number % 7 else 2 if number == 77 else 1], session, n=number)
            if number % 5 == 0:
                live.flush()
            live.now += 1.0 if number == 77 else number % 10 / 1000
            live.returned(number, session=session, is_error=number % 3 == 0)
    live.call(999)
    return live


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AuditReader]:
    path = tmp_path_factory.mktemp("audit") / "view.db"
    with AuditView(path, busy_log().reader()) as view:
        while view.advance():
            pass
    with AuditReader(path) as found:
        yield found


EQUAL = st.fixed_dictionaries(
    {},
    optional={
        "principal": st.sampled_from(["alice", "bob", "nobody"]),
        "session": st.sampled_from([ONE, TWO, "0"]),
        "method": st.sampled_from(["tools/call", "initialize", "ping"]),
        "name": st.sampled_from([*NAMES, ""]),
        "outcome": st.sampled_from(["ok", "cached", "throttled", "tool error", None]),
    },
)
TIMES = st.none() | st.floats(START - 10, START + 400)


@pytest.mark.parametrize("few", [0, 40, 5000])
@given(EQUAL, TIMES, TIMES, st.none() | st.sampled_from([0.0, 3.0, 9.0, 500.0, 2000.0]), st.none() | st.integers(0, 60))
@settings(
    max_examples=80,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
def test_the_answer_is_what_a_look_at_every_row_gives(
    reader: AuditReader,
    few: int,
    equal: dict[str, Any],
    since: float | None,
    until: float | None,
    slower: float | None,
    limit: int | None,
) -> None:
    expected = [
        row
        for row in reader.calls({})
        if all(row[column] == value for column, value in equal.items())
        and (since is None or row["at"] >= since)
        and (until is None or row["at"] < until)
        and (slower is None or (row["latency"] is not None and row["latency"] >= slower))
    ]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(audit_reader, "FEW", few)  # every plan has its turn
        found = list(reader.calls(equal, since=since, until=until, slower=slower, limit=limit))
    assert found == expected[:limit]


def test_answers_come_newest_first(reader: AuditReader) -> None:
    ids = [row["id"] for row in reader.calls({})]
    assert ids == sorted(ids, reverse=True)
    assert len(ids) == 303


def test_only_what_is_newer_is_given_when_asked(reader: AuditReader) -> None:
    ids = [row["id"] for row in reader.calls({})]
    assert [row["id"] for row in reader.calls({}, after=ids[5])] == ids[:5]


def test_one_call_is_found_by_its_id(reader: AuditReader) -> None:
    newest = next(reader.calls({}))
    assert reader.call(newest["id"]) == newest
    assert reader.call(1) is None


@pytest.mark.parametrize(
    ("question", "plan"),
    [
        ({"equal": {"principal": "alice"}}, "USING INDEX calls_by_principal (principal=?"),
        ({"equal": {"outcome": None}}, "USING INDEX calls_by_outcome (outcome=?"),
        ({"slower": 1.0}, "SEARCH calls USING INTEGER PRIMARY KEY (rowid>? AND rowid<?)"),
        ({"since": START + 10, "until": START + 20}, "SEARCH calls USING INTEGER PRIMARY KEY (rowid>? AND rowid<?)"),
    ],
)
def test_no_filter_sorts_or_looks_at_every_row(reader: AuditReader, question: dict[str, Any], plan: str) -> None:
    wanted = {"equal": {}, "since": None, "until": None, "slower": None, "after": 0, **question}
    sql, values = reader._plan(audit_reader._Wanted(**wanted))
    steps = [row["detail"] for row in reader._rows(f"EXPLAIN QUERY PLAN {sql}", values)]
    assert any(plan in step for step in steps), steps
    assert not any("TEMP B-TREE" in step or step.startswith("SCAN calls") for step in steps), steps


def test_a_column_that_is_not_there_is_a_mistake_of_ours(reader: AuditReader) -> None:
    with pytest.raises(ValueError, match="no columns"):
        next(reader.calls({"password": "x"}))


def test_a_view_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(UnreadableView, match=r"view\.db cannot be read"):
        AuditReader(tmp_path / "view.db")
