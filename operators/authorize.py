"""Decide who may use the server at all."""

from collections.abc import Sequence
from typing import Final

from events import codes
from events.decided import RequestRejected
from events.event import Event
from events.observed import PolicyReplaced, SessionOpened
from operators.admitted import Admitted
from operators.policy import load
from operators.stage import Decision, Stage, stage

ANONYMOUS: Final = "anonymous"
"""The principal of a session that nobody has vouched for."""


class Caller:
    """Who a session belongs to, and whether it needs to be somebody."""

    def __init__(self, *, anonymous: bool) -> None:
        self.principal = ANONYMOUS
        self.anonymous = anonymous


def authorize(*, anonymous: bool) -> Stage:
    """Pass the requests of known principals; those of anonymous callers only where ``anonymous`` says so."""

    def opened(caller: Caller, event: SessionOpened) -> Sequence[Event]:
        caller.principal = event.principal
        return (event,)

    def admitted(caller: Caller, event: Admitted) -> Sequence[Event]:
        if caller.anonymous or caller.principal != ANONYMOUS:
            return (event,)
        return (RequestRejected(event.origin, codes.UNAUTHORIZED, "this server does not serve anonymous callers"),)

    def replaced(caller: Caller, event: PolicyReplaced) -> Sequence[Event]:
        caller.anonymous = load(event.policy).anonymous
        return (event,)

    known: dict[type[Event], Decision[Caller]] = {SessionOpened: opened, Admitted: admitted, PolicyReplaced: replaced}
    return stage("authorize", lambda: Caller(anonymous=anonymous), known)
