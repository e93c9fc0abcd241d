import msgspec
import pytest

from events import codes
from events.decided import PermitAsked, RequestCancelled, RequestRejected
from events.event import Event
from operators.policy import Limit
from operators.rate_limit import rate_limit
from tests.facts import OTHER, SESSION, admitted, cancelled, closed, left, opened, origin, permitted, refused
from tests.passing import through

CALLS = Limit("calls", "session", per_second=1, burst=1)
EVERYONE = Limit("all", "server", per_second=100, burst=100, methods=("tools/call", "prompts/get"))
MINE = Limit("mine", "principal", per_second=10, burst=10)


def asked(id: int = 1, at: float = 0.0) -> PermitAsked:
    return PermitAsked(origin(id, at), (("calls", SESSION),), 1.0)


def test_a_request_waits_until_it_is_permitted() -> None:
    held, permit = admitted(1, at=1.0), permitted(1, at=1.5)
    moved = msgspec.structs.replace(held, origin=permit.origin)
    assert through(rate_limit([CALLS]), held) == [asked(at=1.0)]
    assert through(rate_limit([CALLS]), held, permit) == [asked(at=1.0), permit, moved]


def test_a_refused_request_is_told_when_to_try_again() -> None:
    refusal = refused(1, retry_after=0.75049, at=0.25)
    told = RequestRejected(
        origin(1, 0.25),
        codes.RATE_LIMITED,
        "the limit 'calls' is used up: try again in 0.75 s",
        {"limit": "calls", "remaining": 0.25, "retryAfter": 0.75},
    )
    assert through(rate_limit([CALLS]), admitted(1), refusal) == [asked(), refusal, told]


@pytest.mark.parametrize("gone", [cancelled(1, at=0.5), left(1, at=0.5)])
def test_a_request_may_be_cancelled_while_it_waits(gone: Event) -> None:
    end = RequestCancelled(origin(1, 0.5), "the client cancelled it")
    late = [permitted(1), refused(1), cancelled(1)]
    assert through(rate_limit([CALLS]), admitted(1), gone, *late) == [asked(), gone, end, *late]


def test_what_waits_when_the_session_closes_is_cancelled() -> None:
    end = closed(at=2.0)
    assert through(rate_limit([CALLS]), admitted(1), admitted(2), permitted(1), end, permitted(2))[-4:] == [
        admitted(1),
        RequestCancelled(origin(2, 2.0), "the session closed"),
        end,
        permitted(2),
    ]


def test_requests_wait_apart_from_each_other() -> None:
    requests = [admitted(1), admitted("1"), admitted(1, session=OTHER)]
    out = through(rate_limit([CALLS]), *requests, permitted("1"))
    assert out[3:] == [permitted("1"), admitted("1")]


def test_a_request_asks_every_limit_that_covers_it_and_names_whose_bucket() -> None:
    limits = (CALLS, EVERYONE, MINE)
    (ask,) = through(rate_limit(limits), opened(principal="alice"), admitted(1))[1:]
    assert ask == PermitAsked(origin(1), (("calls", SESSION), ("all", ""), ("mine", "alice")), 1.0)
    (ask,) = through(rate_limit(limits), admitted(1, "prompts/get"))
    assert ask == PermitAsked(origin(1), (("all", ""),), 1.0)


def test_what_no_limit_covers_passes_at_once() -> None:
    events = [admitted(1, "tools/list"), admitted(2, "prompts/get")]
    assert through(rate_limit([CALLS]), *events) == events
    assert through(rate_limit([]), admitted(1)) == [admitted(1)]


@pytest.mark.parametrize(
    ("field", "value", "problem"),
    [
        ("per", "user", "limit 'calls': per must be principal, session or server, not 'user'"),
        ("per_second", 0, "limit 'calls': per_second must be above 0 and burst at least 1"),
        ("per_second", -1, "limit 'calls': per_second must be above 0 and burst at least 1"),
        ("burst", 0.5, "limit 'calls': per_second must be above 0 and burst at least 1"),
    ],
)
def test_a_limit_that_lets_nothing_pass_is_refused(field: str, value: object, problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        msgspec.structs.replace(CALLS, **{field: value})
