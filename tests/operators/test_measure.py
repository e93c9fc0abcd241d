import sys

import pytest
from reactivex.subject import Subject

from events import codes
from events.decided import ChunkEmitted, ErrorReady, LogEmitted, ProgressEmitted, RequestCancelled, ResponseReady
from events.event import Event, RequestId
from events.observed import MessageMalformed, RequestOverflowed
from operators.measure import NoMeter, measure
from tests.facts import OTHER, SESSION, closed, failed, hit, message, opened, origin, refused, request, returned
from tests.passing import through


class Counted:
    """A meter that keeps what it is told."""

    def __init__(self) -> None:
        self.answers: list[tuple[str, str, str, float]] = []
        self.open: list[int] = []

    def answered(self, method: str, name: str, outcome: str, seconds: float) -> None:
        self.answers.append((method, name, outcome, seconds))

    def sessions(self, change: int) -> None:
        self.open.append(change)


class Detailed(Counted):
    """One that wants to know more."""

    def __init__(self) -> None:
        super().__init__()
        self.codes: list[int] = []
        self.kinds: list[str] = []

    def failed(self, code: int) -> None:
        self.codes.append(code)

    def emitted(self, kind: str) -> None:
        self.kinds.append(kind)


def counted(*events: Event) -> list[tuple[str, str, str, float]]:
    meter = Counted()
    assert through(measure(meter), *events) == list(events)
    return meter.answers


def call(id: RequestId = 1, at: float = 1.0, session: str = SESSION) -> Event:
    return request(id, "tools/call", {"name": "echo"}, at=at, session=session)


def ready(id: RequestId = 1, at: float = 1.0) -> ResponseReady:
    return ResponseReady(origin(id, at))


def error(id: RequestId = 1, at: float = 1.0) -> ErrorReady:
    return ErrorReady(origin(id, at), codes.INTERNAL_ERROR, "")


@pytest.mark.parametrize(
    ("fact", "decision", "word"),
    [
        (returned(1, at=1.5), ready(at=1.5), "ok"),
        (returned(1, at=1.5, is_error=True), ready(at=1.5), "tool error"),
        (hit(1, at=1.5), ready(at=1.5), "cached"),
        (failed(1, at=1.5), error(at=1.5), "error"),
        (refused(1, at=1.5), error(at=1.5), "throttled"),
    ],
)
def test_a_request_is_counted_with_its_outcome_and_its_seconds(fact: Event, decision: Event, word: str) -> None:
    assert counted(call(), fact, decision) == [("tools/call", "echo", word, 0.5)]


def test_a_request_may_end_at_the_moment_in_which_it_came() -> None:
    assert counted(call(), error()) == [("tools/call", "echo", "rejected", 0.0)]
    assert counted(request(1, "ping"), ResponseReady(origin(1), b"{}")) == [("ping", "", "ok", 0.0)]


def test_a_cancelled_request_is_counted_too() -> None:
    assert counted(call(), RequestCancelled(origin(1, 3.0), "")) == [("tools/call", "echo", "cancelled", 2.0)]


@pytest.mark.parametrize(
    "fact",
    [
        MessageMalformed(origin(1), codes.INVALID_REQUEST, "", b"", b"", 0),
        RequestOverflowed(origin(1), message(1, "tools/list"), 9, 1.0),
    ],
)
def test_an_answer_to_what_was_not_taken_in_is_no_requests_answer(fact: Event) -> None:
    assert counted(call(), fact, error(), returned(1, at=2.0), ready(at=2.0)) == [
        ("", "", "rejected", 0.0),
        ("tools/call", "echo", "ok", 1.0),
    ]


def test_requests_are_told_apart_by_id_and_session() -> None:
    answers = counted(
        call(1), call("1", at=2.0), call(1, 3.0, OTHER), returned("1", at=4.0), ready("1", 4.0), returned(1, at=6.0),
        ready(1, 6.0),
    )  # fmt: skip
    assert [seconds for *_, seconds in answers] == [2.0, 5.0]


def test_an_idle_session_holds_on_to_no_payload() -> None:
    result = returned(1, b"x" * 10_000, at=2.0)
    references = sys.getrefcount(result)
    stage, source = measure(Counted()), Subject[Event]()
    stage(source).subscribe()
    for event in (opened(), call(), result, ready(at=2.0)):
        source.on_next(event)
    assert sys.getrefcount(result) == references


def test_sessions_are_counted_as_they_open_and_close() -> None:
    meter = Counted()
    through(measure(meter), opened(), opened(session=OTHER), closed(), closed(session=OTHER))
    assert meter.open == [1, 1, -1, -1]


def test_figures_can_be_done_without() -> None:
    assert through(measure(NoMeter()), opened(), call(), ready(), closed()) == [opened(), call(), ready(), closed()]


def test_a_meter_that_wants_to_know_is_told_of_codes_and_of_what_was_emitted() -> None:
    meter = Detailed()
    emitted = [ChunkEmitted(origin(1), "t", 1), ProgressEmitted(origin(1), "t"), LogEmitted(origin(1))]
    events = [opened(), call(), *emitted, failed(1), error(), call(2), ready(2)]
    assert through(measure(meter), *events) == events
    assert (meter.codes, meter.kinds) == ([codes.INTERNAL_ERROR], ["chunk", "progress", "log"])
    assert [outcome for _, _, outcome, _ in meter.answers] == ["error", "ok"]
