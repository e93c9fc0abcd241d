"""Places among those that run at once: taken, and given back once, whatever becomes of the requests."""

import itertools
import logging
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from adapters.memory_cache import MemoryCache
from adapters.memory_limits import MemoryLimits
from events.decided import ErrorReady, PermitAsked, PermitReturned, RequestCancelled, ResponseReady, StageFailed
from events.event import Event, Observed, Step
from events.observed import PermitGiven, PolicyReplaced, RequestReceived, SessionClosed
from operators.admit import admit
from operators.admitted import Admitted
from operators.answer_from_cache import answer_from_cache
from operators.authorize import authorize
from operators.dispatch import dispatch
from operators.emit_chunks import emit_chunks
from operators.policy import CacheRule, Limit, Policy, dump
from operators.rate_limit import rate_limit
from operators.respond import respond
from operators.return_permits import return_permits
from operators.stage import Stage, fuse, no_state, stage
from pipeline.hot import Hot
from pipeline.ingress import Ingress
from pipeline.questions import Asker, Key, Questions, Verdict
from tests.facts import (
    OTHER,
    SESSION,
    cancelled,
    closed,
    failed,
    left,
    opened,
    origin,
    permitted,
    refused,
    request,
    returned,
    yielded,
)
from tests.histories import EVENTS
from tests.passing import through

SLOTS = Limit("slots", "principal", concurrent=2, methods=("*",))
CALLS = Limit("calls", "session", per_second=0.001, burst=6)
BOTH = (SLOTS, CALLS)
SLOT = (("slots", "anonymous"),)
ASKED = PermitAsked(origin(1), (("calls", SESSION), *SLOT), 1.0)
BACK = PermitReturned(origin(1), SLOT)


@pytest.mark.parametrize(
    "end",
    [
        ResponseReady(origin(1)),
        ErrorReady(origin(1), -1, "failed"),
        RequestCancelled(origin(1), "the client cancelled it"),
        StageFailed(origin(1), "respond", "ZeroDivisionError", "CallReturned"),
    ],
)
def test_a_place_is_given_back_when_its_request_ends_and_only_once(end: Event) -> None:
    other = ResponseReady(origin(2))
    assert through(return_permits(BOTH), ASKED, other, end, end) == [ASKED, other, end, BACK, end]


@pytest.mark.parametrize("end", [closed(), StageFailed(origin(), "admit", "KeyError", "SessionClosed")])
def test_when_a_session_closes_all_its_places_are_given_back(end: Event) -> None:
    second = replace(ASKED, origin=origin("1"))
    out = through(return_permits(BOTH), ASKED, second, end)
    assert out[3:] == [BACK, replace(BACK, origin=origin("1"))]


def test_what_was_refused_was_never_taken() -> None:
    refusal, end = refused(1), ErrorReady(origin(1), -31002, "used up")
    assert through(return_permits(BOTH), ASKED, refusal, end) == [ASKED, refusal, end]


def test_where_nothing_is_limited_at_once_nothing_is_given_back() -> None:
    end = ResponseReady(origin(1))
    assert through(return_permits((CALLS,)), ASKED, end, closed()) == [ASKED, end, closed()]


def test_after_a_reload_the_places_of_the_new_policy_are_given_back() -> None:
    reloaded = PolicyReplaced(origin(None), dump(Policy(limits=BOTH)))
    out = through(return_permits((CALLS,)), reloaded, ASKED, ResponseReady(origin(1)))
    assert out[-1] == BACK


class Slow:
    """Limits that answer late, as those of another process do: in order, when they are told to."""

    def __init__(self, limits: Sequence[Limit]) -> None:
        self.there = MemoryLimits(limits)
        self.waiting: list[Callable[[], None]] = []
        self.out: set[tuple[Asker, Key]] = set()
        self.returned: list[tuple[Asker, Key]] = []

    def take(
        self, keys: Sequence[Key], costs: Sequence[float], asker: Asker, at: float, answer: Callable[[Verdict], None]
    ) -> None:
        def told(verdict: Verdict) -> None:
            if verdict.retry_after is None:
                self.out |= {(asker, key) for key in keys if key[0] == "slots"}
            answer(verdict)

        self.waiting.append(lambda: self.there.take(keys, costs, asker, at, told))

    def give_back(self, keys: Sequence[Key], asker: Asker) -> None:
        def free() -> None:
            for key in keys:
                self.returned += [(asker, key)] if (asker, key) in self.out else []
                self.out.discard((asker, key))
            self.there.give_back(keys, asker)

        self.waiting.append(free)

    def work(self, times: int = 1) -> None:
        for _ in range(min(times, len(self.waiting))):
            self.waiting.pop(0)()


