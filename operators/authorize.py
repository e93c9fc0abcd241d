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

    def opened(caller: Caller, event: SessionOpened) -> Sequence[Event]:
        caller.principal = event.principal
        return (event,)

    def admitted(caller: Caller, event: Admitted) -> Sequence[Event]:
        if caller.principal != ANONYMOUS:
            return (event,)
        return (RequestRejected(event.origin, codes.UNAUTHORIZED, "this server does not serve anonymous callers"),)

    return stage("authorize", Caller, {} if anonymous else {SessionOpened: opened, Admitted: admitted})
