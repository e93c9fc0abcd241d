import pytest

from events.decided import CallDispatched, RequestCancelled, ResponseReady
from events.event import Event
from operators.dispatch import dispatch
from operators.versions import LATEST_LEGACY
from tests.facts import (
    OTHER,
    admitted,
    cancelled,
    closed,
    failed,
    left,
    logged,
    origin,
    progressed,
    returned,
    yielded,
)
from tests.passing import through

BEGUN = [admitted(1), CallDispatched(origin(1), "tools/call", "echo", LATEST_LEGACY)]
CANCELLED = RequestCancelled(origin(1), "the client cancelled it")


def test_an_admitted_request_goes_out_as_a_call() -> None:
    request = admitted(7, "prompts/get", "greet", at=1.5, version="2026-07-28")
    assert through(dispatch(), request) == [
        request,
        CallDispatched(origin(7, 1.5), "prompts/get", "greet", "2026-07-28"),
    ]


@pytest.mark.parametrize("method", ["ping", "logging/setLevel"])
def test_a_request_with_an_empty_answer_needs_no_call(method: str) -> None:
    request = admitted(1, method, "")
    assert through(dispatch(), request) == [request, ResponseReady(origin(1), b"{}")]
    assert through(dispatch(), request, returned(1)) == [request, ResponseReady(origin(1), b"{}")]


@pytest.mark.parametrize("end", [returned(1), returned(1, is_error=True), failed(1)])
def test_a_call_ends_once_and_what_it_tells_later_stops_here(end: Event) -> None:
    told: list[Event] = [yielded(1), progressed(1, 0.5), logged(1, "info")]
    late: list[Event] = [*told, returned(1), failed(1)]
    assert through(dispatch(), admitted(1), *told, end, *late) == [*BEGUN, *told, end]


@pytest.mark.parametrize("fact", [returned(1), failed(1), yielded(1), progressed(1, 1), logged(1, "info")])
def test_nothing_is_heard_of_a_call_that_never_began(fact: Event) -> None:
    assert through(dispatch(), fact) == []
    assert through(dispatch(), admitted(1, session=OTHER), admitted("1"), fact)[4:] == []


@pytest.mark.parametrize("gone", [cancelled(1), left(1)])
def test_a_call_is_cancelled_once(gone: Event) -> None:
    assert through(dispatch(), admitted(1), gone, gone, returned(1)) == [*BEGUN, gone, CANCELLED, gone]


@pytest.mark.parametrize("gone", [cancelled(1), left(1)])
def test_a_cancellation_of_what_is_over_or_unknown_changes_nothing(gone: Event) -> None:
    assert through(dispatch(), gone) == [gone]
    assert through(dispatch(), admitted(1), returned(1), gone) == [*BEGUN, returned(1), gone]
    assert through(dispatch(), admitted(1), cancelled("1")) == [*BEGUN, cancelled("1")]


def test_a_closing_session_cancels_its_calls_in_the_order_in_which_they_began() -> None:
    end = closed(at=9.0)
    out = through(dispatch(), admitted(3), admitted(1), admitted(2), returned(1), end, returned(2), failed(3))
    assert out[7:] == [
        RequestCancelled(origin(3, 9.0), "the session closed"),
        RequestCancelled(origin(2, 9.0), "the session closed"),
        end,
    ]


def test_an_id_may_be_used_again_when_its_request_is_over() -> None:
    assert through(dispatch(), admitted(1), returned(1), admitted(1), returned(1)) == [*BEGUN, returned(1)] * 2
