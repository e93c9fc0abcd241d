"""The replay: the recorded facts lead to the recorded decisions again, or it says where they do not."""

from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.memory_log import MemoryLog
from events.decided import CallDispatched, ErrorReady, ResponseReady
from events.event import Decided, Step
from events.record import pack, unpack
from operators.policy import Limit, Policy
from pipeline.log import Record, Row
from replay.divergence import Divergence
from replay.position import Position
from replay.replay import Verdict, verify
from tests.replay.live import ONE, POLICY, TWO, Live, altered


def a_session() -> Live:
    live = Live()
    live.open()
    live.initialize()
    for id in range(1, 6):
        live.now += 0.01
        live.call(id, text=str(id))
        live.flush()
    live.returned(1)
    live.returned(2, is_error=True)
    live.flush()
    live.failed(3)
    live.close()
    return live


def verdicts(live: Live) -> list[Verdict]:
    return list(verify(live.reader().records()))


def test_a_recorded_session_comes_out_the_same() -> None:
    live = a_session()
    events = sum(1 + len(step.decisions) for step in live.steps)
    assert verdicts(live) == [Verdict(ONE, records=live.reader().last(), events=events, closed=True)]
    assert events > 25


def test_a_session_of_a_killed_server_is_replayed_as_far_as_it_goes() -> None:
    live = Live()
    live.open()
    live.initialize()
    live.call(1)
    (verdict,) = verdicts(live)
    assert verdict.holds
    assert not verdict.closed


def test_sessions_that_alternate_are_replayed_each_with_its_own_policy() -> None:
    log = MemoryLog()
    free, strict = Live(Policy()), Live(Policy(limits=(Limit("one", "session", 0.001, 1.0),)))
    free.open(ONE)
    strict.open(TWO)
    for live, session in ((free, ONE), (strict, TWO)):
        live.initialize(session)
        live.call(1, session=session)
        live.flush()
        live.call(2, session=session)
    rows = [[Row(*record[1:]) for record in live.reader().records()] for live in (free, strict)]
    log.store([row for pair in zip(*rows, strict=True) for row in pair])
    found = list(verify(log.reader().records()))
    assert [(verdict.session, verdict.holds) for verdict in found] == [(ONE, True), (TWO, True)]


ACTIONS = st.one_of(
    st.tuples(st.just("call"), st.integers(1, 4), st.sampled_from(["echo", "add"])),
    st.tuples(st.sampled_from(["returned", "yielded", "failed", "cancel"]), st.integers(1, 4)),
    st.tuples(st.just("tick"), st.floats(0.0, 3.0)),
    st.tuples(st.sampled_from(["flush", "rubbish", "close"])),
)


@given(st.lists(st.tuples(st.sampled_from([ONE, TWO]), ACTIONS), max_size=60))
@settings(max_examples=150, deadline=None)
def test_whatever_happened_a_replay_decides_the_same(history: list[tuple[str, tuple[Any, ...]]]) -> None:
    live, closed = Live(), set()
    for session in (ONE, TWO):
        live.open(session, principal=session[-1])
        live.initialize(session)
    for session, (action, *values) in history:
        if session not in closed:
            act(live, session, action, values)
        if action == "close":
            closed.add(session)
    found = verdicts(live)
    assert all(verdict.holds for verdict in found)
    assert {verdict.session: verdict.closed for verdict in found} == {ONE: ONE in closed, TWO: TWO in closed}
    assert sum(verdict.events for verdict in found) == sum(1 + len(step.decisions) for step in live.steps)


def act(live: Live, session: str, action: str, values: list[Any]) -> None:
    match action:
        case "call":
            live.call(values[0], values[1], session)
        case "tick":
            live.now += values[0]
        case "flush":
            live.flush()
        case "rubbish":
            live.receive(b"{", session)
        case "close":
            live.close(session)
        case _:
            getattr(live, action)(values[0], session=session)


def change_decision(live: Live, number: int, change: Callable[[Decided], Decided | None]) -> tuple[MemoryLog, Position]:
    """The log with the decision of that number (0 for the first) changed, or left out; and where it stands."""
    seen, place = 0, Position(0, 0)

    def changed(position: int, steps: list[Step]) -> list[Step]:
        nonlocal seen, place
        at, found = 0, []
        for step in steps:
            at += 1
            decided: list[Decided] = []
            for decision in step.decisions:
                kept: Decided | None = decision
                if seen == number:
                    kept, place = change(decision), Position(position, at)
                if kept is not None:
                    decided.append(kept)
                seen += 1
                at += 1
            found.append(Step(step.fact, tuple(decided)))
        return found

    log = MemoryLog()
    log.store(altered(live.reader(), changed))
    return log, place


def diverged(log: MemoryLog) -> Divergence:
    (verdict,) = verify(log.reader().records())
    assert not verdict.holds
    assert verdict.divergence is not None
    return verdict.divergence


