import json
from typing import Any

import pytest

from events import codes
from events.decided import (
    ListChangeEmitted,
    RequestRejected,
    ResourceFollowed,
    ResourceUnfollowed,
    ResponseReady,
    SessionAgreed,
    SubscriptionOpened,
    TaskEmitted,
    TasksNamed,
    UpdateEmitted,
)
from events.event import Event
from events.observed import ListChanged, ResourceChanged, SubscriptionEnded, TaskChanged, TasksFound
from operators.admitted import Admitted
from operators.methods import LISTEN
from operators.task_clients import EXTENSION, MISSING
from operators.tell_changes import KINDS, LONGEST, MOST, MOST_LISTENS, MOST_TASKS, tell_changes
from operators.versions import META_CAPABILITIES
from tests.facts import OTHER, SESSION, admitted, cancelled, left, message, origin
from tests.passing import through

KNOWS: dict[str, Any] = {"extensions": {EXTENSION: {}}}
A, B = "workspace://a.py", "workspace://b.py"


def asked(id: int, method: str, uri: Any = A, session: str = SESSION) -> Admitted:
    params = {} if uri is None else {"uri": uri}
    return Admitted(origin(id, session=session), message(id, method, params), method, "", "2025-11-25")


def subscribe(id: int, uri: Any = A, session: str = SESSION) -> Admitted:
    return asked(id, "resources/subscribe", uri, session)


def changed(uri: str, session: str = SESSION) -> ResourceChanged:
    return ResourceChanged(origin(None, session=session), uri)


def told(*events: Event) -> list[Any]:
    """What was decided because of these."""
    return [each for each in through(tell_changes(), *events) if each not in events]


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
    assert through(tell_changes(), asked(1, method, uri)) == [RequestRejected(origin(1), codes.INVALID_PARAMS, problem)]


def listen(id: int, **wanted: Any) -> Admitted:
    params = {"notifications": wanted}
    return Admitted(origin(id), message(id, LISTEN, params), LISTEN, "", "2026-07-28")


def listed(kind: str) -> ListChanged:
    return ListChanged(origin(None), kind)


def test_a_subscription_hears_what_it_asked_for_under_its_own_id_and_nothing_else() -> None:
    tools, both = listen(1, toolsListChanged=True), listen(2, promptsListChanged=True, resourceSubscriptions=[A, A])
    assert told(tools, both) == [
        SubscriptionOpened(origin(1), ("tools",), ()),
        SubscriptionOpened(origin(2), ("prompts",), (A,)),
    ]
    assert told(tools, both, listed("tools"))[2:] == [ListChangeEmitted(origin(1))]
    assert told(tools, both, listed("prompts"))[2:] == [ListChangeEmitted(origin(2))]
    assert told(tools, both, listed("resources"))[2:] == []
    assert told(tools, both, changed(A), changed(B))[2:] == [UpdateEmitted(origin(2))]


def test_a_session_with_a_handshake_hears_of_every_list() -> None:
    agreed = SessionAgreed(origin(0), "2025-11-25", "")
    assert told(agreed, listed("tools"), listed("prompts")) == [ListChangeEmitted(origin(None))] * 2
    assert told(listed("tools")) == []


@pytest.mark.parametrize("leaving", [left(1), cancelled(1)])
def test_who_leaves_hears_nothing_more(leaving: Event) -> None:
    assert told(listen(1, toolsListChanged=True), leaving, listed("tools"))[1:] == []


def test_a_subscription_that_the_server_ends_gets_its_answer() -> None:
    ended = SubscriptionEnded(origin(1), "the server stopped")
    out = told(listen(1, toolsListChanged=True), ended, ended, listed("tools"))
    assert [type(each) for each in out] == [SubscriptionOpened, ResponseReady]
    assert json.loads(out[1].payload) == {
        "resultType": "complete",
        "_meta": {"io.modelcontextprotocol/subscriptionId": 1},
    }


