"""Every request gets one answer, whichever operator fails on whatever."""

import itertools
import logging
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from reactivex.subject import Subject

from events.decided import (
    CacheAsked,
    CallDispatched,
    ErrorReady,
    PermitAsked,
    RequestCancelled,
    ResponseReady,
    StageFailed,
)
from events.event import Event, Observed, Step
from events.observed import (
    CacheHit,
    CallFailed,
    CallReturned,
    CallYielded,
    MessageMalformed,
    RequestOverflowed,
    RequestReceived,
)
from operators.admit import admit
from operators.admitted import Admitted
from operators.answer_from_cache import answer_from_cache
from operators.authorize import authorize
from operators.dispatch import dispatch
from operators.emit_chunks import emit_chunks
from operators.measure import NoMeter, measure
from operators.rate_limit import rate_limit
from operators.respond import respond
from operators.stage import Stage, fuse, no_state, stage
from tests.facts import (
    cancelled,
    closed,
    failed,
    hit,
    left,
    logged,
    message,
    missed,
    modern,
    opened,
    origin,
    permitted,
    progressed,
    read,
    refused,
    request,
    returned,
    yielded,
)
from tests.histories import EVENTS, POLICY

ENDS = (ResponseReady, ErrorReady, RequestCancelled)
META = {"progressToken": "t"}
REQUESTS = (
    request(1, "ping"),
    request(1, "no/such"),
    request(1, "tools/list"),
    request(1, "tools/call", {"name": "add", "_meta": META}),
    request(1, "tools/call", {"name": "echo", "_meta": META}),
    request(1, "initialize", {"protocolVersion": "2025-11-25"}),
    modern(1, "tools/call", {"name": "add"}),
    modern(1, "tools/call", {"name": "echo"}),
    RequestOverflowed(origin(1), message(1, "tools/list"), 1, 1.0),
    read(b"{"),
    read(b'{"jsonrpc":"2.0","id":7,"method":1}'),
    read(b'{"jsonrpc":"2.0","id":7,"result":1,"error":1}'),
)
ANSWERS: dict[type[Event], tuple[Observed, ...]] = {
    PermitAsked: (permitted(1), refused(1)),
    CacheAsked: (hit(1), missed(1)),
    CallDispatched: (returned(1), returned(1, is_error=True), failed(1)),
}
TOLD = (yielded(1), progressed(1, 1.0), progressed(1, 2.0), logged(1, "error"), cancelled(1), left(1))


class Fault(NamedTuple):
    """A stage that fails, before the stage ``place``, on each ``every``-th event of these kinds."""

    place: int
    kinds: frozenset[type[Event]]
    every: int

    def stage(self) -> Stage:
        met = itertools.count(1)

        def fail(_: None, event: Event) -> Sequence[Event]:
            if next(met) % self.every == 0:
                raise ZeroDivisionError
            return (event,)

        return stage("failing", no_state, dict.fromkeys(self.kinds, fail))


