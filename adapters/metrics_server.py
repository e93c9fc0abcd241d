"""Figures on a port of their own."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager, suppress

from aiohttp import web
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder

from adapters.guard import Guard
from adapters.listener import Connection, Listener, Route, bound


def metrics_route(registry: CollectorRegistry) -> Route:
    """What answers with the figures of ``registry``, in the text format that the scraper asks for."""

    async def metrics(request: web.BaseRequest, _connection: Connection) -> web.StreamResponse:
        try:
            encode, kind = choose_encoder(request.headers.get("Accept", ""))
        except (TypeError, ValueError):  # it asked for a version that is none
            encode, kind = choose_encoder("")
        return web.Response(body=encode(registry), headers={"Content-Type": kind})

    return metrics


@asynccontextmanager
async def serving_metrics(
    registry: CollectorRegistry, host: str, port: int, allowed_hosts: Iterable[str] = ()
) -> AsyncIterator[int]:
    """Serve ``/metrics`` meanwhile, with the same guard and deadlines as the main port; yields the port.

    Args:
        registry: Where the figures come from.
        host: The address to listen on.
        port: The port; 0 takes a free one.
        allowed_hosts: Names besides the loopback ones by which a scraper may call.

    Raises:
        OSError: The port is taken, or there is no such address here.
    """
    with bound(host, port) as sockets:
        listener = Listener({"/metrics": metrics_route(registry)}, Guard(allowed_hosts), most_connections=100)
        loop = asyncio.get_running_loop()
        servers = [await loop.create_server(listener, sock=sock) for sock in sockets]
        sweeping = asyncio.create_task(_every_second(listener.sweep))
        try:
            yield sockets[0].getsockname()[1]
        finally:
            for server in servers:
                server.close()
            sweeping.cancel()
            with suppress(asyncio.CancelledError):
                await sweeping
            await listener.shutdown(1.0)


async def _every_second(sweep: Callable[[], None]) -> None:
    while True:
        await asyncio.sleep(1.0)
        sweep()