@pytest.mark.parametrize(
    ("wanted", "problem"),
    [
        (None, "must be an object"),
        ([], "must be an object"),
        ({"toolsListChanged": "yes"}, "toolsListChanged must be true or false"),
        ({"resourceSubscriptions": A}, "must be an array of strings"),
        ({"taskIds": "one"}, f"at most {MOST_TASKS} ids"),
        ({"taskIds": [1]}, f"at most {MOST_TASKS} ids"),
        ({"taskIds": ["x"] * (MOST_TASKS + 1)}, f"at most {MOST_TASKS} ids"),
        ({"resourceSubscriptions": [1]}, "must be an array of strings"),
        ({"resourceSubscriptions": ["x" * (LONGEST + 1)]}, "must be an array of strings"),
        ({"resourceSubscriptions": [f"x://{number}" for number in range(MOST + 1)]}, f"{MOST} resources at most"),
    ],
)
def test_a_subscription_says_what_it_wants(wanted: Any, problem: str) -> None:
    request = Admitted(origin(1), message(1, LISTEN, {"notifications": wanted}), LISTEN, "", "2026-07-28")
    (rejected,) = through(tell_changes(), request)
    assert isinstance(rejected, RequestRejected)
    assert (rejected.code, problem in rejected.message) == (codes.INVALID_PARAMS, True)


def test_a_session_has_so_many_subscriptions_and_no_more() -> None:
    many = [listen(number) for number in range(MOST_LISTENS)]
    assert isinstance(told(*many, listen(99))[-1], RequestRejected)
    assert isinstance(told(*many, left(3), listen(99))[-1], SubscriptionOpened)


def tasks(id: int, *ids: str, able: Any = KNOWS, **wanted: Any) -> Admitted:
    params = {"notifications": {"taskIds": ids, **wanted}, "_meta": {META_CAPABILITIES: able}}
    return Admitted(origin(id), message(id, LISTEN, params), LISTEN, "", "2026-07-28")


def test_a_subscription_to_tasks_opens_with_those_that_there_are_and_hears_of_them() -> None:
    out = told(
        tasks(1, "one", "two", "one", toolsListChanged=True),
        TaskChanged(origin(None), "one", b"{}"),
        TasksFound(origin(1), ("one",)),
        TaskChanged(origin(None), "one", b"{}"),
        TaskChanged(origin(None), "two", b"{}"),
        listed("tools"),
    )
    assert out == [
        TasksNamed(origin(1), ("one", "two")),
        SubscriptionOpened(origin(1), ("tools",), (), ("one",)),
        TaskEmitted(origin(1)),
        ListChangeEmitted(origin(1)),
    ]


@pytest.mark.parametrize("leaving", [left(1), cancelled(1)])
def test_who_leaves_before_its_tasks_are_found_opens_nothing(leaving: Event) -> None:
    assert told(tasks(1, "one"), leaving, TasksFound(origin(1), ("one",))) == [TasksNamed(origin(1), ("one",))]


def test_who_stops_before_the_tasks_are_found_answers() -> None:
    out = told(tasks(1, "one"), SubscriptionEnded(origin(1), "the server stopped"), TasksFound(origin(1), ("one",)))
    assert [type(each) for each in out] == [TasksNamed, ResponseReady]


@pytest.mark.parametrize("able", [None, {}, {"extensions": {}}, {"extensions": {EXTENSION: None}}])
def test_only_who_knows_tasks_can_name_them(able: Any) -> None:
    (rejected,) = through(tell_changes(), tasks(1, "one", able=able))
    assert isinstance(rejected, RequestRejected)
    assert (rejected.code, rejected.data) == (codes.MISSING_CAPABILITY, MISSING)
    assert isinstance(told(tasks(1, able=able))[0], SubscriptionOpened)


def test_subscriptions_that_are_not_open_yet_count() -> None:
    many = [tasks(number, "one") for number in range(MOST_LISTENS)]
    assert isinstance(told(*many, listen(99))[-1], RequestRejected)


def test_every_list_can_be_followed() -> None:
    (opened_,) = told(listen(1, **dict.fromkeys(KINDS, True)))
    assert opened_ == SubscriptionOpened(origin(1), ("tools", "prompts", "resources"), ())


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