class World:
    """The whole chain with limits that answer late, and two sessions."""

    def __init__(self, faults: Sequence[Stage] = (), give_back: Callable[..., Stage] = return_permits) -> None:
        cache = (CacheRule("tools/call", "add", 60.0),)
        stages = [
            *(admit(), authorize(anonymous=True), rate_limit(BOTH), answer_from_cache(cache), dispatch()),
            *(emit_chunks(), respond(), give_back(BOTH)),
        ]
        for place, fault in zip((3, 7), faults, strict=False):
            stages.insert(place, fault)
        self.limits = Slow(BOTH)
        self.steps: list[Step] = []
        self._ingress = Ingress()
        self._questions = Questions(self._ingress, self.limits, MemoryCache(), lambda: 5.0)
        accepted: Hot[Step] = Hot()
        fuse(*stages)(self._ingress.facts).subscribe(accepted.emit)
        accepted.subscribe(self.steps.append)
        accepted.subscribe(self._questions.ask)
        for session in (SESSION, OTHER):
            self.open(session)

    def open(self, session: str) -> None:
        self.push(opened(session=session))
        self.push(request(0, "initialize", {"protocolVersion": "2025-11-25"}, session=session))
        self.limits.work(99)
        self.push(returned(0, session=session))
        self.limits.work(99)

    def push(self, fact: Observed) -> None:
        self._ingress.push(fact)

    def end(self) -> None:
        for session in (SESSION, OTHER):
            self.push(closed(session=session))
        self.limits.work(999)

    @property
    def held(self) -> int:
        return sum(len(each) for each in self.limits.there._permits.values())

    def dispatched(self) -> int:
        """Requests of which the chain says that they run."""
        names = [type(decision).__name__ for step in self.steps for decision in step.decisions]
        return names.count("CallDispatched")


FACTS: tuple[Observed, ...] = (
    *(request(1, "tools/call", {"name": name}) for name in ("echo", "add")),
    request(1, "ping"),
    request(1, "no/such"),
    returned(1),
    returned(1, is_error=True),
    failed(1),
    cancelled(1),
    left(1),
    yielded(1),
    closed(),
)
acts = st.one_of(
    st.tuples(st.sampled_from(FACTS), st.sampled_from([1, 2, "1"]), st.sampled_from([SESSION, OTHER])),
    st.integers(1, 3),
)


def live(world: World, history: Sequence[Any]) -> None:
    for act in history:
        if isinstance(act, int):
            world.limits.work(act)
            continue
        fact, id, session = act
        moved = replace(fact, origin=origin(None if isinstance(fact, SessionClosed) else id, 0.0, session))
        world.push(moved)
        if isinstance(fact, SessionClosed):
            world.limits.work(99)
            world.open(session)


def check(world: World) -> None:
    """Nothing is held any more, and what was taken was given back once."""
    world.end()
    assert world.held == 0
    assert world.limits.out == set()


@given(st.lists(acts, max_size=50))
def test_no_place_is_lost_whatever_becomes_of_the_requests(history: list[Any]) -> None:
    world = World()
    live(world, history)
    assert world.held <= SLOTS.concurrent
    check(world)


def _fault(kinds: frozenset[type[Event]], every: int) -> Stage:
    met = itertools.count(1)

    def fail(_: None, event: Event) -> Sequence[Event]:
        if next(met) % every == 0:
            raise ZeroDivisionError
        return (event,)

    return stage("failing", no_state, dict.fromkeys(kinds, fail))


faults = st.builds(_fault, st.frozensets(st.sampled_from([*EVENTS, Admitted]), min_size=1), st.integers(1, 3))


@pytest.fixture
def quiet() -> Iterator[None]:
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


@pytest.mark.usefixtures("quiet")
@given(st.lists(faults, min_size=1, max_size=2), st.lists(acts, max_size=40))
def test_no_place_is_lost_when_operators_fail(faults: list[Stage], history: list[Any]) -> None:
    world = World(faults)
    live(world, history)
    check(world)


LOSING: tuple[Any, ...] = (
    (FACTS[0], 1, SESSION),
    1,
    (FACTS[0], 2, SESSION),
    (cancelled(1), 2, SESSION),
    1,
    (returned(1), 1, SESSION),
)


@pytest.mark.parametrize("forgets", [ResponseReady, RequestCancelled])
def test_an_operator_that_forgets_one_end_is_found_out(forgets: type[Event]) -> None:
    """The control: without this end a place stays taken until its lease lapses."""

    def careless(limits: Sequence[Limit]) -> Stage:
        careful = return_permits(limits)
        knows = {kind: decide for kind, decide in careful.knows.items() if kind not in (forgets, SessionClosed)}
        return stage("careless", dict, knows)

    world = World()
    live(world, LOSING)
    check(world)
    world = World(give_back=careless)
    live(world, LOSING)
    with pytest.raises(AssertionError):
        check(world)


def test_a_place_that_is_free_again_is_given_to_the_next() -> None:
    world = World()
    for id in (1, 2, 3):
        world.push(request(id, "tools/call", {"name": "echo"}))
    world.limits.work(99)
    told = [type(step.fact).__name__ for step in world.steps if step.fact.origin.request in (1, 2, 3)]
    assert told[3:] == ["PermitGiven", "PermitGiven", "PermitRefused"]
    world.push(returned(1))
    world.push(request(4, "tools/call", {"name": "echo"}))
    world.limits.work(99)
    assert isinstance(world.steps[-1].fact, PermitGiven)
    check(world)


def test_a_fact_that_comes_for_nobody_changes_nothing() -> None:
    stray = (permitted(7), refused(7), RequestReceived(origin(7), request(7).message))
    assert through(return_permits(BOTH), *stray) == list(stray)
