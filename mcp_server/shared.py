"""What sessions share: the limits and the cache, here or in a Redis that several servers share."""

from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from typing import Final, NamedTuple, Protocol

from adapters.memory_cache import MemoryCache
from adapters.memory_limits import MemoryLimits
from mcp_server.cache.storage import Storage
from mcp_server.config import Settings, SettingsError
from mcp_server.performance.memory_readings import MEBIBYTE
from operators.policy import Limit
from pipeline.questions import Key, Limiter

LEASE: Final = 30.0
"""Seconds after which a server that died while it found a result is given up; it is renewed while the server lives."""

_URLS: Final = "write redis://user:password@host:6379/0, rediss:// or unix://, special characters percent-encoded"


class Limits(Limiter, Protocol):
    """Limits that are asked by the chain, and whose numbers may change."""

    def replace(self, limits: Iterable[Limit]) -> None:
        """Go by other limits from here on."""

    def most_used(self, at: float, most: int = 20) -> list[tuple[Key, float]]:
        """The keys of which most is used, and what share of it, from 0 to 1."""


class LimitsState(NamedTuple):
    """How limits in Redis do.

    Attributes:
        available: Whether Redis answered when it was last asked.
        fallbacks: Questions that were answered without it.
    """

    available: bool = True
    fallbacks: int = 0


class Shared(NamedTuple):
    """The limits and the cache of one server.

    Attributes:
        limits_state: How the limits do; always well in memory.
    """

    limits: Limits
    cache: Storage
    limits_state: Callable[[], LimitsState] = LimitsState


def in_memory(settings: Settings) -> Shared:
    """Limits and a cache that this process has for itself."""
    cache = MemoryCache(settings.cache_max_entries, settings.cache_max_memory_mb * MEBIBYTE)
    return Shared(MemoryLimits(settings.limits), cache)


@asynccontextmanager
async def shared(settings: Settings) -> AsyncIterator[Shared]:
    """The limits and the cache that the settings ask for, opened, and closed at the end.

    A Redis that cannot be reached stops no server: limits hold as ``limits_when_away`` says, the cache keeps nothing,
    and both are shared as soon as it can be.

    Raises:
        SettingsError: The URL of Redis cannot be read.
    """
    if settings.redis_url is None:
        yield in_memory(settings)
        return
    from adapters.hybrid_cache import HybridCache  # these take time to import
    from adapters.redis_limits import RedisLimits, WhenAway

    url, prefix = settings.redis_url.get_secret_value(), settings.redis_namespace
    try:
        limits = RedisLimits(url, settings.limits, when_away=WhenAway(settings.limits_when_away), prefix=prefix)
    except ValueError:
        limits = None
    if limits is None:  # raised out here: the words of redis-py may hold a part of the password
        raise SettingsError(f"redis_url: it cannot be read; {_URLS}")
    bounds = (settings.cache_max_entries, settings.cache_max_memory_mb * MEBIBYTE)
    cache = HybridCache(url, f"{prefix}:cache", *bounds, lease=LEASE)
    try:
        await cache.start(patient=True)
        yield Shared(limits, cache, lambda: LimitsState(limits.available, limits.fallbacks))
    finally:
        await cache.close()
        await limits.close()
