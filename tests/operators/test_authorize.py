from events import codes
from events.decided import RequestRejected
from operators.authorize import authorize
from tests.facts import OTHER, admitted, closed, opened, origin
from tests.passing import through

REJECTED = RequestRejected(origin(1), codes.UNAUTHORIZED, "this server does not serve anonymous callers")


def test_an_open_server_serves_anyone() -> None:
    events = [opened(), admitted(1)]
    assert through(authorize(anonymous=True), *events) == events


def test_a_closed_server_serves_who_is_known() -> None:
    events = [opened(principal="alice"), admitted(1)]
    assert through(authorize(anonymous=False), *events) == events


def test_a_closed_server_serves_nobody_else() -> None:
    assert through(authorize(anonymous=False), opened(), admitted(1)) == [opened(), REJECTED]


def test_one_sessions_caller_vouches_for_no_other_session() -> None:
    alice = opened(principal="alice", session=OTHER)
    assert through(authorize(anonymous=False), opened(), alice, admitted(1)) == [opened(), alice, REJECTED]
    assert through(authorize(anonymous=False), opened(principal="alice"), closed(), admitted(1))[-1] == REJECTED