class Rim:
    """What surrounds a chain: clients that use no id twice at once, and someone who answers what the chain asks."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        stages = [
            *(
                admit(POLICY.extensions),
                authorize(anonymous=True),
                rate_limit(POLICY.limits),
                answer_from_cache(POLICY.cache),
            ),
            *(dispatch(), emit_chunks(), respond(), measure(NoMeter())),
        ]
        for fault in sorted(faults, key=lambda each: -each.place):
            stages.insert(fault.place, fault.stage())
        self.ends: Counter[str] = Counter()
        self.unasked: list[Step] = []
        self.asked: list[tuple[int, type[Event]]] = []
        self._owed: dict[int, str] = {}
        self._names = map(str, itertools.count())
        self._last: Step
        self._source: Subject[Observed] = Subject()
        fuse(*stages)(self._source).subscribe(self._take)
        self.push(opened(policy=POLICY))
        self.ask(1, REQUESTS[5])
        self.finish()

    def ask(self, id: int, fact: Observed) -> None:
        """A request comes, unless one with its id is in flight."""
        if isinstance(fact, MessageMalformed):
            self._alone(fact, owed=fact.answer)
        elif id not in self._owed:
            if isinstance(fact, RequestReceived):
                self._owed[id] = name = next(self._names)
                self.ends[name] = 0
                self.push(_of(id, fact))
            else:
                self._alone(_of(id, fact), owed=True)

    def push(self, fact: Observed) -> None:
        self._source.on_next(fact)
        for decision in self._last.decisions:
            id: Any = decision.origin.request
            if type(decision) in ENDS:
                if id in self._owed:
                    self.ends[self._owed.pop(id)] += 1
                else:
                    self.unasked.append(self._last)
            elif type(decision) in ANSWERS:
                self.asked.append((id, type(decision)))

    def tell(self, index: int, choice: int) -> None:
        """Answer one of the questions that the chain has asked."""
        if self.asked:
            id, question = self.asked.pop(index % len(self.asked))
            self.push(_of(id, ANSWERS[question][choice % len(ANSWERS[question])]))

    def finish(self) -> None:
        while self.asked:
            self.tell(0, 0)

    def check(self) -> None:
        """Every request that came has ended once."""
        assert self.unasked == []
        assert set(self.ends.values()) == {1}, self.ends

    def _alone(self, fact: Observed, *, owed: bool) -> None:
        """Something comes that is answered at once."""
        self._source.on_next(fact)
        name = next(self._names)
        self.ends[name] = sum(type(decision) in ENDS for decision in self._last.decisions)
        if not owed:
            assert self.ends.pop(name) == 0

    def _take(self, step: Step) -> None:
        self._last = step


def _of(id: int, fact: Observed) -> Observed:
    return replace(fact, origin=origin(id))


actions = st.one_of(
    st.tuples(st.just("ask"), st.integers(1, 3), st.sampled_from(REQUESTS)),
    st.tuples(st.just("tell"), st.integers(0, 5), st.integers(0, 2)),
    st.tuples(st.just("push"), st.integers(1, 3), st.sampled_from(TOLD)),
)
# Whether a malformed message is owed an answer nobody can say who has not seen it.
KINDS = [kind for kind in (*EVENTS, Admitted) if kind is not MessageMalformed]
faults = st.builds(
    Fault,
    st.integers(0, 8),
    st.frozensets(st.sampled_from(KINDS), min_size=1),
    st.integers(1, 3),
)


@pytest.fixture
def quiet() -> Iterator[None]:
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


def live(rim: Rim, history: Sequence[tuple[str, int, Any]]) -> None:
    for action, id, what in history:
        match action:
            case "ask":
                rim.ask(id, what)
            case "tell":
                rim.tell(id, what)
            case _:
                rim.push(_of(id, what))
    rim.finish()


@pytest.mark.usefixtures("quiet")
@given(st.lists(faults, max_size=2), st.lists(actions, max_size=40))
def test_every_request_is_answered_once_whatever_fails(
    faults: list[Fault], history: list[tuple[str, int, Any]]
) -> None:
    rim = Rim(faults)
    live(rim, history)
    rim.check()
    rim.push(closed())
    rim.check()


@pytest.mark.usefixtures("quiet")
@pytest.mark.parametrize("kind", [RequestReceived, Admitted, CallYielded, CallReturned, CallDispatched])
def test_a_request_that_meets_a_fault_is_answered_once(kind: type[Event]) -> None:
    for place in range(9):
        rim = Rim([Fault(place, frozenset({kind}), 2)])
        live(rim, CALL)
        rim.check()


CALL = (("ask", 1, REQUESTS[4]), ("tell", 0, 0), ("push", 1, TOLD[0]), ("push", 1, TOLD[0]), ("push", 1, TOLD[4]))


@pytest.mark.usefixtures("quiet")
@pytest.mark.parametrize("answers", [(CallReturned, CacheHit, CallFailed, StageFailed), (CallReturned, CallFailed)])
def test_a_chain_that_does_not_know_what_is_owed_is_found_out(
    answers: tuple[type[Event], ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The control: such a chain answers twice when it answers faults too, and not at all when it does not."""

    def careless() -> Stage:
        def answer(_: None, event: Event) -> Sequence[Event]:
            return (event, ResponseReady(event.origin))

        return stage("careless", no_state, dict.fromkeys(answers, answer))

    monkeypatch.setattr(sys.modules[__name__], "respond", careless)
    rim = Rim([Fault(4, frozenset({CallYielded if StageFailed in answers else CallReturned}), 2)])
    live(rim, CALL[:4])
    with pytest.raises(AssertionError):
        rim.check()
