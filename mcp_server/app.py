"""The composition root: a server, wired."""

import asyncio
from collections.abc import Callable
from typing import Protocol

import structlog
from reactivex.scheduler.eventloop import AsyncIOScheduler

from adapters.audit_projector import Projector
from adapters.clock import Clock
from adapters.memory_cache import MemoryCache
from adapters.memory_limits import MemoryLimits
from adapters.prometheus import PrometheusMeter
from adapters.sessions import Gate
from mcp_server.config import Settings
from mcp_server.effects import Effects
from mcp_server.running import Calls, Catalogue
from operators.policy import CacheRule, Policy, dump
from pipeline.chain import chain
from pipeline.ingress import Ingress
from pipeline.journal import Journal, Lost
from pipeline.log import Log, LogFailed
from pipeline.questions import Questions

_log = structlog.get_logger(__name__)


class Offer(Catalogue, Protocol):
    """What is served: calls, and which of them may be answered from the cache."""

    def cache_rules(self) -> tuple[CacheRule, ...]:
        """What may be answered from the cache."""


class App:
    """A server, wired and ready to take messages in.

    Attributes:
        gate: Where transports open sessions.
        calls: The calls that are under way.
        meter: The figures.
        stopping: Set when the server is to stop, whatever the reason.
        failure: Why the log failed; None while all is well.
    """

    def __init__(self, settings: Settings, offer: Offer, log: Log, projector: Projector | None = None) -> None:
        self.settings = settings
        self.stopping = asyncio.Event()
        self.failure: LogFailed | None = None
        self.clock = Clock()
        policy = Policy(settings.anonymous, settings.limits, offer.cache_rules())
        cache = MemoryCache(settings.cache_max_entries, settings.cache_max_memory_mb * 1024 * 1024)
        loop = asyncio.get_running_loop()
        ingress, self.journal = Ingress(), Journal(log, loop.call_soon)
        self.gate = Gate(ingress, self.journal, self.clock, dump(policy), settings.server_window)
        self.meter = PrometheusMeter(
            {
                "mcp_requests_in_flight": ("Requests that are owed an answer", lambda: self.gate.in_flight),
                "mcp_log_waiting_bytes": ("Bytes that are not durable yet", lambda: self.journal.waiting),
                "mcp_log_failed": ("1 when nothing can be recorded any more", lambda: log.failure is not None),
                "mcp_cache_entries": ("Results in the cache", lambda: len(cache)),
                "mcp_cache_bytes": ("Their size together", lambda: cache.bytes),
                "mcp_audit_lag_records": (
                    "Records that are not in the audit view yet; -1 when unknown",
                    projector.lag if projector else lambda: -1,
                ),
            }
        )

        # What came in is written down together with what it led to.
        steps = ingress.facts.pipe(chain(policy, self.meter))
        steps.subscribe(self.journal.add, scheduler=AsyncIOScheduler(loop))

        # Asking what sessions share is not acting, so questions need not wait for the log.
        if policy.limits or policy.cache:
            questions = Questions(ingress, MemoryLimits(policy.limits), cache, self.clock)
            self.journal.accepted.subscribe(questions.ask)

        # Nothing acts on an event until it is in the log.
        self.calls = Calls(offer, ingress, self.clock, settings.call_timeout)
        Effects(self.gate, self.calls, cache, self.clock).watch(self.journal, settings.durability)
        self.journal.lost.subscribe(self.gate.on_lost)
        self.journal.lost.subscribe(self._lost)
        log.on_failure(self._failed)

    def _failed(self, failure: LogFailed) -> None:
        self.failure = failure
        _log.critical("the log has failed", reason=str(failure))
        self.calls.abort("the event log has failed")
        self.gate.refuse_all()
        self.stopping.set()

    def _lost(self, lost: Lost) -> None:
        if self.settings.transport_type == "stdio" and self.failure is None:  # that session is all there is
            self._failed(LogFailed(f"the session {lost.session} cannot be recorded"))

    async def drain(self) -> None:
        """Let calls finish for a while, end the others, close the sessions, and write it all down."""
        self.gate.window = 0  # what comes from here on is refused, and that is recorded too
        await self._until(lambda: not self.gate.in_flight, self.settings.drain_timeout)
        await self._until(self._aborted, max(1.0, self.settings.drain_timeout))
        for session in list(self.gate.sessions.values()):
            session.outlet.close("the server stopped")
            session.close("the server stopped")
        await self._until(lambda: self.journal.idle, self.settings.drain_timeout)

    def _aborted(self) -> bool:
        """End the calls that are under way. Requests that waited for what one of them would find begin only then."""
        self.calls.abort("the server stopped before the call was over")
        return not self.gate.in_flight and self.journal.idle

    async def _until(self, done: Callable[[], bool], seconds: float) -> None:
        loop = asyncio.get_running_loop()
        late = loop.time() + seconds
        # The conditions are counters, without an event of their own.
        while not done() and self.failure is None and loop.time() < late:  # noqa: ASYNC110
            await asyncio.sleep(0.005)
