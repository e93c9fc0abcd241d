"""A wired server, run until it is told to stop."""

import asyncio
import gc
import signal
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import ExitStack, asynccontextmanager
from socket import socket

import structlog
from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest

from adapters.audit_projector import Projector, start_projector
from adapters.guard import Guard
from adapters.listener import Connection, Listener, Route, bound
from adapters.stdio import stdio
from adapters.streamable_http import HttpEndpoint
from adapters.websocket import WebSocketEndpoint
from mcp_server.app import App
from mcp_server.config import Settings
from mcp_server.features.catalogue import Catalogue
from mcp_server.stores import MEMORY, open_log, sqlite_path

_log = structlog.get_logger(__name__)


class CannotListen(Exception):
    """The port is taken, or there is no such address here; the text says which."""


@asynccontextmanager
async def listening(app: App, sockets: Sequence[socket]) -> AsyncIterator[int]:
    """Open the network side of ``app`` on sockets that are bound; yields the port."""
    settings = app.settings
    http = HttpEndpoint(app.gate, settings.session_idle)
    websocket = WebSocketEndpoint(app.gate, settings.connection_window, settings.session_idle)
    listener = Listener(
        {"/mcp": http, "/ws": websocket, **_operations(app)},
        Guard(settings.allowed_hosts, settings.allowed_origins),
        head_timeout=settings.head_timeout,
        body_timeout=settings.body_timeout,
        most_connections=settings.max_connections,
    )
    loop = asyncio.get_running_loop()
    servers = [await loop.create_server(listener, sock=sock, backlog=1024) for sock in sockets]
    tasks = asyncio.create_task(_every_second(listener.sweep, http.sweep, websocket.sweep, app.calls.expire))
    try:
        yield sockets[0].getsockname()[1]
    finally:
        for server in servers:
            server.close()
        await app.drain()
        tasks.cancel()
        await listener.shutdown(1.0)


@asynccontextmanager
async def auditing(settings: Settings) -> AsyncIterator[Projector | None]:
    """Keep the audit view up to date meanwhile, where there is one."""
    if not settings.audit or settings.store == MEMORY:
        yield None
        return
    projector = start_projector(sqlite_path(settings.store))
    try:
        yield projector
    finally:
        projector.stop()  # what it opened belongs to this thread; and by now nobody else is waiting


async def serve(settings: Settings, offer: Catalogue, announce: Callable[[int], None], sink: int = 1) -> None:
    """Serve until told to stop.

    Args:
        settings: How to serve.
        offer: What to serve.
        announce: Called with the port once the server can be reached.
        sink: The file descriptor that messages go to on stdio.

    Raises:
        LogFailed: The log cannot be opened, or has failed.
        CannotListen: The port cannot be opened.
    """
    with ExitStack() as opened:
        sockets: Sequence[socket] = ()
        if settings.transport_type != "stdio":  # first, so that a port that is taken costs no files
            try:
                sockets = opened.enter_context(bound(settings.host, settings.port))
            except OSError as error:
                problem = f"cannot listen on {settings.host}:{settings.port}: {error.strerror or error}"
                raise CannotListen(problem) from error
        async with open_log(settings.store) as log, auditing(settings) as projector:
            app = App(settings, offer, log, projector)
            _stop_on_signals(app)
            _collect_seldom()
            if sockets:
                await _serve_network(app, sockets, announce)
            else:
                await _serve_stdio(app, sink)
            if app.failure is not None:
                raise app.failure


async def _serve_network(app: App, sockets: Sequence[socket], announce: Callable[[int], None]) -> None:
    async with listening(app, sockets) as port:
        _log.info("listening", host=app.settings.host, port=port)
        announce(port)
        await app.stopping.wait()


async def _serve_stdio(app: App, sink: int) -> None:
    sweeping = asyncio.create_task(_every_second(app.calls.expire))
    async with stdio(app.gate, app.settings.connection_window, 0, sink) as ended:
        ended.add_done_callback(lambda _: app.stopping.set())
        await app.stopping.wait()
        await app.drain()
    sweeping.cancel()


def _operations(app: App) -> dict[str, Route]:
    registry = CollectorRegistry()
    registry.register(app.meter)

    async def health(_request: web.BaseRequest, _connection: Connection) -> web.StreamResponse:
        healthy = app.failure is None and not app.stopping.is_set()
        return web.json_response({"status": "ok" if healthy else "failing"}, status=200 if healthy else 503)

    async def metrics(_request: web.BaseRequest, _connection: Connection) -> web.StreamResponse:
        return web.Response(body=generate_latest(registry), headers={"Content-Type": CONTENT_TYPE_LATEST})

    return {"/health": health, "/metrics": metrics}


def _stop_on_signals(app: App) -> None:
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, app.stopping.set)


def _collect_seldom() -> None:
    """What is loaded stays, and events hold no cycles: a full collection in the middle of a burst only stalls it."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)


async def _every_second(*sweeps: Callable[[], None]) -> None:
    while True:
        await asyncio.sleep(1.0)
        for sweep in sweeps:
            sweep()
