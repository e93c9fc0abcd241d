"""What makes a server fast and keeps it within its means: rate limits, pooled connections, watched memory."""

from adapters.pressure import Level, Thresholds
from mcp_server.performance.connection_pool import (
    ConnectionPool,
    DatabaseUnreachable,
    PoolClosed,
    PoolExhausted,
    PoolStatistics,
)

# The instance takes the name of the module that makes it.
from mcp_server.performance.memory_optimizer import MemoryOptimizer, memory_optimizer
from mcp_server.performance.pool_config import ConnectionPoolConfig
from mcp_server.performance.rate_limiter import RateLimitAlgorithm, RateLimiter, RateLimiterConfig, RateLimitResult

__all__ = [
    "ConnectionPool",
    "ConnectionPoolConfig",
    "DatabaseUnreachable",
    "Level",
    "MemoryOptimizer",
    "PoolClosed",
    "PoolExhausted",
    "PoolStatistics",
    "RateLimitAlgorithm",
    "RateLimitResult",
    "RateLimiter",
    "RateLimiterConfig",
    "Thresholds",
    "memory_optimizer",
]
