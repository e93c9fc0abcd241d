import math
from contextlib import suppress

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from events.decided import CallDispatched, ErrorReady, ResponseReady
from events.event import Event, Step
from events.observed import CallReturned, RequestReceived, SessionOpened
from events.record import UnreadableRecord, pack, pack_event, unpack, unpack_facts
from tests.facts import SESSION, closed, missed, origin, request, returned
from tests.histories import EVENTS, events_of, steps


@settings(max_examples=50)
@given(st.lists(steps(), max_size=3))
def test_what_is_packed_is_unpacked_the_same(packed: list[Step]) -> None:
    state = pack(packed)
    again = unpack(state, SESSION)
    assert again == packed
    assert pack(again) == state
    assert unpack_facts(state, SESSION) == [step.fact for step in packed]


@pytest.mark.parametrize("kind", EVENTS, ids=lambda kind: kind.__name__)
@settings(max_examples=10)
@given(data=st.data())
def test_every_class_of_event_is_stored_under_its_name(kind: type[Event], data: st.DataObject) -> None:
    event = data.draw(events_of(kind))
    tag, values = msgspec.msgpack.decode(pack_event(event))
    assert tag == kind.__name__
    head = [event.origin.request, event.origin.at]
    assert (
        values[: len(values) - len(kind.__struct_fields__) + 1] == head[: len(values) - len(kind.__struct_fields__) + 1]
    )


def test_a_records_ids_keep_their_types() -> None:
    facts = [request(1), request("1")]
    assert [type(fact.origin.request) for fact in unpack_facts(pack(Step(fact, ()) for fact in facts), SESSION)] == [
        int,
        str,
    ]


def test_a_decision_has_the_time_of_its_fact_which_is_stored_once() -> None:
    at = 1_700_000_000.123
    step = Step(returned(1, at=at), (ResponseReady(origin(1, at)), ErrorReady(origin(1, at), 1, "")))
    state = pack([step])
    assert unpack(state, SESSION) == [step]
    assert state.count(msgspec.msgpack.encode(at)) == 1


def test_the_session_is_not_stored_in_its_rows() -> None:
    assert SESSION.encode() not in pack([Step(closed(), ())])


def test_bytes_are_stored_as_they_came() -> None:
    raw = b'{ "id":1,"jsonrpc":"2.0", "method":"a","params":{"b":1.0,"a":1e2,"\\u0061":123456789012345678901234567890}}'
    raw = raw.replace(b'"\\u0061":', b'"c":')
    fact = RequestReceived(origin(1), request(1).message.__class__(raw))
    state = pack([Step(fact, ())])
    assert raw in state
    (again,) = unpack_facts(state, SESSION)
    assert isinstance(again, RequestReceived)
    assert (again.message.raw, again.message.body) == (raw, fact.message.body)


def test_a_row_that_is_older_than_a_field_takes_its_default() -> None:
    rows = [
        [["SessionOpened", [None, 1.0, "http", "peer", "me", b"{}"]]],
        [["CallReturned", [1, 2.0, b"{}"]]],
        [["CacheMissed", [1, 3.0], "ResponseReady", [1], "ErrorReady", [1, -1, "no"]]],
    ]
    opened, ended, answered = (unpack(msgspec.msgpack.encode(row), SESSION)[0] for row in rows)
    assert opened.fact == SessionOpened(origin(None, 1.0), "http", "peer", "me", b"{}", trace="")
    assert ended.fact == CallReturned(origin(1, 2.0), b"{}", is_error=False)
    assert answered.decisions == (ResponseReady(origin(1, 3.0), b""), ErrorReady(origin(1, 3.0), -1, "no", None))


def row(*parts: object) -> bytes:
    return msgspec.msgpack.encode([list(parts)])


DAMAGED = {
    "nothing": b"",
    "no msgpack": b"\xc1",
    "cut off": pack([Step(request(1), ())])[:-1],
    "more behind it": pack([Step(request(1), ())]) + b"\0",
    "no array": msgspec.msgpack.encode({"a": 1}),
    "an empty step": row(),
    "a tag without values": row("CallReturned"),
    "a decision without values": row("CacheMissed", [1, 1.0], "ResponseReady"),
    "an unknown tag": row("LaterEvent", [1, 1.0]),
    "an unknown decision": row("CacheMissed", [1, 1.0], "LaterEvent", [1]),
    "a tag that names a class of Python": row("builtins.eval", [1, 1.0]),
    "a tag that is no text": row(7, [1, 1.0]),
    "a tag that is an array": row([7], [1, 1.0]),
    "a decision where a fact belongs": row("ResponseReady", [1, b""]),
    "too few values": row("CallYielded", [1, 1.0]),
    "values of the wrong type": row("CallYielded", [1, 1.0, 7]),
    "an id of the wrong type": row("CallYielded", [1.5, 1.0, b""]),
    "a time that is none": row("CallYielded", [1, "now", b""]),
    "values that are no array": row("CallYielded", 7),
    "a message that is no JSON": row("RequestReceived", [1, 1.0, b"{"]),
    "a message that is no object": row("RequestReceived", [1, 1.0, b"[]"]),
    "a message that is too deep": row("RequestReceived", [1, 1.0, b"[" * 100_000]),
}


@pytest.mark.parametrize("state", DAMAGED.values(), ids=DAMAGED)
def test_a_damaged_row_is_told_with_its_session(state: bytes) -> None:
    with pytest.raises(UnreadableRecord, match=f"a record of session {SESSION} cannot be read: "):
        unpack(state, SESSION)


def test_a_tag_of_a_later_version_is_named() -> None:
    with pytest.raises(UnreadableRecord, match="'LaterEvent' is no event known to this version"):
        unpack(row("LaterEvent", [1, 1.0]), SESSION)


@given(steps().map(lambda step: [step]), st.data())
def test_whatever_is_done_to_a_row_nothing_else_is_raised(packed: list[Step], data: st.DataObject) -> None:
    state = bytearray(pack(packed))
    for _ in range(data.draw(st.integers(1, 3))):
        state[data.draw(st.integers(0, len(state) - 1))] = data.draw(st.integers(0, 255))
    for read in (unpack, unpack_facts):
        with suppress(UnreadableRecord):
            read(bytes(state), SESSION)


def test_no_number_of_a_fact_is_changed() -> None:
    for number in (0.1, 1e-300, 1.7e308, -0.0, 1_700_000_000.0000002):
        (fact,) = unpack_facts(pack([Step(missed(1, at=number), ())]), SESSION)
        assert fact.origin.at.hex() == number.hex()
    assert math.copysign(1, unpack_facts(pack([Step(missed(1, at=-0.0), ())]), SESSION)[0].origin.at) == -1


def test_a_decision_that_is_replayed_is_compared_in_full() -> None:
    one, other = (CallDispatched(origin(1), "tools/call", name, "2026-07-28") for name in ("a", "b"))
    assert pack_event(one) != pack_event(other)
