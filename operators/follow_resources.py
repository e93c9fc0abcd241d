"""Tell a session what becomes of the resources that it has subscribed to."""

from collections.abc import Sequence
from typing import Final

from events import codes
from events.decided import RequestRejected, ResourceFollowed, ResourceUnfollowed, UpdateEmitted
from events.event import Event
from events.observed import ResourceChanged, SessionOpened
from operators.admitted import Admitted
from operators.methods import SUBSCRIBE, UNSUBSCRIBE
from operators.stage import Stage, stage

MOST: Final = 1000
"""Resources that one session may follow."""

LONGEST: Final = 4096
"""Characters of a URI that is followed."""


class Following:
    """What a session follows, and whether it has a way to hear of it."""

    def __init__(self) -> None:
        self.hears = True
        self.uris: set[str] = set()


def follow_resources() -> Stage:
    """Keep a session's subscriptions, and let out each change of a resource that it follows.

    Subscriptions are for sessions with a channel of their own (MCP 2025-11-25, server/resources): over HTTP nothing
    can be sent that belongs to no request.
    """
    return stage(
        "follow_resources", Following, {SessionOpened: _opened, Admitted: _admitted, ResourceChanged: _changed}
    )


def _opened(following: Following, event: SessionOpened) -> Sequence[Event]:
    following.hears = event.transport != "http"
    return (event,)


def _admitted(following: Following, event: Admitted) -> Sequence[Event]:
    if event.method not in (SUBSCRIBE, UNSUBSCRIBE):
        return (event,)
    uri = event.message.params.get("uri")
    if not isinstance(uri, str) or not 0 < len(uri) <= LONGEST:
        return (_rejected(event, f"params.uri must be a string of 1 to {LONGEST} characters"),)
    if not following.hears:
        return (_rejected(event, "over HTTP nothing is sent that belongs to no request: use a websocket or stdio"),)
    if event.method == SUBSCRIBE and len(following.uris) >= MOST and uri not in following.uris:
        return (_rejected(event, f"this session follows {MOST} resources already, which is the most"),)
    if event.method == SUBSCRIBE:
        following.uris.add(uri)
        return (event, ResourceFollowed(event.origin, uri))
    following.uris.discard(uri)
    return (event, ResourceUnfollowed(event.origin, uri))


def _rejected(event: Admitted, problem: str) -> RequestRejected:
    return RequestRejected(event.origin, codes.INVALID_PARAMS, problem)


def _changed(following: Following, event: ResourceChanged) -> Sequence[Event]:
    return (event, UpdateEmitted(event.origin)) if event.uri in following.uris else (event,)
