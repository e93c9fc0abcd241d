import pytest

from events import codes
from events.decided import ErrorReady, RequestRejected, ResponseReady, StageFailed
from events.event import Event
from events.observed import MessageMalformed, RequestOverflowed
from operators.respond import respond
from tests.facts import admitted, cancelled, closed, failed, hit, message, opened, origin, request, returned, yielded
from tests.passing import through

MALFORMED = MessageMalformed(origin(None, 1.0), codes.PARSE_ERROR, "not JSON", b"{", b"\0" * 32, 1)


def answer(event: Event) -> Event:
    first, second = through(respond(), event)
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
        origin(1), codes.INTERNAL_ERROR, "internal error", None
    )


def test_a_bug_of_ours_that_concerns_no_request_is_not_answered() -> None:
    bug = StageFailed(origin(), "dispatch", "KeyError")
    assert through(respond(), bug) == [bug]


@pytest.mark.parametrize("event", [opened(), closed(), request(1), cancelled(1), admitted(1), yielded(1)])
def test_everything_else_is_not_answered(event: Event) -> None:
    assert through(respond(), event) == [event]
