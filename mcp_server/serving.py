"""A wired server, run until it is told to stop."""

import asyncio
import gc
import math
import signal
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager, contextmanager
from functools import partial
from pathlib import Path
from socket import socket
from typing import TYPE_CHECKING

import msgspec
import structlog

from adapters.audit_projector import Projector, start_projector
from adapters.guard import Guard
from adapters.listener import Listener, Route, bound
from adapters.seal import Seal
from adapters.stdio import stdio
from adapters.streamable_http import HttpEndpoint
from adapters.websocket import WebSocketEndpoint
from mcp_server import __version__
from mcp_server.app import App
from mcp_server.authentication import OPEN_PATHS, authenticator, unusable_key
from mcp_server.authentication import follow as follow_authentication
from mcp_server.config import Settings, SettingsError
from mcp_server.database import pool_of
from mcp_server.offering import Offered
from mcp_server.past import sent_on
from mcp_server.performance.memory_optimizer import memory_optimizer
from mcp_server.performance.memory_readings import MEBIBYTE
from mcp_server.production.health_checks import DatabaseCheck, MemoryCheck, PromptsCheck
from mcp_server.production.monitoring import monitoring_system
from mcp_server.production.tracing import TracingUnavailable, open_tracing
from mcp_server.prompts import prompt_registry, watch_folder
from mcp_server.secret import keys_of
from mcp_server.shared import shared
from mcp_server.stores import MEMORY, open_log, sqlite_path

if TYPE_CHECKING:
    from mcp_server.plugins import Workspace

_log = structlog.get_logger(__name__)


class CannotListen(Exception):
    """The port is taken, or there is no such address here; the text says which."""


@asynccontextmanager
async def listening(app: App, sockets: Sequence[socket]) -> AsyncIterator[int]:
    """Open the network side of ``app`` on sockets that are bound; yields the port."""
    settings = app.settings
    handles = Seal(app.keys, "sessions")
    history = partial(sent_on, app.open_log)
    http = HttpEndpoint(app.gate, settings.session_idle, handles, app.rehydrator.restore, history)
    websocket = WebSocketEndpoint(app.gate, settings.connection_window, settings.session_idle)
    routes: dict[str, Route] = {"/mcp": http, "/ws": websocket, **app.operations.routes()}
    sweeps = [http.sweep, websocket.sweep, app.sweep]
    door = app.door = authenticator(settings, sockets[0].getsockname()[1], app.clock)
    if problem := unusable_key(settings):
        _log.error("no token is taken that is signed with the server's own key", reason=problem)
    if door is not None:
        own = [path for path in routes if path.startswith("/admin/")]  # these have a rule of their own
        door.open_paths = frozenset((*OPEN_PATHS, *door.routes(), *own))
        routes |= door.routes()
        sweeps.append(door.sweep)
    listener = Listener(routes, Guard(), door=door)

    def follow(settings: Settings) -> None:
        http.sessions.idle = websocket.idle = settings.session_idle
        if door is not None:
            follow_authentication(door, settings)
        guard = Guard(settings.allowed_hosts, settings.allowed_origins)
        listener.retune(guard, settings.head_timeout, settings.body_timeout, settings.max_connections)

    follow(settings)
    app.on_reload(follow)
    loop = asyncio.get_running_loop()
    servers = [await loop.create_server(listener, sock=sock, backlog=1024) for sock in sockets]
    tasks = asyncio.create_task(_every_second(listener.sweep, *sweeps))
    try:
        with app.operations.checking(app.operations.checks()):
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


@asynccontextmanager
async def attended(app: App, workspace: "Workspace | None" = None) -> AsyncIterator[None]:
    """What goes on beside the server meanwhile: memory and folders are watched, figures and traces go out."""
    settings = app.settings
    async with AsyncExitStack() as opened:
        end = memory_optimizer.on_level(lambda level, _reading: app.on_pressure(level))
        opened.callback(end)
        memory_optimizer.gc_frequency = settings.gc_frequency or math.inf
        memory_optimizer.limit = settings.memory_limit_mb * MEBIBYTE
        await memory_optimizer.start_monitoring(settings.memory_monitor_interval)
        opened.push_async_callback(memory_optimizer.stop_monitoring)
        opened.enter_context(app.operations.checking([MemoryCheck(memory_optimizer)]))
        if settings.prompts_enabled:
            opened.callback(prompt_registry.subscribe(partial(app.list_changed, "prompts")))
        if settings.prompts_enabled and settings.prompts_folder:
            watch = await opened.enter_async_context(watch_folder(prompt_registry, Path(settings.prompts_folder)))
            opened.enter_context(app.operations.checking([PromptsCheck(lambda: watch.loaded.problems)]))
        if workspace is not None:
            await opened.enter_async_context(_watching(app, workspace))
        await _open_traces(app, opened)
        await _open_database(app, opened)
        if settings.metrics_port and settings.transport_type != "stdio":
            await _open_metrics(app, opened)
        yield


