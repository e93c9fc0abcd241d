"""The composition root: a server, wired."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from functools import partial
from types import MappingProxyType
from typing import Any, Final

import msgspec
import structlog
from reactivex.scheduler.eventloop import AsyncIOScheduler

from adapters.audit_projector import Projector
from adapters.authenticator import Authenticator
from adapters.checked_cache import CheckedCache
from adapters.clock import wall_clock
from adapters.keys import Keys, new_secret
from adapters.metrics_log import MeasuredLog
from adapters.pressure import Level, relieve
from adapters.prometheus import PrometheusMeter
from adapters.seal import Seal
from adapters.sessions import Gate
from mcp_server.calls import Lent
from mcp_server.config import Reloaded, Settings, in_force, reloaded
from mcp_server.effects import Effects
from mcp_server.extensions.compose import Running, enabled, extended
from mcp_server.features.catalogue import Catalogue
from mcp_server.features.visible import Visible
from mcp_server.operations import Operations
from mcp_server.production.event_lines import EventLines
from mcp_server.production.log_setup import lost as lines_lost
from mcp_server.redaction import redacted_facts, tool_secrets
from mcp_server.rehydrate import Rehydrator
from mcp_server.running import Calls
from mcp_server.shared import Shared, in_memory
from mcp_server.stores import reading
from operators.access import Caller, table_of
from operators.authorize import ANONYMOUS
from operators.policy import Policy, dump
from pipeline.chain import chain
from pipeline.ingress import Ingress
from pipeline.journal import Journal, Lost
from pipeline.log import Log, LogFailed
from pipeline.questions import Cache, Questions

_log = structlog.get_logger(__name__)


TAKEN_UNDER_PRESSURE: Final = {Level.NORMAL: 1.0, Level.ELEVATED: 1.0, Level.HIGH: 0.25, Level.CRITICAL: 0.0625}
"""The part of ``server_window`` that is open; what comes on top is told to try again."""


_RESULTS: Final = {"tools": "tools/call", "prompts": "prompts/get", "resources": "resources/read"}
"""By list, the method whose results may be others when it has changed."""


class App:
    """A server, wired and ready to take messages in.

    Attributes:
        gate: Where transports open sessions.
        calls: The calls that are under way.
        meter: The figures.
        operations: What those who run the server ask of it.
        keys: What texts for clients are sealed with.
        open_log: Opens the log for reading.
        rehydrator: Takes up again the sessions of before a restart.
        stopping: Set when the server is to stop, whatever the reason.
        failure: Why the log failed; None while all is well.
        door: What finds out who calls; None where nobody is asked, and before anybody can call.
    """

    def __init__(  # what it is wired from
        self,
        settings: Settings,
        offer: Catalogue,
        log: Log,
        projector: Projector | None = None,
        failed_plugins: Mapping[str, str] = MappingProxyType({}),
        shared: Shared | None = None,
        keys: Keys | None = None,
    ) -> None:
        self.settings = settings
        self.stopping = asyncio.Event()
        self.failure: LogFailed | None = None
        self.clock = wall_clock()
        self._offer = offer
        self._policy = policy = Policy(
            settings.anonymous,
            settings.limits,
            offer.cache_rules(),
            enabled(settings),
            settings.access,
            settings.access_default,
            offer.headers(),
        )
        self.reloads = 0
        self.door: Authenticator | None = None
        self._pressure = Level.NORMAL
        self._followers: list[Callable[[Settings], None]] = []
        self.shared = shared or in_memory(settings)
        self.limits, cache = self.shared.limits, self.shared.cache
        self._loop = loop = asyncio.get_running_loop()
        measured = MeasuredLog(log)
        ingress, self.journal = Ingress(), Journal(measured, loop.call_soon)
        self.gate = Gate(ingress, self.journal, self.clock, dump(policy), settings.server_window)
        self.gate.wants_params = bool(policy.headers)
        self.meter = PrometheusMeter(
            {
                "mcp_requests_in_flight": ("Requests that are owed an answer", lambda: self.gate.in_flight),
                "mcp_log_waiting_bytes": ("Bytes that are not durable yet", lambda: self.journal.waiting),
                "mcp_log_failed": ("1 when nothing can be recorded any more", lambda: log.failure is not None),
                "mcp_database_connections": ("Connections to the database", lambda: self._pooled("size")),
                "mcp_database_connections_in_use": ("Those that somebody uses", lambda: self._pooled("in_use")),
                "mcp_database_waiting": ("Callers that wait for one", lambda: self._pooled("waiting")),
                "mcp_authentication_failures": (
                    "Requests that showed nothing valid",
                    lambda: self.door.refused if self.door else 0,
                ),
                "mcp_settings_reloads": ("Times the settings were read anew", lambda: self.reloads),
                "mcp_cache_entries": ("Results in the cache", lambda: cache.stats().entries),
                "mcp_cache_bytes": ("Their size together", lambda: cache.stats().bytes),
                "mcp_cache_hit_ratio": ("The share of look-ups that were answered", lambda: cache.stats().hit_ratio),
                "mcp_cache_evictions": ("Results that had to go for others", lambda: cache.stats().evictions),
                "mcp_cache_failures": ("What Redis did not carry out", lambda: cache.stats().failures),
                "mcp_cache_online": ("1 while what is shared can be reached", lambda: cache.stats().online),
                "mcp_limits_online": ("1 while the limits can be asked", lambda: self.shared.limits_state().available),
                "mcp_limits_fallbacks": (
                    "Requests that were limited without Redis",
                    lambda: self.shared.limits_state().fallbacks,
                ),
                "mcp_memory_pressure": (
                    "How scarce memory is: 0 normal, 1 elevated, 2 high, 3 critical",
                    lambda: self._pressure,
                ),
                "mcp_log_lines_lost": ("Log lines that could not be written", lines_lost),
                "mcp_audit_lag_records": (
                    "Records that are not in the audit view yet; -1 when unknown",
                    projector.lag if projector else lambda: -1,
                ),
            }
        )

        # No secret gets any further than this.
        self.keys = keys or Keys(new_secret())
        facts = redacted_facts(settings, self.keys, tool_secrets(offer.tool_schemas()), self.meter.redacted)
        if facts is not None:
            self.gate.redact = facts.incoming
        # Others fill a cache in Redis, too.
        results: Cache = cache if facts is None or settings.redis_url is None else CheckedCache(cache, facts)

        # What came in is written down together with what it led to.
        steps = ingress.facts.pipe(chain(policy, self.meter))
        steps.subscribe(self.journal.add, scheduler=AsyncIOScheduler(loop))

        # Asking what sessions share is not acting, so questions need not wait for the log.
        questions = Questions(ingress, self.limits, results, self.clock)
        self.journal.accepted.subscribe(questions.ask)
        self.journal.lost.subscribe(questions.on_lost)

        # Nothing acts on an event until it is in the log.
        self.operations = Operations(self, measured, projector, failed_plugins)
        self._at_end: list[Callable[[], Awaitable[None]]] = []
        handlers = self.operations.handlers(offer)
        self.open_log = partial(reading, settings.store, log)
        self._sweeps: list[Callable[[], None]] = []
        self._on_change: list[Callable[[str], None]] = []
        running = Running(
            self.gate,
            handlers,
            self.open_log,
            self._at_end.append,
            self.keys,
            self._sweeps.append,
            {},
            self._on_change.append,
        )
        self.rehydrator = Rehydrator(self.gate, self.journal, ingress, self.meter, self.open_log, dump(policy))
        served = extended(settings, offer, running)
        self._visible = Visible(served, table_of(policy.access, policy.access_default), self._caller, offer.page_size)
        lent = Lent(states=Seal(self.keys, "states"), cursors=Seal(self.keys, "cursors"))
        self.calls = Calls(self._visible, ingress, self.clock, settings.call_timeout, lent)
        if facts is not None:
            self.calls.redact = facts.reported
        Effects(self.gate, self.calls, results, self.clock, running.acts).watch(self.journal, settings.durability)
        self._event_lines = EventLines(self.journal.recorded)
        self.journal.lost.subscribe(self.gate.on_lost)
        self.journal.lost.subscribe(self._lost)
        log.on_failure(self._failed)
        self._changed: set[str] = set()
        offer.follow(self.list_changed)

    def _caller(self, session: str) -> Caller:
        """Who owns a session; when it has closed, nobody."""
        found = self.gate.sessions.get(session)
        return Caller(ANONYMOUS) if found is None else Caller(found.principal, found.grant.scopes, found.grant.groups)

    def _pooled(self, figure: str) -> int:
        statistics = getattr(self.calls.lent.database, "statistics", None)
        return int(getattr(statistics, figure, 0))

    def sweep(self) -> None:
        """End what has taken too long. To be called every second or so."""
        self.calls.expire()
        for sweep in self._sweeps:
            sweep()

    def on_reload(self, follow: Callable[[Settings], None]) -> None:
        """Have ``follow`` called with the settings in force whenever they have changed."""
        self._followers.append(follow)

    def reload(self, given: Settings) -> Reloaded:
        """Go by those of the settings given that can change while the server runs; says which those are.

        Each session that is open gets the new policy as an event of its own, and follows it from there on, live and in
        a replay.
        """
        found = reloaded(self.settings, given)
        settings = self.settings = in_force(self.settings, given)
        policy = msgspec.structs.replace(
            self._policy,
            **{name: getattr(settings, name) for name in ("anonymous", "limits", "access", "access_default")},
        )
        if policy != self._policy:
            self.limits.replace(policy.limits)
            self._visible.follow(table_of(policy.access, policy.access_default))
            self._follow(policy)
        self.calls.timeout = settings.call_timeout
        self._open_window()
        self._event_lines.follow()
        for follow in self._followers:
            follow(settings)
        self.reloads += 1
        return found

    def _follow(self, policy: Policy) -> None:
        self._policy = policy
        self.gate.wants_params = bool(policy.headers)
        self.gate.follow(dump(policy))

    def _failed(self, failure: LogFailed) -> None:
        self.failure = failure
        _log.critical("the log has failed", reason=str(failure))
        self.calls.abort("the event log has failed")
        self.gate.refuse_all()
        self.stopping.set()

    def _lost(self, lost: Lost) -> None:
        if self.settings.transport_type == "stdio" and self.failure is None:  # that session is all there is
            self._failed(LogFailed(f"the session {lost.session} cannot be recorded"))

    def on_pressure(self, level: Level) -> None:
        """Hold less the scarcer memory is: results that can be found again, and requests that can be sent again."""
        relieve(self.shared.cache, self._pressure, level)
        self._pressure = level
        self._open_window()

    def limits_state(self) -> list[dict[str, Any]]:
        """The limits that are set, and the keys of which most is used."""
        used = self.limits.most_used(self.clock(), 100)
        return [
            {
                **msgspec.to_builtins(limit),
                "used": [{"key": key, "share": round(share, 4)} for (name, key), share in used if name == limit.name],
            }
            for limit in self.settings.limits
        ]

    async def drain(self) -> None:
        """Let calls finish for a while, end the others, close the sessions, and write it all down."""
        self.gate.window = 0  # what comes from here on is refused, and that is recorded too
        self.gate.end_subscriptions("the server stopped")
        await self._until(lambda: not self.gate.in_flight, self.settings.drain_timeout)
        await self._until(self._aborted, max(1.0, self.settings.drain_timeout))
        for session in list(self.gate.sessions.values()):
            session.outlet.close("the server stopped")
            session.close("the server stopped")
        await self._until(lambda: self.journal.idle, self.settings.drain_timeout)

    async def close(self) -> None:
        """Let go of what was opened along the way; after :meth:`drain`."""
        for end in self._at_end:
            await end()

    def forget(self, method: str) -> None:
        """Drop the results of a method from the cache: what they were found in has changed."""
        self.shared.cache.invalidate(method)

    def list_changed(self, kind: str) -> None:
        """Tell clients that a list has changed: of several changes in one turn of the event loop, once.

        It may be called from any thread.
        """
        with suppress(RuntimeError):  # the event loop is closed: there is nobody to tell
            self._loop.call_soon_threadsafe(self._list_changed, kind)

    def _list_changed(self, kind: str) -> None:
        if not self._changed:
            self._loop.call_soon(self._tell_changes)
        self._changed.add(kind)

    def _tell_changes(self) -> None:
        changed, self._changed = sorted(self._changed), set()
        if (headers := self._offer.headers()) != self._policy.headers:
            self._follow(msgspec.structs.replace(self._policy, headers=headers))
        for kind in changed:
            for tell in self._on_change:
                tell(kind)
            self.forget(_RESULTS[kind])
            self.gate.list_changed(kind)

    def _open_window(self) -> None:
        if self.gate.window:  # it is 0 from the moment when the server drains
            self.gate.window = max(1, int(self.settings.server_window * TAKEN_UNDER_PRESSURE[self._pressure]))

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
