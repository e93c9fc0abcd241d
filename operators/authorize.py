"""Decide who may use the server at all."""

from collections.abc import Sequence
from typing import Final

from events import codes
from events.decided import RequestRejected
from events.event import Event
from events.observed import SessionOpened
from operators.admitted import Admitted
from operators.stage import Stage, stage

ANONYMOUS: Final = "anonymous"
"""The principal of a session that nobody has vouched for."""


class Caller:
    """Who a session belongs to."""

    principal: str = ANONYMOUS


def authorize(*, anonymous: bool) -> Stage:
    """Pass the requests of known principals; those of anonymous callers only where ``anonymous`` says so."""

    def step(caller: Caller, event: Event) -> Sequence[Event]:
        match event:
            case SessionOpened():
                caller.principal = event.principal
            case Admitted(origin) if caller.principal == ANONYMOUS and not anonymous:
                return (RequestRejected(origin, codes.UNAUTHORIZED, "this server does not serve anonymous callers"),)
        return (event,)

    return stage("authorize", Caller, step, *(() if anonymous else (SessionOpened, Admitted)))
