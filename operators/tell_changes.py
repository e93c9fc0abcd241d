"""Tell clients what has changed of what they follow: resources, tasks, and the lists of what a server offers."""

from collections.abc import Sequence
from typing import Any, Final

from msgspec import Struct

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
from events.event import Event, Origin, RequestId
from events.frames import subscription_result
from events.observed import (
    CallerLeft,
    CancelReceived,
    Interrupted,
    ListChanged,
    ResourceChanged,
    SubscriptionEnded,
    TaskChanged,
    TasksFound,
)
from operators.admitted import Admitted
from operators.methods import LISTEN, SUBSCRIBE, UNSUBSCRIBE
from operators.stage import Decision, Stage, stage
from operators.task_clients import EXTENSION, MISSING, knows_tasks

MOST: Final = 1000
"""Resources that one session may follow."""

MOST_LISTENS: Final = 16
"""Subscriptions that one session may have open at once."""

LONGEST: Final = 4096
"""Characters of a URI that is followed."""

KINDS: Final = {"toolsListChanged": "tools", "promptsListChanged": "prompts", "resourcesListChanged": "resources"}
"""What a subscription calls the lists (MCP 2026-07-28, schema)."""

MOST_TASKS: Final = 100
"""Tasks that one subscription may hear of."""

_URIS: Final = "resourceSubscriptions"
_TASKS: Final = "taskIds"


class Wanted(Struct, frozen=True, gc=False):
    """What one subscription is to hear of: lists, resources by URI, and tasks by id."""

    kinds: tuple[str, ...]
    uris: tuple[str, ...]
    tasks: tuple[str, ...]


class Following:
    """What a session follows, and whether it has agreed to hear of lists."""

    def __init__(self) -> None:
        self.agreed = False
        self.uris: set[str] = set()
        self.listens: dict[RequestId | None, Wanted] = {}
        self.opening: dict[RequestId | None, Wanted] = {}

    @property
    def count(self) -> int:
        """The resources that it follows."""
        return len(self.uris) + sum(len(wanted.uris) for wanted in (*self.listens.values(), *self.opening.values()))


class _Refused(Exception):
    """A request to follow something cannot be met; the text says why."""

    code = codes.INVALID_PARAMS
    data: dict[str, Any] | None = None


class _Unknowing(_Refused):
    """The client has not said that it knows tasks."""

    code = codes.MISSING_CAPABILITY
    data = MISSING


def tell_changes() -> Stage:
    """Keep a session's subscriptions, and let out each change that it follows.

    A session with a handshake hears of every list that changes, and of the resources that it has subscribed to (MCP
    2025-11-25, server/resources). A stateless client opens subscriptions, each a request that stays open, hears on
    each of what that one asked for, and of nothing else (MCP 2026-07-28, basic/utilities/subscriptions). One that
    names tasks opens when it is known which of them are its caller's (extension tasks).
    """
    known: dict[type[Event], Decision[Following]] = {
        SessionAgreed: _agreed,
        Admitted: _admitted,
        ResourceChanged: _changed,
        ListChanged: _list_changed,
        TasksFound: _found,
        TaskChanged: _task_changed,
        SubscriptionEnded: _stopped,
        CancelReceived: _left,
        CallerLeft: _left,
        Interrupted: _left,
    }
    return stage("tell_changes", Following, known)


def _agreed(following: Following, event: SessionAgreed) -> Sequence[Event]:
    following.agreed = True
    return (event,)


def _admitted(following: Following, event: Admitted) -> Sequence[Event]:
    try:
        if event.method == LISTEN:
            return (event, _listening(following, event))
        if event.method in (SUBSCRIBE, UNSUBSCRIBE):
            return (event, _followed(following, event))
    except _Refused as refused:
        return (RequestRejected(event.origin, refused.code, str(refused), refused.data),)
    return (event,)


def _followed(following: Following, event: Admitted) -> Event:
    uri = event.message.params.get("uri")
    if not isinstance(uri, str) or not 0 < len(uri) <= LONGEST:
        raise _Refused(f"params.uri must be a string of 1 to {LONGEST} characters")
    if event.method == UNSUBSCRIBE:
        following.uris.discard(uri)
        return ResourceUnfollowed(event.origin, uri)
    if uri not in following.uris and following.count >= MOST:
        raise _Refused(f"this session follows {MOST} resources already, which is the most")
    following.uris.add(uri)
    return ResourceFollowed(event.origin, uri)


