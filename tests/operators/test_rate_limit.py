import msgspec
import pytest

from events import codes
from events.decided import PermitAsked, RequestCancelled, RequestRejected
from events.event import Event
from operators.policy import Limit
from operators.rate_limit import MOST_KNOWN, rate_limit
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


def test_a_request_pays_what_each_limit_asks_for_its_tool() -> None:
    dear = Limit("dear", requests=100, window=60, cost={"echo": 5, "e*": 7})
    assert through(rate_limit([dear]), admitted(1))[0] == PermitAsked(origin(1), (("dear", ""),), 5)
    (ask,) = through(rate_limit([CALLS, dear]), admitted(1))
    assert ask == PermitAsked(origin(1), (("calls", SESSION), ("dear", "")), 1.0, (1.0, 5))


def test_the_requests_of_a_batch_take_from_the_session_that_sent_it() -> None:
    batch = msgspec.structs.replace(opened(session=OTHER), transport="batch", parent=SESSION)
    (ask,) = through(rate_limit([CALLS]), batch, admitted(1, session=OTHER))[1:]
    assert ask == PermitAsked(origin(1, session=OTHER), (("calls", SESSION),), 1.0)


def test_limits_may_tell_callers_apart_by_their_address() -> None:
    near = Limit("near", "address", per_second=1, burst=1)
    session = msgspec.structs.replace(opened(), peer="2001:db8::1")
    (ask,) = through(rate_limit([near]), session, admitted(1))[1:]
    assert ask == PermitAsked(origin(1), (("near", "2001:db8::/64"),), 1.0)


def test_a_session_keeps_the_shares_of_a_few_names_at_hand_and_takes_each_for_itself() -> None:
    tools = Limit("tools", "tool", per_second=10, burst=10, cost={"tool1": 3})
    names = [f"tool{number}" for number in range(2 * MOST_KNOWN)] * 2
    requests = [admitted(id, "tools/call", name) for id, name in enumerate(names)]
    assert through(rate_limit([tools]), *requests) == [
        PermitAsked(origin(id), (("tools", name),), 3.0 if name == "tool1" else 1.0) for id, name in enumerate(names)
    ]