@asynccontextmanager
async def _watching(app: App, workspace: "Workspace") -> AsyncIterator[None]:
    """Forget what was read of files that change meanwhile, and tell those who follow them."""
    from mcp_server.plugins import changes, is_concerned

    stop = asyncio.Event()

    async def follow() -> None:
        try:
            async for changed in changes(workspace, stop):
                app.forget("resources/read")
                app.gate.changed(partial(is_concerned, changed))
        except (OSError, RuntimeError) as error:  # no watches are left, say: results are kept until their time is over
            _log.warning("the workspace is not watched", reason=getattr(error, "strerror", None) or str(error))

    following = asyncio.create_task(follow())
    try:
        yield
    finally:
        stop.set()
        await following


async def _open_database(app: App, opened: AsyncExitStack) -> None:
    """Keep connections to the database that is named, for tools. One that is away stops no server; health tells of it.

    Raises:
        SettingsError: Its URL cannot be read.
    """
    pool = pool_of(app.settings)
    if pool is not None:
        app.calls.lent = msgspec.structs.replace(app.calls.lent, database=pool)
        opened.push_async_callback(pool.close)
        opened.enter_context(app.operations.checking([DatabaseCheck(pool)]))


async def _open_traces(app: App, opened: AsyncExitStack) -> None:
    """Send spans to a collector, if one is named; what waits is sent at the end, from a thread."""
    try:
        tracing = open_tracing(version=__version__)
    except TracingUnavailable as error:
        raise SettingsError(str(error)) from error
    if tracing is not None:
        opened.push_async_callback(asyncio.to_thread, tracing.close)
        app.operations.registry.register(tracing)
        subscription = app.journal.recorded.subscribe(tracing.on_recorded)
        opened.callback(subscription.dispose)


async def _open_metrics(app: App, opened: AsyncExitStack) -> None:
    """Serve figures on a port of their own. The main port has them too, so without that port the server goes on."""
    host, port = app.settings.metrics_host, app.settings.metrics_port
    serving = monitoring_system.serving(host, port, app.operations.registry, app.settings.allowed_hosts)
    try:
        await opened.enter_async_context(serving)
    except OSError as error:
        _log.warning("metrics have no port of their own", host=host, port=port, reason=error.strerror or str(error))


async def serve(
    settings: Settings,
    offer: Offered,
    announce: Callable[[int], None],
    sink: int = 1,
    read_again: Callable[[], Settings] | None = None,
) -> None:
    """Serve until told to stop.

    Args:
        settings: How to serve.
        offer: What to serve.
        announce: Called with the port once the server can be reached.
        sink: The file descriptor that messages go to on stdio.
        read_again: Reads the settings anew, for SIGHUP; without it, and on stdio, that signal ends the process.

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
            authenticator(settings, settings.port, time.time)  # what is wrong with its settings costs no files either
        keys = keys_of(settings)
        async with shared(settings) as found, open_log(settings.store) as log, auditing(settings) as projector:
            app = App(settings, offer.catalogue, log, projector, offer.failed_plugins, found, keys)
            _stop_on_signals(app)
            _collect_seldom()
            async with attended(app, offer.workspace):
                if sockets and read_again is not None:
                    opened.enter_context(_reloading(app, read_again))
                if sockets:
                    await _serve_network(app, sockets, announce)
                else:
                    await _serve_stdio(app, sink)
            await app.close()
            if app.failure is not None:
                raise app.failure


async def _serve_network(app: App, sockets: Sequence[socket], announce: Callable[[int], None]) -> None:
    async with listening(app, sockets) as port:
        _log.info("listening", host=app.settings.host, port=port)
        announce(port)
        await app.stopping.wait()


async def _serve_stdio(app: App, sink: int) -> None:
    sweeping = asyncio.create_task(_every_second(app.sweep))
    async with stdio(app.gate, app.settings.connection_window, 0, sink) as ended:
        ended.add_done_callback(lambda _: app.stopping.set())
        await app.stopping.wait()
        await app.drain()
    sweeping.cancel()


def _stop_on_signals(app: App) -> None:
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, app.stopping.set)


@contextmanager
def _reloading(app: App, read_again: Callable[[], Settings]) -> Iterator[None]:
    """Read the settings anew at each SIGHUP meanwhile."""
    loop, told = asyncio.get_running_loop(), asyncio.Event()

    async def reload() -> None:
        while True:
            await told.wait()
            told.clear()
            try:
                found = app.reload(await asyncio.to_thread(read_again))
            except SettingsError as error:
                _log.error("settings are as they were", reason=str(error))
            else:
                _log.info("settings read anew", applied=list(found.applied), needs_restart=list(found.needs_restart))

    task = asyncio.create_task(reload())
    loop.add_signal_handler(signal.SIGHUP, told.set)
    try:
        yield
    finally:
        loop.remove_signal_handler(signal.SIGHUP)
        task.cancel()


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