def _listening(following: Following, event: Admitted) -> Event:
    wanted = _wanted(event.message.params)
    if len(following.listens) + len(following.opening) >= MOST_LISTENS:
        raise _Refused(f"this session has {MOST_LISTENS} subscriptions open already, which is the most")
    if following.count + len(wanted.uris) > MOST:
        raise _Refused(f"a session may follow {MOST} resources at most")
    if wanted.tasks:
        following.opening[event.origin.request] = wanted
        return TasksNamed(event.origin, wanted.tasks)
    following.listens[event.origin.request] = wanted
    return SubscriptionOpened(event.origin, wanted.kinds, wanted.uris)


def _found(following: Following, event: TasksFound) -> Sequence[Event]:
    wanted = following.opening.pop(event.origin.request, None)
    if wanted is None:
        return (event,)  # its client has left meanwhile
    following.listens[event.origin.request] = Wanted(wanted.kinds, wanted.uris, event.tasks)
    return (event, SubscriptionOpened(event.origin, wanted.kinds, wanted.uris, event.tasks))


def _wanted(params: dict[str, Any]) -> Wanted:
    notifications = params.get("notifications")
    if not isinstance(notifications, dict):
        raise _Refused("params.notifications must be an object that says what to hear of")
    for name in KINDS:
        if type(notifications.get(name, False)) is not bool:
            raise _Refused(f"params.notifications.{name} must be true or false")
    uris = notifications.get(_URIS, [])
    if not isinstance(uris, list) or not all(map(_is_uri, uris)):
        raise _Refused(f"params.notifications.{_URIS} must be an array of strings of 1 to {LONGEST} characters")
    kinds = tuple(kind for name, kind in KINDS.items() if notifications.get(name))
    return Wanted(kinds, tuple(dict.fromkeys(uris)), _tasks(notifications.get(_TASKS, []), params))


def _tasks(tasks: Any, params: dict[str, Any]) -> tuple[str, ...]:
    if not isinstance(tasks, list) or len(tasks) > MOST_TASKS or not all(map(_is_uri, tasks)):
        raise _Refused(f"params.notifications.{_TASKS} must be an array of at most {MOST_TASKS} ids")
    if tasks and not knows_tasks(params):
        raise _Unknowing(f"tasks are for clients that know them: declare the extension {EXTENSION}")
    return tuple(dict.fromkeys(tasks))


def _is_uri(uri: Any) -> bool:
    return isinstance(uri, str) and 0 < len(uri) <= LONGEST


def _changed(following: Following, event: ResourceChanged) -> Sequence[Event]:
    own = (UpdateEmitted(event.origin),) if event.uri in following.uris else ()
    listens = [request for request, wanted in following.listens.items() if event.uri in wanted.uris]
    return (event, *own, *(UpdateEmitted(_on(event.origin, request)) for request in listens))


def _list_changed(following: Following, event: ListChanged) -> Sequence[Event]:
    own = (ListChangeEmitted(event.origin),) if following.agreed else ()
    listens = [request for request, wanted in following.listens.items() if event.kind in wanted.kinds]
    return (event, *own, *(ListChangeEmitted(_on(event.origin, request)) for request in listens))


def _task_changed(following: Following, event: TaskChanged) -> Sequence[Event]:
    listens = [request for request, wanted in following.listens.items() if event.task in wanted.tasks]
    return (event, *(TaskEmitted(_on(event.origin, request)) for request in listens))


def _on(origin: Origin, request: RequestId | None) -> Origin:
    return Origin(origin.session, request, origin.at)


def _stopped(following: Following, event: SubscriptionEnded) -> Sequence[Event]:
    """The server ends a subscription: with the answer that its request has waited for."""
    if _forgotten(following, event) is None:
        return (event,)
    return (event, ResponseReady(event.origin, subscription_result(event.origin.request)))


def _left(following: Following, event: CancelReceived | CallerLeft | Interrupted) -> Sequence[Event]:
    _forgotten(following, event)
    return (event,)


def _forgotten(following: Following, event: Event) -> Wanted | None:
    request = event.origin.request
    return following.listens.pop(request, None) or following.opening.pop(request, None)
