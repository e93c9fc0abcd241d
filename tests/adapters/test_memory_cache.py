from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from adapters.memory_cache import MemoryCache
from pipeline.questions import Asker, Kept

A: Asker = ("session a", 1)
B: Asker = ("session b", 1)
C: Asker = ("session b", "1")


class Desk:
    """A cache, and what it answered whom."""

    def __init__(self, most_entries: int = 10, most_bytes: int = 1000) -> None:
        self.cache = MemoryCache(most_entries, most_bytes)
        self.answers: list[tuple[Asker, Kept | None]] = []

    def look(self, asker: Asker, key: str = "k", at: float = 0.0) -> None:
        self.cache.look(key, asker, at, lambda kept: self.answers.append((asker, kept)))

    def fill(self, asker: Asker, payload: bytes = b"{}", ttl: float = 5.0, at: float = 0.0, key: str = "k") -> None:
        self.cache.fill(key, asker, payload, ttl, at)


@pytest.fixture
def desk() -> Desk:
    return Desk()


def test_the_first_who_asks_finds_the_result_and_the_others_get_it(desk: Desk) -> None:
    for asker in (A, B, C):
        desk.look(asker)
    assert desk.answers == [(A, None)]
    desk.fill(A)
    assert desk.answers == [(A, None), (B, Kept(b"{}", 0.0)), (C, Kept(b"{}", 0.0))]


def test_a_result_is_kept_for_its_time_and_tells_its_age(desk: Desk) -> None:
    desk.look(A, at=1.0)
    desk.fill(A, ttl=5.0, at=2.0)
    desk.look(B, at=6.75)
    desk.look(C, at=7.0)
    assert desk.answers[1:] == [(B, Kept(b"{}", 4.75)), (C, None)]


def test_who_asks_while_an_old_result_is_found_anew_waits(desk: Desk) -> None:
    desk.look(A)
    desk.fill(A, b"old")
    desk.look(B, at=5.0)
    desk.look(C, at=5.5)
    desk.fill(B, b"new", at=6.0)
    assert desk.answers == [(A, None), (B, None), (C, Kept(b"new", 0.0))]


def test_when_the_finder_gives_up_the_next_who_waits_is_to_find_it(desk: Desk) -> None:
    for asker in (A, B, C):
        desk.look(asker)
    desk.cache.release("k", A)
    desk.cache.release("k", B)
    desk.fill(C)
    assert desk.answers == [(A, None), (B, None), (C, None)]
    desk.look(A)
    assert desk.answers[3:] == [(A, Kept(b"{}", 0.0))]


def test_who_stops_waiting_hears_nothing(desk: Desk) -> None:
    for asker in (A, B, C):
        desk.look(asker)
    desk.cache.release("k", B)
    desk.fill(A)
    assert desk.answers == [(A, None), (C, Kept(b"{}", 0.0))]


def test_when_everyone_has_given_up_the_next_who_asks_is_the_first(desk: Desk) -> None:
    desk.look(A)
    desk.cache.release("k", A)
    desk.cache.release("k", A)
    desk.cache.release("other", A)
    desk.look(B)
    assert desk.answers == [(A, None), (B, None)]


def test_a_finder_that_gave_up_can_still_bring_a_result(desk: Desk) -> None:
    desk.look(A)
    desk.look(B)
    desk.cache.release("k", A)
    desk.fill(A, b"late")
    desk.look(C)
    assert desk.answers == [(A, None), (B, None), (C, Kept(b"late", 0.0))]
    desk.fill(B, b"later")


def test_an_answer_may_ask_again(desk: Desk) -> None:
    desk.look(A)
    desk.cache.look("k", B, 0.0, lambda _: desk.look(C, at=0.0))
    desk.fill(A)
    assert desk.answers[-1] == (C, Kept(b"{}", 0.0))


def test_the_least_recently_used_go_first() -> None:
    desk = Desk(most_entries=2)
    for key in ("a", "b"):
        desk.fill(A, key=key)
    desk.look(B, "a")
    desk.fill(A, key="c")
    for key in ("a", "b", "c"):
        desk.look(C, key)
    assert [kept is not None for _, kept in desk.answers[1:]] == [True, False, True]


