"""What a middleware is: decisions before and after a handler, as operators over events."""

from collections.abc import Callable, Sequence
from typing import Any, Final, Protocol

from events import codes
from events.decided import (
    CallDispatched,
    ErrorReady,
    PermitAsked,
    RequestCancelled,
    RequestRejected,
    ResponseReady,
)
from events.event import Event
from events.observed import CallerLeft, PermitGiven, PermitRefused, RequestReceived, SessionOpened
from operators.admitted import Admitted
from operators.authorize import ANONYMOUS
from operators.stage import Decision, Stage, no_state, stage

Ended = ResponseReady | ErrorReady | RequestCancelled

LIMIT: Final = "requests"
"""What a limit is called that has no name."""


class Verdict(Protocol):
    """What a limiter answers. It may also have ``remaining``: how many more would pass."""

    @property
    def allowed(self) -> bool:
        """Whether the request may pass."""

    @property
    def retry_after(self) -> float | None:
        """Seconds until it could pass."""


class RateLimiter(Protocol):
    """Whatever limits, such as ``mcp_server.performance.RateLimiter``."""

    async def check_limit(self, key: str) -> Verdict:
        """Take from what is left for ``key``."""


class Middleware:
    """One concern that all requests share.

    :meth:`before` and :meth:`after` are decisions: synchronous, without a clock, and without anything but their
    arguments. What they must find out they ask for with ``PermitAsked``, and :meth:`permit` finds it out. A mistake in
    a decision costs the one request, which is answered with an internal error.
    """

    name = "middleware"

    def before(self, request: Admitted, caller: SessionOpened) -> Sequence[Event]:  # noqa: ARG002
        """What becomes of a request before it is handled.

        Returns:
            The request lets it pass on, ``RequestRejected`` refuses it, ``ResponseReady`` with the JSON of a result
            answers it, ``PermitAsked`` has it wait for :meth:`permit`.
        """
        return (request,)

    def after(self, ended: Ended, request: Admitted, caller: SessionOpened) -> Sequence[Event]:  # noqa: ARG002
        """What becomes of the answer: itself, or another ``ResponseReady`` or ``ErrorReady`` of the same origin."""
        return (ended,)

    async def permit(self, asked: PermitAsked) -> Verdict | None:  # noqa: ARG002
        """Find out what was asked; None when the question came from another middleware. This may wait."""
        return None


class ProductionMiddleware(Middleware):
    """Limits how often each caller may come.

    Args:
        rate_limiter: Anything with ``await check_limit(key)``; None for no limit.
        key: Who shares a limit. By default the user, and for callers without a name the address.
        limit: What refusals call the limit; by default what its ``config.name`` says, where it has one.
    """

    name = "production"

    def __init__(
        self,
        rate_limiter: RateLimiter | None = None,
        key: Callable[[Admitted, SessionOpened], str] | None = None,
        limit: str = "",
    ) -> None:
        self._rate_limiter = rate_limiter
        self._key = key or _caller
        self._limit = limit or str(getattr(getattr(rate_limiter, "config", None), "name", LIMIT))

    def before(self, request: Admitted, caller: SessionOpened) -> Sequence[Event]:
        """Ask for leave, when there is a limiter."""
        if self._rate_limiter is None:
            return (request,)
        return (PermitAsked(request.origin, ((self._limit, self._key(request, caller)),), 1.0),)

    async def permit(self, asked: PermitAsked) -> Verdict | None:
        """Ask the limiter."""
        limit, key = asked.keys[0]
        if self._rate_limiter is None or limit != self._limit:
            return None
        return await self._rate_limiter.check_limit(key)


def _caller(_request: Admitted, caller: SessionOpened) -> str:
    if caller.principal != ANONYMOUS:
        return caller.principal
    return f"address:{caller.peer}" if caller.peer else ANONYMOUS


class _Known:
    """What a stage knows of a request: each has a session of its own."""

    def __init__(self) -> None:
        self.caller: Any = None
        self.request: Any = None
        self.asked = False


def before(middleware: Middleware) -> Stage:
    """The operator that decides before the handler: what waits for leave is held until it comes."""

    def opened(known: _Known, event: SessionOpened) -> Sequence[Event]:
        known.caller = event
        return (event,)

    def admitted(known: _Known, event: Admitted) -> Sequence[Event]:
        decided = middleware.before(event, known.caller)
        if any(isinstance(each, PermitAsked) for each in decided):
            known.request, known.asked = event, True
        return decided

    def given(known: _Known, event: PermitGiven) -> Sequence[Event]:
        if not known.asked:
            return (event,)
        known.asked = False
        return (event, known.request)

    def refused(known: _Known, event: PermitRefused) -> Sequence[Event]:
        if not known.asked:
            return (event,)
        known.asked = False
        return (event, _rejected(event))

    knows: dict[type[Event], Decision[_Known]] = {
        SessionOpened: opened,
        Admitted: admitted,
        PermitGiven: given,
        PermitRefused: refused,
    }
    return stage(f"{middleware.name} before", _Known, knows)


def after(middleware: Middleware) -> Stage:
    """The operator that decides after the handler."""

    def opened(known: _Known, event: SessionOpened) -> Sequence[Event]:
        known.caller = event
        return (event,)

    def received(known: _Known, event: RequestReceived) -> Sequence[Event]:
        known.request = _admitted(event)
        return (event,)

    def ended(known: _Known, event: Ended) -> Sequence[Event]:
        return middleware.after(event, known.request, known.caller)

    knows: dict[type[Event], Decision[_Known]] = {SessionOpened: opened, RequestReceived: received}
    knows |= dict.fromkeys((ResponseReady, ErrorReady, RequestCancelled), ended)
    return stage(f"{middleware.name} after", _Known, knows)


def enter() -> Stage:
    """Let every request in."""
    return stage("enter", no_state, {RequestReceived: lambda _, event: (event, _admitted(event))})


def hand_over() -> Stage:
    """Let out each request that all have let pass as a call."""

    def admitted(_: None, event: Admitted) -> Sequence[Event]:
        return (CallDispatched(event.origin, event.method, event.name, event.version),)

    def left(_: None, event: CallerLeft) -> Sequence[Event]:
        return (event, RequestCancelled(event.origin, "whoever asked no longer waits"))

    return stage("hand_over", no_state, {Admitted: admitted, CallerLeft: left})


def _admitted(event: RequestReceived) -> Admitted:
    return Admitted(event.origin, event.message, event.message.method, event.message.name, "")


def _rejected(refusal: PermitRefused) -> RequestRejected:
    wait = round(refusal.retry_after, 3)
    return RequestRejected(
        refusal.origin,
        codes.RATE_LIMITED,
        f"the limit {refusal.limit!r} is used up: try again in {wait:g} s",
        {"limit": refusal.limit, "remaining": refusal.remaining, "retryAfter": wait},
    )
