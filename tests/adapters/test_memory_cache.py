import tracemalloc
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar, cast

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from adapters.cache_entries import ENTRY_OVERHEAD, TAG_OVERHEAD, size_of
from adapters.memory_cache import MOST_DROPPED, MemoryCache
from pipeline.questions import Asker, Kept
from tests.adapters.cache_oracle import Oracle

Result = TypeVar("Result")

A: Asker = ("session a", 1)
B: Asker = ("session b", 1)
C: Asker = ("session b", "1")


class Desk:
    """A cache, and what it answered whom."""

    def __init__(self, most_entries: int = 10, most_bytes: int = 10_000) -> None:
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
    least = size_of("k", b"")
    desk = Desk(most_bytes=2 * least + 10)
    desk.fill(A, b"x" * (least + 11), key="k")
    assert (len(desk.cache), desk.cache.bytes) == (0, 0)
    for key in ("a", "b", "c"):
        desk.fill(A, b"x" * 4, key=key)
    assert (len(desk.cache), desk.cache.bytes) == (2, 2 * least + 8)
    desk.fill(A, b"x" * (least + 10), key="c")
    assert (len(desk.cache), desk.cache.bytes) == (1, 2 * least + 10)


def test_the_stated_overheads_are_what_python_takes() -> None:
    """At the worst moment: when the dictionaries have just grown."""
    for tags in ((), ("t",)):
        cache = MemoryCache(10**6, 10**9)
        tracemalloc.start()
        before, _ = tracemalloc.get_traced_memory()
        for number in range(22_000):
            cache.fill(
                f"{number:064d}", A, bytes(200), 60.0, float(number), tuple(f"{tag}{number:06d}" for tag in tags)
            )
        taken = tracemalloc.get_traced_memory()[0] - before
        tracemalloc.stop()
        stated = ENTRY_OVERHEAD + (TAG_OVERHEAD if tags else 0)
        assert 0.5 * stated < taken / 22_000 - 200 - 64 < 1.05 * stated
        assert cache.bytes == 22_000 * (200 + 64 + stated + sum(7 for _ in tags))


def test_a_result_that_is_too_big_to_keep_is_still_given_to_those_who_wait() -> None:
    desk = Desk(most_bytes=size_of("k", b"{ }") - 1)
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
        self.cache = MemoryCache(most_entries=1, most_bytes=1000)
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
        assert self.cache.bytes == size_of("k", b"{}") * len(self.cache)


TestSharing = Sharing.TestCase
TestSharing.settings = settings(max_examples=60, stateful_step_count=30)


def test_a_search_during_which_too_many_tags_were_dropped_brings_nothing(desk: Desk) -> None:
    desk.look(A)
    desk.look(B)
    for number in range(MOST_DROPPED + 1):
        desk.cache.invalidate(f"tag {number}")
    desk.fill(A)
    assert desk.answers == [(A, None), (B, None)]
    assert len(desk.cache) == 0


def test_a_share_of_the_bytes_can_be_freed() -> None:
    cache = MemoryCache(100, 10**6)
    for key in "abcd":
        cache.fill(key, A, b"x", 60.0, 0.0)
    assert cache.shrink(0.5) == 2 * size_of("a", b"x")
    assert [cache.find(key, 1.0) is not None for key in "abcd"] == [False, False, True, True]
    assert cache.shrink(1.0) == 0
    assert cache.shrink(0.0) == 2 * size_of("a", b"x")
    assert len(cache) == 0


def test_a_cache_can_be_confined_to_a_share_of_what_it_may_hold() -> None:
    one = size_of("a", b"x")
    cache = MemoryCache(100, 4 * one)
    for key in "abcd":
        assert cache.keep(key, b"x", 0.0, 60.0)
    cache.confine(0.5)
    assert cache.bytes == 2 * one
    assert cache.keep("e", b"x", 0.0, 60.0)
    assert [cache.find(key, 1.0) is not None for key in "abcde"] == [False, False, False, True, True]
    cache.confine(0.0)
    assert not cache.keep("a", b"x", 0.0, 60.0)
    assert len(cache) == cache.bytes == 0
    cache.confine(1.0)
    for key in "abcd":
        assert cache.keep(key, b"x", 0.0, 60.0)
    assert cache.bytes == 4 * one