def test_results_have_a_size_together_and_what_exceeds_it_alone_is_not_kept() -> None:
    desk = Desk(most_bytes=10)
    desk.fill(A, b"x" * 11, key="big")
    assert (len(desk.cache), desk.cache.bytes) == (0, 0)
    for key in ("a", "b", "c"):
        desk.fill(A, b"x" * 4, key=key)
    assert (len(desk.cache), desk.cache.bytes) == (2, 8)
    desk.fill(A, b"x" * 10, key="c")
    assert (len(desk.cache), desk.cache.bytes) == (1, 10)


def test_a_result_that_is_too_big_to_keep_is_still_given_to_those_who_wait() -> None:
    desk = Desk(most_bytes=1)
    desk.look(A)
    desk.look(B)
    desk.fill(A, b"{ }")
    assert desk.answers == [(A, None), (B, Kept(b"{ }", 0.0))]
    assert len(desk.cache) == 0


ASKERS = st.sampled_from([(session, request) for session in "ab" for request in (1, 2, 3)])
KEYS = st.sampled_from(["k", "l"])


class Sharing(RuleBasedStateMachine):
    """Askers that look, find, and give up, in any order. What is promised is the same at every moment."""

    def __init__(self) -> None:
        super().__init__()
        self.cache = MemoryCache(most_entries=1, most_bytes=100)
        self.now = 0.0
        self.finding: set[tuple[str, Asker]] = set()
        self.waiting: set[tuple[str, Asker]] = set()

    def _answer(self, key: str, asker: Asker) -> Callable[[Kept | None], None]:
        def answer(kept: Kept | None) -> None:
            self.waiting.remove((key, asker))
            if kept is None:
                self.finding.add((key, asker))

        return answer

    @rule(key=KEYS, asker=ASKERS)
    def look(self, key: str, asker: Asker) -> None:
        if (key, asker) not in self.waiting | self.finding:  # an id is in flight once
            self.waiting.add((key, asker))
            self.cache.look(key, asker, self.now, self._answer(key, asker))

    @rule(data=st.data(), ttl=st.sampled_from([0.0, 1.0, 10.0]))
    def fill(self, data: st.DataObject, ttl: float) -> None:
        if self.finding:
            key, asker = data.draw(st.sampled_from(sorted(self.finding, key=repr)))
            self.finding.remove((key, asker))
            self.cache.fill(key, asker, b"{}", ttl, self.now)

    @rule(data=st.data())
    def give_up(self, data: st.DataObject) -> None:
        if everyone := sorted(self.finding | self.waiting, key=repr):
            key, asker = data.draw(st.sampled_from(everyone))
            self.finding.discard((key, asker))
            self.waiting.discard((key, asker))
            self.cache.release(key, asker)

    @rule(seconds=st.sampled_from([0.5, 5.0]))
    def wait(self, seconds: float) -> None:
        self.now += seconds

    @invariant()
    def one_finds_what_others_wait_for(self) -> None:
        for key in ("k", "l"):
            finders = [asker for k, asker in self.finding if k == key]
            assert len(finders) <= 1
            assert finders or not [asker for k, asker in self.waiting if k == key]

    @invariant()
    def bounds_hold(self) -> None:
        assert len(self.cache) <= 1
        assert self.cache.bytes == 2 * len(self.cache)


TestSharing = Sharing.TestCase
TestSharing.settings = settings(max_examples=60, stateful_step_count=30)


@given(st.lists(st.tuples(KEYS, st.binary(max_size=6), st.integers(0, 3)), max_size=30))
def test_the_bytes_are_those_of_what_is_kept(fills: list[tuple[str, bytes, int]]) -> None:
    cache = MemoryCache(2, 8)
    for at, (key, payload, ttl) in enumerate(fills):
        cache.fill(key, A, payload, float(ttl), float(at))
        assert cache.bytes == sum(len(entry.payload) for entry in cache._entries.values()) <= 8
