import pytest

from events import codes
from events.decided import ErrorReady, RequestCancelled, RequestRejected, ResponseReady, StageFailed
from events.event import Event
from events.incident import error_id
from events.observed import CallReturned, MessageMalformed, RequestOverflowed
from operators.respond import respond
from tests.facts import (
    SESSION,
    admitted,
    cancelled,
    closed,
    failed,
    hit,
    message,
    opened,
    origin,
    request,
    returned,
    yielded,
)
from tests.passing import through

MALFORMED = MessageMalformed(origin(None, 1.0), codes.PARSE_ERROR, "not JSON", b"{", b"\0" * 32, 1)


def answer(event: Event) -> Event:
    """What follows ``event`` when requests with these ids are owed an answer."""
    _, _, first, second = through(respond(), request(1), request("a"), event)
    assert first is event
    return second


@pytest.mark.parametrize("fact", [returned(1, b'{"a":1}', at=2.0), hit(1, b'{"a":1}', at=2.0)])
def test_a_result_is_answered_with_and_not_stored_again(fact: Event) -> None:
    assert answer(fact) == ResponseReady(origin(1, 2.0), b"")


def test_an_error_is_answered_as_it_came() -> None:
    assert answer(failed(1, -32002, "no such resource", at=1.0)) == ErrorReady(
        origin(1, 1.0), -32002, "no such resource", None
    )
    assert answer(RequestRejected(origin("a"), codes.INVALID_PARAMS, "bad", {"why": 1})) == ErrorReady(
        origin("a"), codes.INVALID_PARAMS, "bad", {"why": 1}
    )


def test_bytes_that_are_no_message_are_answered_without_an_id() -> None:
    assert answer(MALFORMED) == ErrorReady(origin(None, 1.0), codes.PARSE_ERROR, "not JSON", None)


def test_a_malformed_answer_is_not_answered() -> None:
    quiet = MessageMalformed(origin(), codes.INVALID_REQUEST, "", b"", b"", 0, answer=False)
    assert through(respond(), quiet) == [quiet]


def test_a_request_on_top_of_a_full_window_is_told_when_to_try_again() -> None:
    overflowed = RequestOverflowed(origin(1), message(1, "tools/list"), 4096, 2.5)
    assert answer(overflowed) == ErrorReady(
        origin(1), codes.OVERLOADED, "the server is full: try again in 2.5 s", {"inFlight": 4096, "retryAfter": 2.5}
    )


def test_a_bug_of_ours_is_an_internal_error_that_tells_nothing() -> None:
    assert answer(StageFailed(origin(1), "dispatch", "KeyError")) == ErrorReady(
        origin(1), codes.INTERNAL_ERROR, "internal error", {"errorId": error_id(SESSION, 1)}
    )


def test_a_bug_of_ours_that_concerns_no_request_is_not_answered() -> None:
    bug = StageFailed(origin(), "dispatch", "KeyError")
    assert through(respond(), bug) == [bug]


@pytest.mark.parametrize("kind", ["RequestReceived", "RequestOverflowed", "MessageMalformed"])
def test_a_bug_of_ours_that_keeps_a_request_from_getting_here_is_answered(kind: str) -> None:
    bug = StageFailed(origin(7), "admit", "KeyError", kind)
    assert through(respond(), bug) == [
        bug,
        ErrorReady(origin(7), codes.INTERNAL_ERROR, "internal error", {"errorId": error_id(SESSION, 7)}),
    ]


ENDS: list[Event] = [
    returned(1),
    failed(1),
    hit(1),
    RequestRejected(origin(1), codes.INVALID_PARAMS, "bad"),
    StageFailed(origin(1), "dispatch", "KeyError", "CallYielded"),
    ResponseReady(origin(1), b"{}"),
    RequestCancelled(origin(1), "the client cancelled it"),
]


@pytest.mark.parametrize("first", ENDS, ids=lambda event: type(event).__name__)
@pytest.mark.parametrize("second", ENDS, ids=lambda event: type(event).__name__)
def test_what_becomes_of_a_request_after_its_end_is_no_answer(first: Event, second: Event) -> None:
    ended, late = through(respond(), request(1), first), through(respond(), request(1), first, second)
    assert [event for event in late[len(ended) :] if event is not second] == []
    assert second in late[len(ended) :] or isinstance(second, ResponseReady | RequestCancelled)


def test_an_id_that_is_used_again_is_another_request() -> None:
    out = through(respond(), request(1), returned(1), request(1), returned(1))
    assert [type(event) for event in out[1:3]] == [type(event) for event in out[4:]] == [CallReturned, ResponseReady]


@pytest.mark.parametrize("event", [opened(), closed(), request(1), cancelled(1), admitted(1), yielded(1)])
def test_everything_else_is_not_answered(event: Event) -> None:
    assert through(respond(), event) == [event]
    assert through(respond(), request(1), event) == [request(1), event]