MOST_ENTRIES, MOST_BYTES = 4, 4 * size_of("a", b"", ("t",)) + 100
NAMES = st.sampled_from("abcdef\u00fc")
TAGS = st.sets(st.sampled_from(["red", "round", "\u20ac"])).map(tuple)
PAYLOADS = st.one_of(st.binary(max_size=40), st.integers(0, 2 * MOST_BYTES).map(bytes))


class AsTheOracle(RuleBasedStateMachine):
    """What is kept, in which order it goes, its bytes and its time are those of the naive cache at every moment."""

    def __init__(self) -> None:
        super().__init__()
        self.cache = MemoryCache(MOST_ENTRIES, MOST_BYTES)
        self.oracle = Oracle(MOST_ENTRIES, MOST_BYTES)
        self.now = 0.0

    @rule(key=NAMES, payload=PAYLOADS, ttl=st.sampled_from([0.0, 1.0, 5.0, 100.0]), tags=TAGS)
    def put(self, key: str, payload: bytes, ttl: float, tags: tuple[str, ...]) -> None:
        size = size_of(key, payload, tags)
        kept = self.oracle.put(key, payload, size, ttl, self.now, tags)
        assert run(self.cache.put(key, payload, ttl, self.now, tags)) == kept

    @rule(key=NAMES, payload=PAYLOADS, tags=TAGS)
    def find_and_fill(self, key: str, payload: bytes, tags: tuple[str, ...]) -> None:
        answers: list[Kept | None] = []
        self.cache.look(key, A, self.now, answers.append)
        known = self.oracle.get(key, self.now)
        assert answers == [known and Kept(*known)]
        if known is None:
            self.oracle.put(key, payload, size_of(key, payload, tags), 3.0, self.now, tags)
            self.cache.fill(key, A, payload, 3.0, self.now, tags)

    @rule(key=NAMES)
    def get(self, key: str) -> None:
        known = self.oracle.get(key, self.now)
        assert run(self.cache.get(key, self.now)) == (known and Kept(*known))

    @rule(key=NAMES)
    def delete(self, key: str) -> None:
        assert run(self.cache.delete(key)) == self.oracle.delete(key)

    @rule(tag=st.sampled_from(["red", "round", "\u20ac", "none"]))
    def delete_tag(self, tag: str) -> None:
        assert run(self.cache.delete_tag(tag)) == self.oracle.delete_tag(tag)

    @rule()
    def clear(self) -> None:
        assert run(self.cache.clear()) == self.oracle.clear()

    @rule(seconds=st.sampled_from([0.25, 1.0, 4.0]))
    def wait(self, seconds: float) -> None:
        self.now += seconds

    @invariant()
    def the_same_is_kept_in_the_same_order(self) -> None:
        assert [*self.cache._entries] == [one.key for one in self.oracle.kept]
        assert (self.cache.bytes, self.cache.evictions) == (self.oracle.size, self.oracle.evictions)
        tagged = {tag: {one.key for one in self.oracle.kept if tag in one.tags} for tag in ("red", "round", "\u20ac")}
        assert self.cache._tagged == {tag: keys for tag, keys in tagged.items() if keys}


TestAsTheOracle = AsTheOracle.TestCase
TestAsTheOracle.settings = settings(max_examples=100, stateful_step_count=40)


def run(coroutine: Coroutine[Any, Any, Result]) -> Result:
    """What a coroutine returns that waits for nothing."""
    try:
        coroutine.send(None)
    except StopIteration as done:
        return cast("Result", done.value)
    raise AssertionError("it waits")
