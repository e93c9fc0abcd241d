import json
from collections.abc import Callable
from typing import Any

import pytest

from events.decided import (
    ChunkEmitted,
    LogEmitted,
    ProgressEmitted,
    RequestCancelled,
    SessionAgreed,
    StreamEmitted,
)
from events.event import Event
from operators.emit_chunks import emit_chunks
from operators.methods import LOG_LEVELS
from operators.versions import LATEST_LEGACY, META_LOG_LEVEL, MODERN
from tests.facts import OTHER, SESSION, admitted, closed, failed, logged, origin, progressed, returned, yielded
from tests.passing import through


def call(token: object = "t", level: str | None = None, version: str = LATEST_LEGACY) -> Event:
    meta: dict[str, Any] = {} if token is None else {"progressToken": token}
    if level is not None:
        meta[META_LOG_LEVEL] = level
    return admitted(1, params={"_meta": meta}, version=version)


def agreed() -> SessionAgreed:
    return SessionAgreed(origin(), LATEST_LEGACY, "")


def emitted(*events: Event) -> list[Event]:
    """What is told besides the events themselves."""
    return [event for event in through(emit_chunks(), *events) if event not in events]


@pytest.mark.parametrize("token", ["t", "", 0, 7, -1, 2**63 - 1, "x" * 256])
def test_parts_are_counted_under_the_clients_token(token: str | int) -> None:
    out = through(emit_chunks(), call(token), yielded(1), yielded(1, at=1.0))
    assert out[1:] == [
        yielded(1),
        ChunkEmitted(origin(1), token, 1),
        yielded(1, at=1.0),
        ChunkEmitted(origin(1, 1.0), token, 2),
    ]


@pytest.mark.parametrize("token", [None, True, False, 1.5, [], {}, 2**63, 10**30, "x" * 257])
def test_without_a_usable_token_nothing_is_emitted(token: object) -> None:
    assert emitted(call(token), yielded(1), progressed(1, 1)) == []


def test_without_a_request_nothing_is_emitted() -> None:
    assert emitted(yielded(1), progressed(1, 1), logged(1, "emergency")) == []
    assert emitted(admitted(1, session=OTHER, params={"_meta": {"progressToken": 1}}), yielded(1)) == []


def test_progress_is_emitted_only_when_it_grows() -> None:
    facts = [progressed(1, progress, at=progress) for progress in (-3, 1, 1, 0.5, 1.5)]
    assert emitted(call(), *facts) == [ProgressEmitted(origin(1, at), "t") for at in (-3, 1, 1.5)]


@pytest.mark.parametrize("end", [returned(1), failed(1), RequestCancelled(origin(1), "")])
def test_a_call_that_is_over_emits_nothing(end: Event) -> None:
    assert emitted(call(), agreed(), end, yielded(1), progressed(1, 1)) == []


def test_the_parts_of_an_id_that_is_used_again_are_counted_anew() -> None:
    assert emitted(call(), yielded(1), returned(1), call(9), yielded(1, at=2.0)) == [
        ChunkEmitted(origin(1), "t", 1),
        ChunkEmitted(origin(1, 2.0), 9, 1),
    ]


@pytest.mark.parametrize("least", LOG_LEVELS)
def test_a_stateless_request_hears_the_levels_that_it_asked_for(least: str) -> None:
    logs = [logged(1, level, at=at) for at, level in enumerate(LOG_LEVELS)]
    heard = emitted(call(level=least, version=MODERN[0]), *logs)
    assert heard == [LogEmitted(log.origin) for log in logs[LOG_LEVELS.index(least) :]]


def test_a_stateless_request_that_asked_for_nothing_hears_nothing() -> None:
    assert emitted(call(version=MODERN[0]), logged(1, "emergency")) == []
    assert emitted(agreed(), call(version=MODERN[0]), logged(1, "emergency")) == []


def test_a_session_hears_information_unless_it_says_otherwise() -> None:
    assert emitted(agreed(), call(), logged(1, "debug"), logged(1, "info", at=1.0)) == [LogEmitted(origin(1, 1.0))]
    level = admitted(2, "logging/setLevel", "", {"level": "error"})
    events = [agreed(), level, call(None), logged(1, "warning"), logged(1, "error", at=1.0)]
    assert emitted(*events) == [LogEmitted(origin(1, 1.0))]


def test_a_level_is_set_for_the_calls_that_begin_after_it() -> None:
    level = admitted(2, "logging/setLevel", "", {"level": "debug"})
    assert emitted(agreed(), call("t"), level, logged(1, "debug")) == []
    assert emitted(agreed(), level, call("t"), logged(1, "debug")) == [LogEmitted(origin(1))]


def test_a_level_in_the_metadata_of_a_legacy_request_says_nothing() -> None:
    assert emitted(agreed(), call(level="debug"), logged(1, "debug")) == []


def test_what_a_session_wants_ends_with_it() -> None:
    assert emitted(agreed(), call(), closed(), logged(1, "emergency"), yielded(1)) == []


@pytest.mark.parametrize("request_id", [1, "one", 'a"/b'])
@pytest.mark.parametrize(
    ("end", "reason"),
    [(returned, "complete"), (failed, "error"), (lambda id: RequestCancelled(origin(id), "gone"), "cancelled")],
)
def test_a_stream_has_its_parts_and_one_that_ends_it(
    request_id: str | int, end: Callable[[str | int], Event], reason: str
) -> None:
    begun = admitted(request_id, "stream/start")
    out = emitted(begun, yielded(request_id), yielded(request_id), end(request_id), yielded(request_id))
    stream = f"{SESSION}/{json.dumps(request_id)}"
    assert out == [
        StreamEmitted(origin(request_id), stream, 0),
        StreamEmitted(origin(request_id), stream, 1),
        StreamEmitted(origin(request_id), stream, 2, reason),
    ]


@pytest.mark.parametrize("end", [returned(1), failed(1), RequestCancelled(origin(1), "gone")])
def test_the_last_part_of_a_stream_goes_out_before_its_answer(end: Event) -> None:
    *_, last, then = through(emit_chunks(), admitted(1, "stream/start"), end)
    assert isinstance(last, StreamEmitted)
    assert then == end
