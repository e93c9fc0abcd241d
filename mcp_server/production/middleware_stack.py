"""Runs requests through middleware and a handler: the guide's ``middleware_stack``."""

import asyncio
import inspect
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from reactivex import Observable

from adapters.clock import new_session_id, wall_clock
from events import codes
from events.decided import CallDispatched, ErrorReady, PermitAsked, RequestCancelled, ResponseReady
from events.event import Decided, Observed, Origin, Step
from events.observed import (
    CallerLeft,
    CallFailed,
    PermitGiven,
    PermitRefused,
    RequestReceived,
    SessionClosed,
    SessionOpened,
)
from events.outcome import CANCELLED, outcome
from mcp_server.calls import CallRefused
from mcp_server.production.logger import production_logger
from mcp_server.production.middleware import Middleware, after, before, enter, hand_over
from mcp_server.production.middleware_messages import Asked, fact_of, read_request, response_of
from mcp_server.production.monitoring import monitoring_system
from mcp_server.production.performance import PerformanceMonitor
from operators.authorize import ANONYMOUS
from operators.respond import respond
from operators.stage import fuse
from pipeline.hot import Hot

Handler = Callable[[Any], Any]
"""Takes the request; gives a result or a JSON-RPC response, at once or when it is awaited."""

RETRY_AFTER: Final = 1.0
"""Seconds after which to try again when the limiter did not say, or did not answer."""

_lines = production_logger.get_logger(__name__)


class MiddlewareStack:
    """Middleware in order around a handler: the first decides first before it, and last after it.

    The decisions are those of a chain like the server's own, one session for each request; what is asked of limiters
    and handlers, and what they find out, are its facts.
    """

    def __init__(self, performance: PerformanceMonitor, *middleware: Middleware) -> None:
        self._performance = performance
        self._clock = wall_clock()
        self._middleware: tuple[Middleware, ...] = ()
        self._chain = _Chain(())
        self._arrange(middleware)

    def set_default_middleware(self, middleware: Middleware) -> None:
        """Run requests through ``middleware``, and through nothing that was set or added before."""
        self._arrange((middleware,))

    def add_middleware(self, middleware: Middleware) -> None:
        """Run requests through ``middleware`` too, inside what is there already."""
        self._arrange((*self._middleware, middleware))

    async def process_request(
        self, request: Any, handler: Handler, client_info: Mapping[str, Any] | None = None
    ) -> Any:
        """Run a request through the middleware and, if they let it pass, the handler.

        Args:
            request: A JSON-RPC request: a dict, or an object with ``id``, ``method`` and ``params``.
            handler: What answers it.
            client_info: Who asks: ``user_id`` and ``client_ip`` count.

        Returns:
            What the handler gave, as it is; or a JSON-RPC error for a request that was refused or that failed. A
            refusal by a limit has ``limit``, ``remaining`` and ``retryAfter``, in seconds, in its ``data``.

        Raises:
            TypeError: It is no request.
        """
        asked, client = read_request(request), client_info or {}
        user, address = str(client.get("user_id") or ANONYMOUS), str(client.get("client_ip") or "")
        exchange = _Exchange(self._chain, self._middleware, asked, handler, self._clock)
        key, method = f"{asked.id}/{exchange.session}", asked.message.method
        self._performance.start(key, method)
        began = time.perf_counter()
        with _lines.request_context(request_id=asked.id, user_id=user):
            try:
                return await exchange.run(user, address)
            finally:
                took = round((time.perf_counter() - began) * 1000, 3)
                self._performance.end(key, method, exchange.outcome)
                _lines.info("request ended", method=method, outcome=exchange.outcome, duration_ms=took)

    def _arrange(self, middleware: Sequence[Middleware]) -> None:
        for each in middleware:
            if not isinstance(each, Middleware):
                raise TypeError(f"a middleware is a mcp_server.production.Middleware, not {type(each).__name__}")
        self._middleware = tuple(middleware)
        self._chain = _Chain(self._middleware)  # requests that are under way stay with theirs


