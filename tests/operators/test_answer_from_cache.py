from typing import Any

import msgspec
import pytest

from events.decided import CacheAsked, CacheFilled, CacheReleased, RequestCancelled
from events.event import Event
from operators.answer_from_cache import answer_from_cache, cache_key
from operators.policy import CacheRule
from tests.facts import (
    MODERN_META,
    OTHER,
    admitted,
    cancelled,
    closed,
    failed,
    hit,
    left,
    missed,
    opened,
    origin,
    returned,
)
from tests.passing import through

RULES = [CacheRule("tools/call", "echo", 60.0), CacheRule("tools/list", "", 300.0, public=True)]
KEY = cache_key(admitted(1), "anonymous")


def asked(id: int = 1, at: float = 0.0) -> CacheAsked:
    return CacheAsked(origin(id, at), KEY)


def test_a_request_waits_for_the_caches_word() -> None:
    assert through(answer_from_cache(RULES), admitted(1, at=2.0)) == [asked(at=2.0)]


def test_a_hit_goes_on_in_the_requests_place() -> None:
    assert through(answer_from_cache(RULES), admitted(1), hit(1, b'{"a":1}', at=0.5)) == [
        asked(),
        hit(1, b'{"a":1}', at=0.5),
    ]


def test_a_miss_lets_the_request_go_on_and_its_result_be_kept() -> None:
    first, miss = admitted(1), missed(1, at=0.5)
    moved = msgspec.structs.replace(first, origin=miss.origin)
    result = returned(1, b"{}", at=1.0)
    assert through(answer_from_cache(RULES), first, miss, result) == [
        asked(),
        miss,
        moved,
        result,
        CacheFilled(origin(1, 1.0), KEY, 60.0),
    ]


@pytest.mark.parametrize("end", [failed(1), returned(1, is_error=True)])
def test_an_error_is_not_kept_and_the_next_may_try(end: Event) -> None:
    out = through(answer_from_cache(RULES), admitted(1), missed(1), end)
    assert out[-2:] == [end, CacheReleased(origin(1), KEY)]


@pytest.mark.parametrize("gone", [cancelled(1, at=0.5), left(1, at=0.5)])
def test_a_cancelled_request_waits_no_more(gone: Event) -> None:
    out = through(answer_from_cache(RULES), admitted(1), gone, hit(1), missed(1))
    released = CacheReleased(origin(1, 0.5), KEY)
    # A hit for nobody stops here; a miss has no request to let go on.
    assert out == [asked(), gone, released, RequestCancelled(origin(1, 0.5), "the client cancelled it"), missed(1)]


@pytest.mark.parametrize("gone", [cancelled(1, at=0.5), left(1, at=0.5)])
def test_a_cancelled_request_that_was_to_find_the_result_lets_others_try(gone: Event) -> None:
    out = through(answer_from_cache(RULES), admitted(1), missed(1), gone, returned(1))
    assert out[-3:] == [gone, CacheReleased(origin(1, 0.5), KEY), returned(1)]


def test_a_closing_session_lets_go_of_every_key() -> None:
    events = [admitted(1), missed(1), admitted(2), closed(at=3.0), hit(2), returned(1)]
    assert through(answer_from_cache(RULES), *events)[4:] == [
        CacheReleased(origin(2, 3.0), KEY),
        RequestCancelled(origin(2, 3.0), "the session closed"),
        CacheReleased(origin(1, 3.0), KEY),
        closed(at=3.0),
        returned(1),
    ]


def test_a_hit_for_a_request_that_never_asked_stops_here() -> None:
    assert through(answer_from_cache(RULES), hit(1)) == []
    assert through(answer_from_cache(RULES), admitted(1, session=OTHER), hit(1)) == [
        CacheAsked(origin(1, session=OTHER), KEY)
    ]


def test_what_no_rule_covers_passes() -> None:
    events = [admitted(1, name="add"), admitted(2, "resources/read", "echo"), returned(1)]
    assert through(answer_from_cache(RULES), *events) == events
    assert through(answer_from_cache([]), admitted(1)) == [admitted(1)]


def test_a_rule_for_a_name_counts_before_one_for_all_and_the_first_before_the_second() -> None:
    rules = [
        CacheRule("tools/call", "", 5.0),
        CacheRule("tools/call", "echo", 60.0),
        CacheRule("tools/call", "echo", 7.0),
    ]

    def ttl(name: str) -> float:
        filled = through(answer_from_cache(rules), admitted(1, name=name), missed(1), returned(1))[-1]
        assert isinstance(filled, CacheFilled)
        return filled.ttl

    assert (ttl("echo"), ttl("add")) == (60.0, 5.0)


def key_of(method: str = "tools/call", params: dict[str, Any] | None = None, principal: str = "", **more: Any) -> str:
    name = "echo" if method == "tools/call" else ""
    return cache_key(admitted(1, method, name, params, **more), principal)


def test_a_public_result_has_one_key_for_everyone_and_another_one_for_each() -> None:
    def key(name: str, method: str, principal: str) -> str:
        _, ask = through(answer_from_cache(RULES), opened(principal=principal), admitted(1, method, name))
        assert isinstance(ask, CacheAsked)
        return ask.key

    assert key("", "tools/list", "alice") == key("", "tools/list", "bob") == key_of("tools/list")
    assert key("echo", "tools/call", "alice") != key("echo", "tools/call", "bob")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"a": 1}, {"a": 1.0}),
        ({"a": 1}, {"a": True}),
        ({"a": 0}, {"a": False}),
        ({"a": None}, {}),
        ({"a": [1, 2]}, {"a": [2, 1]}),
        ({"a": 2**64}, {"a": 2**64 + 1}),
        ({"a": "1"}, {"a": 1}),
        ({"a": 0.0}, {"a": -0.0}),
    ],
)
def test_arguments_that_a_tool_can_tell_apart_have_two_keys(one: dict[str, Any], other: dict[str, Any]) -> None:
    assert key_of(params={"arguments": one}) != key_of(params={"arguments": other})


def test_the_order_of_arguments_and_metadata_make_no_difference() -> None:
    plain = key_of(params={"arguments": {"a": 1, "b": 2}})
    assert plain == key_of(params={"_meta": MODERN_META, "arguments": {"b": 2, "a": 1}})


def test_each_version_has_its_own_key_because_results_differ() -> None:
    assert key_of(version="2026-07-28") != key_of(version="2025-11-25")
