"""A session's events in order."""

import pytest

from replay.position import Position
from replay.timeline import Entry, Timeline
from tests.replay.live import ONE, Live


def entries(live: Live) -> list[Entry]:
    return list(Timeline(live.reader().session(ONE)).entries())


def a_session() -> Live:
    live = Live()
    live.open()
    live.initialize()
    live.flush()
    live.now += 0.5
    live.call(1, text="x")
    live.call("1", "add", a=1, b=2)
    live.flush()
    live.now += 0.25
    live.returned(1)
    live.receive(b"{\x1b")
    live.close()
    return live


def test_each_event_has_a_position_and_an_offset_in_milliseconds() -> None:
    found = entries(a_session())
    assert [str(entry.position) for entry in found[:3]] == ["1.0", "1.1", "1.2"]
    assert [entry.position for entry in found] == sorted(entry.position for entry in found)
    assert (found[0].offset, found[-1].offset) == (0.0, 750.0)


def test_each_event_about_a_request_names_its_method_and_tool() -> None:
    named = {(type(entry.event).__name__, entry.method, entry.name) for entry in entries(a_session())}
    assert ("CallReturned", "tools/call", "echo") in named
    assert ("CacheAsked", "tools/call", "add") in named
    assert ("SessionAgreed", "initialize", "") in named


def test_what_follows_an_answer_still_belongs_to_its_request() -> None:
    live = Live()
    live.open()
    live.initialize()
    live.call(1, "add", a=1, b=2)
    live.returned(1)
    assert [(type(entry.event).__name__, entry.name) for entry in entries(live)][-2:] == [
        ("ResponseReady", "add"),
        ("CacheFilled", "add"),
    ]


def test_the_event_that_ends_a_request_tells_how() -> None:
    ended = [(entry.event.origin.request, entry.outcome) for entry in entries(a_session()) if entry.outcome]
    assert ended == [(0, "ok"), (1, "ok"), (None, "rejected"), ("1", "cancelled")]


def test_requests_in_flight_are_those_without_an_answer_at_that_position() -> None:
    live = a_session()
    timeline = Timeline(live.reader().session(ONE))
    shown = list(timeline.entries(Position.parse("2")))
    assert shown[-1].position.record == 2
    assert [(flight.request, flight.name, flight.since) for flight in timeline.in_flight.values()] == [
        (1, "echo", 500.0),
        ("1", "add", 500.0),
    ]
    assert [flight.latest for flight in timeline.in_flight.values()] == ["CallDispatched", "CallDispatched"]


def test_a_place_within_a_record_cuts_the_record() -> None:
    shown = list(Timeline(a_session().reader().session(ONE)).entries(Position(1, 1)))
    assert [str(entry.position) for entry in shown] == ["1.0", "1.1"]


def test_frames_are_what_came_and_what_went() -> None:
    frames = {type(entry.event).__name__: entry.frame for entry in entries(a_session())}
    assert frames["ResponseReady"] == b'{"jsonrpc":"2.0","id":1,"result":{"content":[]}}'
    assert frames["MessageMalformed"] == b"{\x1b"
    assert frames["CallDispatched"] is None
    assert (frames["RequestReceived"] or b"").startswith(b'{"jsonrpc":"2.0","id":"1"')


@pytest.mark.parametrize("text", ["", "x", "1.", ".1", "1.2.3", "-1", "1.-1", "²"])
def test_a_text_that_is_no_position_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="no position"):
        Position.parse(text)


def test_a_record_number_alone_stands_for_its_end() -> None:
    assert Position.parse("7") > Position(7, 1000)
    assert Position.parse("7") < Position(8, 0)
