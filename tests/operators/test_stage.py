import logging
from collections.abc import Callable, Sequence

import pytest
from hypothesis import given
from reactivex import Observable
from reactivex.subject import Subject

from events import codes
from events.decided import CacheReleased, ErrorReady, RequestCancelled, StageFailed
from events.event import Decided, Event, Observed, Step
from events.incident import error_id
from events.observed import CallerLeft, CallReturned, CancelReceived, RequestReceived, SessionClosed, SessionOpened
from operators.admit import admit
from operators.answer_from_cache import answer_from_cache
from operators.authorize import authorize
from operators.dispatch import dispatch
from operators.emit_chunks import emit_chunks
from operators.measure import NoMeter, measure
from operators.rate_limit import rate_limit
from operators.respond import respond
from operators.stage import Stage, fuse, no_state, stage
from tests.facts import OTHER, SESSION, cancelled, closed, left, opened, origin, request, returned
from tests.histories import POLICY, histories
from tests.passing import steps_of, through


class Count:
    """How many requests a session has sent."""

    requests = 0


def counting() -> Stage:
    """Follow each request by its number, told as the reason of a cancellation."""

    def number(count: Count, event: Event) -> Sequence[Event]:
        count.requests += 1
        return (event, RequestCancelled(event.origin, str(count.requests)))

    return stage("counting", Count, {RequestReceived: number})


def failing(*kinds: type[Event]) -> Stage:
    def fail(_: None, event: Event) -> Sequence[Event]:
        raise ZeroDivisionError("a payload may stand here")

    return stage("failing", no_state, dict.fromkeys(kinds, fail))


def numbers(events: list[Event]) -> list[str]:
    return [event.reason for event in events if isinstance(event, RequestCancelled)]


def test_an_event_that_a_stage_does_not_know_passes_untouched() -> None:
    events = [opened(), cancelled(1), returned(1)]
    out = through(counting(), *events)
    assert all(one is other for one, other in zip(out, events, strict=True))


def test_what_a_decision_returns_goes_on_in_its_order() -> None:
    def split(_: None, event: Event) -> Sequence[Event]:
        return (left(1), event, CacheReleased(event.origin, "k"))

    assert through(stage("split", no_state, {CancelReceived: split}), cancelled(1)) == [
        left(1),
        cancelled(1),
        CacheReleased(origin(1), "k"),
    ]


def test_a_decision_may_let_an_event_vanish() -> None:
    assert through(stage("none", no_state, {CancelReceived: lambda _, __: ()}), cancelled(1), left(1)) == [left(1)]


def test_a_class_is_known_exactly_and_not_by_those_it_derives_from() -> None:
    everything = stage("everything", no_state, {Event: lambda _, __: ()})
    assert through(everything, opened()) == [opened()]


def test_each_session_has_a_state_of_its_own() -> None:
    events = [request(1), request(2), request(1, session=OTHER), request(3)]
    assert numbers(through(counting(), *events)) == ["1", "2", "1", "3"]


def test_a_sessions_state_is_forgotten_when_it_closes() -> None:
    events = [request(1), request(2), closed(), request(1), closed(session=OTHER), request(2)]
    assert numbers(through(counting(), *events)) == ["1", "2", "1", "2"]


def test_the_last_event_of_a_session_still_meets_its_state() -> None:
    def number(count: Count, event: Event) -> Sequence[Event]:
        count.requests += 1
        return (event,)

    def last(count: Count, event: Event) -> Sequence[Event]:
        return (event, RequestCancelled(event.origin, str(count.requests)))

    both = stage("both", Count, {RequestReceived: number, SessionClosed: last})
    assert numbers(through(both, request(1), request(2), closed())) == ["2"]


def test_each_subscription_has_states_of_its_own() -> None:
    operator = counting()
    assert numbers(through(operator, request(1), request(2))) == ["1", "2"]
    assert numbers(through(operator, request(1))) == ["1"]
    source, first, second = Subject[Event](), list[Event](), list[Event]()
    operator(source).subscribe(first.append)
    source.on_next(request(1))
    operator(source).subscribe(second.append)
    source.on_next(request(2))
    assert (numbers(first), numbers(second)) == (["1", "2"], ["1"])


def test_an_exception_costs_one_event_and_neither_the_stream_nor_the_state(caplog: pytest.LogCaptureFixture) -> None:
    def number(count: Count, event: Event) -> Sequence[Event]:
        count.requests += 1
        if event.origin.request == 2:
            raise KeyError("secret")
        return (event, RequestCancelled(event.origin, str(count.requests)))

    shaky = stage("shaky", Count, {RequestReceived: number})
    with caplog.at_level(logging.ERROR):
        out = through(shaky, request(1), request(2, at=1.0), request(3))
    bug = StageFailed(origin(2, 1.0), "shaky", "KeyError", "RequestReceived")
    assert out == [request(1), RequestCancelled(origin(1), "1"), bug, request(3), RequestCancelled(origin(3), "3")]
    assert "secret" not in repr(out)
    assert [record.message for record in caplog.records] == ["operator shaky failed on RequestReceived"]
    assert caplog.records[0].exc_info is not None


