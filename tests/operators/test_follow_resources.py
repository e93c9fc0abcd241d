from typing import Any

import pytest

from events import codes
from events.decided import RequestRejected, ResourceFollowed, ResourceUnfollowed, UpdateEmitted
from events.event import Event
from events.observed import ResourceChanged
from operators.admitted import Admitted
from operators.follow_resources import LONGEST, MOST, follow_resources
from tests.facts import OTHER, SESSION, admitted, message, opened, origin
from tests.passing import through

A, B = "workspace://a.py", "workspace://b.py"


def asked(id: int, method: str, uri: Any = A, session: str = SESSION) -> Admitted:
    params = {} if uri is None else {"uri": uri}
    return Admitted(origin(id, session=session), message(id, method, params), method, "", "2025-11-25")


def subscribe(id: int, uri: Any = A, session: str = SESSION) -> Admitted:
    return asked(id, "resources/subscribe", uri, session)


def changed(uri: str, session: str = SESSION) -> ResourceChanged:
    return ResourceChanged(origin(None, session=session), uri)


def told(*events: Event) -> list[Event]:
    """What was decided because of these."""
    return [each for each in through(follow_resources(), *events) if each not in events]


def test_a_session_hears_of_what_it_follows_and_of_nothing_else() -> None:
    update = UpdateEmitted(origin(None))
    assert told(subscribe(1), changed(A), changed(B), changed(A)) == [ResourceFollowed(origin(1), A), update, update]
    assert told(changed(A)) == []
    assert told(subscribe(1), changed(A, session=OTHER)) == [ResourceFollowed(origin(1), A)]


def test_it_hears_nothing_more_of_what_it_does_not_follow_any_more() -> None:
    leaving = asked(2, "resources/unsubscribe")
    assert told(subscribe(1), leaving, changed(A)) == [ResourceFollowed(origin(1), A), ResourceUnfollowed(origin(2), A)]
    assert told(leaving) == [ResourceUnfollowed(origin(2), A)]


def test_who_follows_twice_hears_once_and_needs_to_leave_once() -> None:
    out = told(subscribe(1), subscribe(2), changed(A), asked(3, "resources/unsubscribe"), changed(A))
    assert out.count(UpdateEmitted(origin(None))) == 1


@pytest.mark.parametrize("uri", [None, 1, "", "x" * (LONGEST + 1), [A]])
@pytest.mark.parametrize("method", ["resources/subscribe", "resources/unsubscribe"])
def test_a_uri_is_a_string_of_some_length(method: str, uri: Any) -> None:
    problem = f"params.uri must be a string of 1 to {LONGEST} characters"
    assert through(follow_resources(), asked(1, method, uri)) == [
        RequestRejected(origin(1), codes.INVALID_PARAMS, problem)
    ]


def test_over_http_there_is_no_way_to_tell() -> None:
    (rejected,) = told(opened(transport="http"), subscribe(1), changed(A))
    assert isinstance(rejected, RequestRejected)
    assert "use a websocket or stdio" in rejected.message


def test_a_session_follows_so_many_and_no_more() -> None:
    many = [subscribe(number, f"workspace://{number}") for number in range(MOST)]
    again, more = subscribe(MOST, "workspace://0"), subscribe(MOST + 1)
    *_, followed, rejected = told(*many, again, more)
    assert followed == ResourceFollowed(origin(MOST), "workspace://0")
    assert isinstance(rejected, RequestRejected)
    assert str(MOST) in rejected.message
    leaving = asked(MOST + 2, "resources/unsubscribe", "workspace://0")
    assert told(*many, leaving, subscribe(MOST + 3))[-1] == ResourceFollowed(origin(MOST + 3), A)


def test_all_other_requests_pass() -> None:
    assert told(admitted(1), admitted(2, "resources/read", A)) == []
