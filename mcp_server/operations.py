"""What those who run a server ask of it: is it well, what does it count, what is under way."""

import asyncio
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol

import orjson
from aiohttp import web

from adapters.audit_projector import Projector
from adapters.listener import Connection, Route, plain
from adapters.metrics_log import MeasuredLog
from adapters.metrics_process import ProcessMetrics
from adapters.metrics_server import metrics_route
from adapters.prometheus import PrometheusMeter
from adapters.sessions import Gate
from events.codes import INVALID_PARAMS
from mcp_server.calls import Answer, Call, CallRefused, Teller
from mcp_server.config import Settings
from mcp_server.features.catalogue import Catalogue
from mcp_server.performance.memory_optimizer import memory_optimizer
from mcp_server.production.admin import requests_body
from mcp_server.production.admin_access import refusal
from mcp_server.production.health import Degraded, HealthCheck, HealthReport, health_checker
from mcp_server.production.health_bodies import health_body, health_response, live_response, ready_response
from mcp_server.production.health_checks import (
    DiskSpaceCheck,
    EventLoopLagCheck,
    LogWritableCheck,
    PluginsCheck,
    ProjectionLagCheck,
    SharedCheck,
)
from mcp_server.production.monitoring import monitoring_system
from mcp_server.running import Calls
from mcp_server.shared import Shared
from mcp_server.stores import MEMORY, sqlite_path
from pipeline.log import LogFailed

if TYPE_CHECKING:
    from mcp_server.extensions.extended import Handler


class Server(Protocol):
    """What of a server is told here; see :class:`mcp_server.app.App`."""

    settings: Settings
    stopping: asyncio.Event
    failure: LogFailed | None
    clock: Callable[[], float]
    gate: Gate
    calls: Calls
    meter: PrometheusMeter
    shared: Shared

    def limits_state(self) -> list[dict[str, Any]]:
        """The limits that are set, and the keys of which most is used."""


class Operations:
    """Answers over HTTP and as requests of the protocol.

    Args:
        app: The server.
        log: What its journal writes to.
        projector: What keeps the audit view; None when nothing does.
        failed_plugins: Those that could not be loaded, each with why.
    """

    def __init__(
        self, app: Server, log: MeasuredLog, projector: Projector | None, failed_plugins: Mapping[str, str]
    ) -> None:
        self._app = app
        self._projector = projector
        self._failed_plugins = failed_plugins
        self.registry = monitoring_system.registry(app.meter, log, ProcessMetrics(memory_optimizer.memory_percent))

    @contextmanager
    def checking(self, checks: Iterable[HealthCheck]) -> Iterator[None]:
        """Have checks among those of the health report meanwhile."""
        checks = tuple(checks)
        for check in checks:
            health_checker.register_check(check)
        try:
            yield
        finally:
            for check in checks:
                health_checker.unregister_check(check.name)

    def routes(self) -> dict[str, Route]:
        """What is answered over HTTP, by path."""
        return {
            "/health": _json(self._health),
            "/health/live": _json(self._live),
            "/health/ready": _json(self._ready),
            "/metrics": metrics_route(self.registry),
            "/admin/gc": self._admin(self._collect, "POST"),
            "/admin/requests": self._admin(self._requests),
            "/admin/rate-limits": self._admin(self._limits),
        }

    def _admin(self, respond: "Responder", method: str = "GET") -> Route:
        """Only for those who may, and with one method only."""
        answer = _json(respond)

        async def route(request: web.BaseRequest, connection: Connection) -> web.StreamResponse:
            if request.method != method:
                return plain(405, f"use {method}", {"Allow": method})
            token = self._app.settings.admin_token
            refused = refusal(request.remote, request.headers, token.get_secret_value() if token else "")
            if refused is not None:
                return plain(refused.status, refused.reason, refused.headers)
            return await answer(request, connection)

        return route

    def handlers(self, catalogue: Catalogue) -> "dict[str, Handler]":
        """What is answered as a request of the protocol, by method."""

        async def health(call: Call, _teller: Teller) -> Answer:
            return catalogue.result(health_body(await self._report()), call.version)

        async def status(call: Call, _teller: Teller) -> Answer:
            return catalogue.result(self._status(), call.version)

        async def figures(call: Call, _teller: Teller) -> Answer:
            try:
                found = monitoring_system.result(call.params.get("format", "prometheus"), self.registry)
            except ValueError as error:
                raise CallRefused(INVALID_PARAMS, f"params.format: {error}") from error
            return catalogue.result(found, call.version)

        return {"health/check": health, "server/status": status, "metrics/get": figures}

    def checks(self) -> Iterator[HealthCheck]:
        """The server's own checks."""
        app = self._app
        yield LogWritableCheck(lambda: app.failure)
        yield EventLoopLagCheck()
        if app.settings.store != MEMORY:
            yield DiskSpaceCheck(sqlite_path(app.settings.store))
        if (projector := self._projector) is not None:
            yield ProjectionLagCheck(partial(_lag, projector))
        if app.settings.redis_url is not None:
            yield SharedCheck(self._away)
        if self._failed_plugins:
            yield PluginsCheck(lambda: self._failed_plugins)

    def _away(self) -> list[str]:
        """What of Redis cannot be reached."""
        limits, cache = self._app.shared.limits_state(), self._app.shared.cache.stats()
        problems = [] if limits.available else [f"limits are not shared: {self._app.settings.limits_when_away}"]
        return problems if cache.online else [*problems, cache.warning or "the cache is not shared"]

    @staticmethod
    async def _report() -> HealthReport:
        return await health_checker.run_checks()

    async def _health(self) -> tuple[int, dict[str, Any]]:
        return health_response(await self._report())

    async def _live(self) -> tuple[int, dict[str, Any]]:
        return live_response()

    async def _ready(self) -> tuple[int, dict[str, Any]]:
        return ready_response(await self._report(), accepting=not self._app.stopping.is_set())

    async def _collect(self) -> tuple[int, dict[str, Any]]:
        return 200, await memory_optimizer.optimize_memory()

    async def _requests(self) -> tuple[int, dict[str, Any]]:
        app = self._app
        return 200, requests_body(app.gate.sessions, app.calls.begun, app.clock(), monitoring_system.performance)

    async def _limits(self) -> tuple[int, dict[str, Any]]:
        return 200, {"limits": self._app.limits_state()}

    def _status(self) -> dict[str, Any]:
        app = self._app
        settings = app.settings
        return {
            "status": "stopping" if app.stopping.is_set() else "running",
            "transport": settings.transport_type,
            "durability": str(settings.durability),
            "sessions": len(app.gate.sessions),
            "requestsInFlight": app.gate.in_flight,
            "callsUnderWay": len(app.calls),
            "memory": memory_optimizer.figures(),
        }


def _lag(projector: Projector) -> int:
    """Records that are not in the audit view yet."""
    if not projector.alive:
        raise Degraded("the process that keeps it has ended; mcp-rewind audit takes in what is missing meanwhile")
    return max(0, projector.lag())  # before its first look at the log there is no view, which is no lag


Responder = Callable[[], Any]


def _json(respond: Responder) -> Route:
    async def route(_request: web.BaseRequest, _connection: Connection) -> web.StreamResponse:
        status, body = await respond()
        return web.Response(status=status, body=orjson.dumps(body), content_type="application/json")

    return route
