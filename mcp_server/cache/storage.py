"""What a cache stands on, and the choice of it."""

import logging
from typing import Final, Protocol

from msgspec.structs import replace

from adapters.cache_stats import CacheStats
from adapters.memory_cache import MemoryCache
from mcp_server.cache.config import CacheBackendType, CacheConfig
from pipeline.questions import Asker, Cache, Kept

_log: Final = logging.getLogger(__name__)


class CacheUnavailable(ConnectionError):
    """The cache cannot begin; says why, and what to do."""


class Storage(Cache, Protocol):
    """Results by key: what the chain asks for, and what is asked directly. ``at`` is now, in the asker's seconds."""

    def fill(self, key: str, asker: Asker, payload: bytes, ttl: float, at: float, tags: tuple[str, ...] = ()) -> None:
        """Keep what ``asker`` found, with tags, and give it to those who wait."""

    def invalidate(self, tag: str) -> None:
        """Drop all results that have the tag, and those with it that are being found."""

    async def start(self) -> None:
        """Open what must be open."""

    async def close(self) -> None:
        """Let nobody wait any more, and leave."""

    async def get(self, key: str, at: float) -> Kept | None:
        """What is kept; nobody is to find what is missing."""

    async def put(self, key: str, payload: bytes, ttl: float, at: float, tags: tuple[str, ...] = ()) -> bool:
        """Keep a result; False when it was not kept."""

    async def delete(self, key: str) -> bool:
        """Drop a result; whether there was one."""

    async def delete_tag(self, tag: str) -> int:
        """Drop all results that have the tag; their number."""

    async def clear(self) -> int:
        """Drop everything; the number of results."""

    def shrink(self, share: float) -> int:
        """Let ``share`` of the bytes in this process's memory stay, from 0 to 1; the bytes that it freed."""

    def confine(self, share: float) -> None:
        """Take no more than ``share`` of the bytes that it may in this process's memory, until told otherwise."""

    def stats(self) -> CacheStats:
        """The figures."""


async def make_storage(config: CacheConfig) -> Storage:
    """The storage that the settings ask for, ready.

    Raises:
        CacheUnavailable: Redis cannot be reached, and memory is not to serve in its place.
    """
    if config.backend_type is CacheBackendType.MEMORY:
        return MemoryCache(config.max_entries, config.max_bytes)
    from adapters.cache_link import CacheUnreachable

    storage = _shared(config)
    try:
        await storage.start()
    except CacheUnreachable as error:
        if not config.falls_back:
            raise CacheUnavailable(
                f"{error}. Start it, or name another in REDIS_URL or CacheConfig(redis_url=...), "
                "or let memory serve in its place with CacheConfig(fallback=True)"
            ) from error
        _log.warning("%s. The cache serves from this process's memory until it is started anew", error)
        return _Fallback(config, f"{error}; serving from this process's memory")
    return storage


def _shared(config: CacheConfig) -> Storage:
    from adapters.hybrid_cache import HybridCache
    from adapters.redis_cache import RedisCache

    place, lease, timeout = (config.url, config.namespace), config.lease, config.redis_timeout
    bounds = (config.max_entries, config.max_bytes)
    if config.backend_type is CacheBackendType.HYBRID:
        return HybridCache(*place, *bounds, near_ttl=config.near_ttl, lease=lease, timeout=timeout)
    return RedisCache(*place, *bounds, lease=lease, timeout=timeout)


class _Fallback(MemoryCache):
    """Memory, and why it is not Redis."""

    def __init__(self, config: CacheConfig, warning: str) -> None:
        super().__init__(config.max_entries, config.max_bytes)
        self._warning = warning

    def stats(self) -> CacheStats:
        """The figures, with a word on what is wrong with them."""
        return replace(super().stats(), online=False, warning=self._warning)
