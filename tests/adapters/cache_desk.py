"""Caches for the tests, and those who ask them."""

import asyncio
import itertools
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

from adapters.hybrid_cache import HybridCache
from adapters.memory_cache import MemoryCache
from adapters.redis_cache import RedisCache
from mcp_server.cache import Storage
from pipeline.questions import Asker, Kept

_numbers = itertools.count(1)


def fresh_namespace() -> str:
    return f"test-{uuid.uuid4().hex}"


@asynccontextmanager
async def opened(kind: str, url: str, *bounds: int, namespace: str = "", **times: float) -> AsyncIterator[Any]:
    """A cache of a kind, open."""
    namespace = namespace or fresh_namespace()
    cache: Storage
    match kind:
        case "memory":
            cache = MemoryCache(*bounds)
        case "redis":
            cache = RedisCache(url, namespace, *bounds, **times)  # type: ignore[arg-type]
        case _:
            cache = HybridCache(url, namespace, *bounds, **times)  # type: ignore[arg-type]
    await cache.start()
    try:
        yield cache
    finally:
        await cache.close()


class Visitor:
    """One who asks a cache for a key."""

    def __init__(self, cache: Storage, key: str = "k") -> None:
        self.cache, self.key = cache, key
        self.asker: Asker = ("a session", next(_numbers))
        self.answer: asyncio.Future[Kept | None] = asyncio.get_running_loop().create_future()
        cache.look(key, self.asker, time.monotonic(), self.answer.set_result)

    async def told(self) -> Kept | None:
        return await asyncio.wait_for(asyncio.shield(self.answer), 10)

    async def payload(self) -> bytes:
        kept = await self.told()
        assert kept is not None
        return kept.payload

    async def is_to_find_it(self) -> bool:
        return await self.told() is None

    def fill(self, payload: bytes = b"1", ttl: float = 60.0, tags: tuple[str, ...] = ()) -> None:
        self.cache.fill(self.key, self.asker, payload, ttl, time.monotonic(), tags)

    def release(self) -> None:
        self.cache.release(self.key, self.asker)


async def put(
    cache: Storage, key: str = "k", payload: bytes = b"1", ttl: float = 60.0, tags: tuple[str, ...] = ()
) -> bool:
    return await cache.put(key, payload, ttl, time.monotonic(), tags)


async def get(cache: Storage, key: str = "k") -> bytes | None:
    kept = await cache.get(key, time.monotonic())
    return None if kept is None else kept.payload


async def until(true: Callable[[], Awaitable[object]], seconds: float = 10.0) -> None:
    """Wait for a condition of which nobody tells."""
    late = time.monotonic() + seconds
    while not await true():
        assert time.monotonic() < late, "it does not come true"
        await asyncio.sleep(0.005)
