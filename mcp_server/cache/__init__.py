"""Values that are kept for a while: in this process's memory, in Redis, or in Redis with copies in memory."""

from adapters.cache_stats import CacheStats
from mcp_server.cache.config import CacheBackendType, CacheConfig
from mcp_server.cache.manager import CacheManager
from mcp_server.cache.storage import CacheUnavailable, Storage, make_storage
from mcp_server.cache.values import NotCacheable

__all__ = [
    "CacheBackendType",
    "CacheConfig",
    "CacheManager",
    "CacheStats",
    "CacheUnavailable",
    "NotCacheable",
    "Storage",
    "make_storage",
]
