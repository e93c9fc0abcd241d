"""What makes a server fast and keeps it within its means: rate limits, pooled connections, watched memory."""

from adapters.pressure import Level, Thresholds
from mcp_server.performance.connection_pool import (
    ConnectionPool,
    ConnectionPoolConfig,
    DatabaseUnreachable,
    PoolClosed,
    PoolExhausted,
    PoolStatistics,
)

# The instance takes the name of the module that makes it.
from mcp_server.performance.memory_optimizer import MemoryOptimizer, memory_optimizer

__all__ = [
    "ConnectionPool",
    "ConnectionPoolConfig",
    "DatabaseUnreachable",
    "Level",
    "MemoryOptimizer",
    "PoolClosed",
    "PoolExhausted",
    "PoolStatistics",
    "Thresholds",
    "memory_optimizer",
]