DECISIONS = sum(len(step.decisions) for step in a_session().steps)


@pytest.mark.parametrize("number", range(DECISIONS))
def test_a_decision_that_was_left_out_is_found_where_it_would_stand(number: int) -> None:
    log, place = change_decision(a_session(), number, lambda _: None)
    assert diverged(log).position == place


@pytest.mark.parametrize("number", range(DECISIONS))
def test_a_decision_with_another_request_is_found_where_it_stands(number: int) -> None:
    def change(decision: Decided) -> Decided:
        return msgspec.structs.replace(decision, origin=msgspec.structs.replace(decision.origin, request="other"))

    log, place = change_decision(a_session(), number, change)
    found = diverged(log)
    assert found.position == place
    assert found.difference.path == "$.request"
    assert found.difference.before == "other"


def test_a_divergence_names_the_path_and_both_values() -> None:
    live = a_session()
    number = next(
        index
        for index, decision in enumerate(decision for step in live.steps for decision in step.decisions)
        if isinstance(decision, ErrorReady)
    )

    def change(decision: Decided) -> Decided:
        assert isinstance(decision, ErrorReady)
        assert decision.data is not None
        return msgspec.structs.replace(decision, data={**decision.data, "retryAfter": 17.0})

    log, place = change_decision(live, number, change)
    found = diverged(log)
    assert (found.position, found.difference.path, found.difference.before) == (place, "$.data.retryAfter", 17.0)
    assert isinstance(found.actual, ErrorReady)
    assert found.expected_bytes != found.actual_bytes


def test_a_decision_too_many_is_found_after_those_that_hold() -> None:
    live = a_session()

    def change(position: int, steps: list[Step]) -> list[Step]:
        if position == 1:
            last = steps[-1]
            extra = ResponseReady(last.fact.origin, b"{}")
            steps[-1] = Step(last.fact, (*last.decisions, extra))
        return steps

    log = MemoryLog()
    log.store(altered(live.reader(), change))
    found = diverged(log)
    first = next(live.reader().records())
    events = sum(1 + len(step.decisions) for step in unpack(first.state, first.session))
    assert found.position == Position(1, events)
    assert found.actual is None
    assert found.difference.path == "$"


def test_a_session_that_diverged_is_told_once_and_others_go_on() -> None:
    live = Live()
    for session in (ONE, TWO):
        live.open(session)
        live.initialize(session)
        live.flush()
    for id in (1, 2):
        for session in (ONE, TWO):
            live.call(id, session=session)
            live.flush()

    def change(_: int, steps: list[Step]) -> list[Step]:
        return [
            Step(step.fact, tuple(CallDispatched(each.origin, "x", "", "") for each in step.decisions))
            if step.fact.origin.session == ONE
            else step
            for step in steps
        ]

    log = MemoryLog()
    log.store(altered(live.reader(), change))
    assert [(verdict.session, verdict.holds) for verdict in verify(log.reader().records())] == [
        (ONE, False),
        (TWO, True),
    ]


def test_a_missing_record_is_a_problem_and_not_a_divergence() -> None:
    records = list(a_session().reader().records())
    (verdict,) = verify([records[0], *records[2:]])
    assert verdict.problem == f"at 3: record 2 of session {ONE} is missing"
    assert verdict.divergence is None


def test_a_session_without_its_beginning_cannot_be_replayed() -> None:
    records = list(a_session().reader().records())
    (verdict,) = verify(records[1:])
    assert "has no beginning" in verdict.problem


@pytest.mark.parametrize("state", [b"", b"\xff", b"\x91\x92\xa1x\x90", pack([])])
def test_a_damaged_record_is_a_problem_of_its_session_alone(state: bytes) -> None:
    live = Live()
    live.open(TWO)
    records = [Record(1, ONE, 1, state), *(record._replace(position=2) for record in live.reader().records())]
    found = list(verify(records))
    assert [(verdict.session, verdict.holds) for verdict in found] == [(ONE, False), (TWO, True)]


def test_a_time_beyond_the_calendar_is_a_problem_and_no_crash() -> None:
    live = Live()
    live.now = 1e300
    live.open()
    (verdict,) = verify(live.reader().records())
    assert verdict.problem


def test_a_replay_measures_the_past_again() -> None:
    class Meter:
        def __init__(self) -> None:
            self.ended: list[tuple[str, str, str]] = []
            self.open = 0

        def answered(self, method: str, name: str, outcome: str, seconds: float) -> None:
            assert seconds >= 0.0
            self.ended.append((method, name, outcome))

        def sessions(self, change: int) -> None:
            self.open += change

    meter = Meter()
    assert all(verdict.holds for verdict in verify(a_session().reader().records(), meter))
    assert meter.open == 0
    assert [outcome for _, _, outcome in meter.ended] == ["ok", "throttled", "throttled", "ok", "tool error", "error"]
    assert POLICY.limits