def test_an_exception_in_the_chain_is_answered_as_an_internal_error() -> None:
    (step,) = steps_of(fuse(admit(), failing(RequestReceived), dispatch(), respond()), request(1, "ping"))
    assert step.decisions == (
        StageFailed(origin(1), "failing", "ZeroDivisionError", "RequestReceived"),
        ErrorReady(origin(1), codes.INTERNAL_ERROR, "internal error", {"errorId": error_id(SESSION, 1)}),
    )


def test_a_decision_stands_though_a_later_stage_fails_on_it() -> None:
    bug = StageFailed(origin(1), "failing", "ZeroDivisionError", "RequestCancelled")
    out = through(failing(RequestCancelled), RequestCancelled(origin(1), "the client cancelled it"))
    assert out == [RequestCancelled(origin(1), "the client cancelled it"), bug]


def test_a_session_is_forgotten_even_when_a_stage_fails_on_its_end() -> None:
    def number(count: Count, event: Event) -> Sequence[Event]:
        count.requests += 1
        return (event, RequestCancelled(event.origin, str(count.requests)))

    def fail(count: Count, event: Event) -> Sequence[Event]:
        raise ZeroDivisionError

    both = stage("both", Count, {RequestReceived: number, SessionClosed: fail})
    assert numbers(through(both, request(1), closed(), request(2))) == ["1", "1"]


def test_the_end_and_the_failure_of_a_source_are_handed_on() -> None:
    source, ends = Subject[Event](), list[object]()
    counting()(source).subscribe(on_completed=lambda: ends.append("completed"))
    source.on_completed()
    facts, problem = Subject[Observed](), OSError()
    fuse(counting())(facts).subscribe(on_error=ends.append)
    facts.on_error(problem)
    assert ends == ["completed", problem]


def test_a_subscription_that_ends_hears_nothing_more() -> None:
    source, out = Subject[Event](), list[Event]()
    subscription = counting()(source).subscribe(out.append)
    source.on_next(request(1))
    subscription.dispose()
    source.on_next(request(2))
    assert numbers(out) == ["1"]


def composed(*stages: Stage) -> Callable[[Observable[Observed]], Observable[Step]]:
    """The stages one by one through Rx: what ``fuse`` is a shorter way for."""

    def lift(source: Observable[Observed]) -> Observable[Step]:
        steps, decisions = Subject[Step](), list[Decided]()
        inner = Subject[Event]()
        events: Observable[Event] = inner
        for each in stages:
            events = each(events)
        events.subscribe(lambda event: decisions.append(event) if isinstance(event, Decided) else None)

        def on_next(fact: Observed) -> None:
            inner.on_next(fact)
            steps.on_next(Step(fact, tuple(decisions)))
            decisions.clear()

        source.subscribe(on_next)
        return steps

    return lift


def test_fused_stages_give_one_step_for_each_fact() -> None:
    assert steps_of(fuse(counting()), opened(), request(1)) == [
        Step(opened(), ()),
        Step(request(1), (RequestCancelled(origin(1), "1"),)),
    ]


def test_what_a_stage_adds_meets_only_the_stages_after_it() -> None:
    def release(_: None, event: Event) -> Sequence[Event]:
        return (CacheReleased(event.origin, "seen"), event)

    watch = stage("watch", no_state, {RequestCancelled: release})
    assert [len(step.decisions) for step in steps_of(fuse(watch, counting()), request(1))] == [1]
    (step,) = steps_of(fuse(counting(), watch), request(1))
    assert step.decisions == (CacheReleased(origin(1), "seen"), RequestCancelled(origin(1), "1"))


def whole_chain(*more: Stage) -> tuple[Stage, ...]:
    return (
        admit(),
        authorize(anonymous=False),
        rate_limit(POLICY.limits),
        *more,
        answer_from_cache(POLICY.cache),
        dispatch(),
        emit_chunks(),
        respond(),
        measure(NoMeter()),
    )


@given(histories())
def test_fusing_the_chain_is_composing_it(history: list[Observed]) -> None:
    stages = (admit(), authorize(anonymous=True), *whole_chain()[2:])
    assert steps_of(fuse(*stages), *history) == steps_of(composed(*stages), *history)


@given(histories())
def test_fusing_is_composing_also_where_stages_fail_and_nobody_is_let_in(history: list[Observed]) -> None:
    logging.disable(logging.CRITICAL)
    stages = whole_chain(counting(), failing(CallReturned, CallerLeft, SessionOpened))
    assert steps_of(fuse(*stages), *history) == steps_of(composed(*stages), *history)
    logging.disable(logging.NOTSET)


@given(histories())
def test_no_decision_of_one_session_depends_on_another(history: list[Observed]) -> None:
    stages = (admit(), authorize(anonymous=True), *whole_chain()[2:])
    together = steps_of(fuse(*stages), *history)
    for session in {fact.origin.session for fact in history}:
        own = [fact for fact in history if fact.origin.session == session]
        assert steps_of(fuse(*stages), *own) == [step for step in together if step.fact.origin.session == session]
