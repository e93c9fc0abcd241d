"""A secret is stored as its tag and told as it is."""

import json

import pytest

from events.decided import ChunkEmitted, ErrorReady, LogEmitted, ProgressEmitted, ResponseReady, StreamEmitted
from events.event import Decided, Observed, Step
from events.frames import frame
from events.observed import CacheHit, CallFailed, CallReturned, CallYielded, MessageLogged, ProgressReported
from events.record import pack, pack_event, unpack
from events.told import original, told_as
from tests.facts import SESSION, origin

AT = origin(1, 1.0)
PAYLOAD = told_as(b'{"type":"text","text":"[tag]"}', b'{"type":"text","text":"hunter2"}')
TEXT = told_as("no [tag]", "no hunter2")
DATA = told_as({"about": "[tag]"}, {"about": "hunter2"})

PAIRS: list[tuple[Observed, Decided]] = [
    (CallReturned(AT, PAYLOAD), ResponseReady(AT)),
    (CacheHit(AT, PAYLOAD, 1.0), ResponseReady(AT)),
    (CallYielded(AT, PAYLOAD), ChunkEmitted(AT, "t", 1)),
    (CallYielded(AT, PAYLOAD), StreamEmitted(AT, "s", 0)),
    (ProgressReported(AT, 1.0, None, TEXT), ProgressEmitted(AT, "t")),
    (MessageLogged(AT, "info", TEXT, PAYLOAD), LogEmitted(AT)),
    (CallFailed(AT, 1, TEXT, DATA), ErrorReady(AT, 1, TEXT, DATA)),
]


@pytest.mark.parametrize(("fact", "decision"), PAIRS, ids=lambda event: type(event).__name__)
def test_what_is_sent_has_the_secret_and_what_is_stored_has_its_tag(fact: Observed, decision: Decided) -> None:
    sent = frame(decision, fact)
    assert b"hunter2" in sent
    assert b"[tag]" not in sent
    json.loads(sent)
    state = pack([Step(fact, (decision,))])
    assert b"hunter2" not in state + pack_event(fact) + pack_event(decision)
    (step,) = unpack(state, SESSION)
    assert step == Step(fact, (decision,))
    assert b"[tag]" in frame(step.decisions[0], step.fact)  # which is what a log can show


def test_what_was_given_no_other_form_is_told_as_it_is() -> None:
    assert (original(b"a"), original("a"), original({"a": 1}), original(None)) == (b"a", "a", {"a": 1}, None)


def test_no_other_kind_of_value_becomes_storable_by_this() -> None:
    class Strange:
        pass

    with pytest.raises(TypeError):
        pack_event(CallFailed(AT, 1, "", {"at": Strange()}))