class _Chain:
    """The decisions of all middleware, as one operator."""

    def __init__(self, middleware: Sequence[Middleware]) -> None:
        self._facts: Hot[Observed] = Hot()
        self._steps: list[Step] = []
        ahead, behind = (before(each) for each in middleware), (after(each) for each in reversed(middleware))
        steps: Observable[Step] = self._facts.pipe(fuse(enter(), *ahead, hand_over(), respond(), *behind))
        steps.subscribe(self._steps.append)

    def decide(self, fact: Observed) -> Sequence[Decided]:
        """What is decided because of a fact."""
        self._facts.emit(fact)
        return self._steps.pop().decisions


class _Exchange:
    """One request on its way through.

    Attributes:
        session: The name of its stream of events.
        outcome: How it ended, in one word; cancelled until it has.
    """

    def __init__(
        self,
        chain: _Chain,
        middleware: Sequence[Middleware],
        asked: Asked,
        handler: Handler,
        clock: Callable[[], float],
    ) -> None:
        self.session = new_session_id(clock())
        self.outcome = CANCELLED
        self._chain, self._asked, self._handler = chain, asked, handler
        self._yet_to_ask = iter(middleware)
        self._clock = clock
        self._response: Any = None
        self._said: Observed | None = None

    async def run(self, user: str, address: str) -> Any:
        """Take it from its arrival to its end; gives the response."""
        self._chain.decide(SessionOpened(self._origin(), "middleware", address, user, b""))
        fact: Observed = RequestReceived(self._origin(), self._asked.message)
        try:
            while True:
                decisions = self._chain.decide(fact)
                for decision in decisions:
                    if isinstance(decision, ResponseReady | ErrorReady | RequestCancelled):
                        return self._ended(decision, fact)
                fact = await self._find_out(decisions)
        except asyncio.CancelledError:
            self._chain.decide(CallerLeft(self._origin()))
            raise
        finally:
            self._chain.decide(SessionClosed(self._origin(), "it ended"))

    async def _find_out(self, decisions: Sequence[Decided]) -> Observed:
        for decision in decisions:
            if isinstance(decision, PermitAsked):
                return await self._permit(decision)
            if isinstance(decision, CallDispatched):
                return await self._handle()
        _lines.error("a middleware neither let a request pass nor ended it", method=self._asked.message.method)
        return self._failed(codes.INTERNAL_ERROR, "internal error", None)

    async def _permit(self, asked: PermitAsked) -> Observed:
        try:
            for each in self._yet_to_ask:  # they ask in their order, so whoever is passed over asks no more
                verdict = await each.permit(asked)
                if verdict is not None:
                    limit, left = asked.keys[0][0], float(getattr(verdict, "remaining", None) or 0)
                    if verdict.allowed:
                        return PermitGiven(self._origin(), limit, left)
                    return PermitRefused(self._origin(), limit, left, float(verdict.retry_after or RETRY_AFTER))
        except Exception:  # noqa: BLE001 - a limiter that is away is no reason to do without it
            _lines.error("a rate limiter failed", exc_info=True)
        return self._failed(codes.OVERLOADED, "the rate limiter does not answer", {"retryAfter": RETRY_AFTER})

    async def _handle(self) -> Observed:
        try:
            response = self._handler(self._asked.given)
            self._response = await response if inspect.isawaitable(response) else response
            self._said = fact_of(self._response, self._origin())
        except CallRefused as refused:
            return self._failed(refused.code, refused.message, refused.data)
        except Exception as error:  # noqa: BLE001 - whatever it was, the caller gets an answer
            _lines.error("a handler failed", exc_info=True, method=self._asked.message.method)
            return self._failed(codes.INTERNAL_ERROR, "internal error", None, f"{type(error).__qualname__}")
        return self._said

    def _ended(self, decision: ResponseReady | ErrorReady | RequestCancelled, fact: Observed) -> Any:
        self.outcome = outcome(decision, fact) or CANCELLED
        if isinstance(decision, RequestCancelled):
            return None
        said = self._said
        if isinstance(decision, ResponseReady):
            own = decision.payload != b""
        else:
            new = (decision.code, decision.message, decision.data)
            own = not isinstance(said, CallFailed) or new != (said.code, said.message, said.data)
        return response_of(self._asked, decision) if own else self._response

    def _failed(self, code: int, message: str, data: dict[str, object] | None, detail: str = "") -> Observed:
        return CallFailed(self._origin(), code, message, data, detail)

    def _origin(self) -> Origin:
        return Origin(self.session, self._asked.id, self._clock())


middleware_stack = MiddlewareStack(monitoring_system.performance)
