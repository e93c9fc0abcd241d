"""The checks that a server has anyway."""

import asyncio
import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from adapters.pressure import Level
from mcp_server.production.health import Degraded, HealthCheck

if TYPE_CHECKING:
    from mcp_server.performance.connection_pool import ConnectionPool
    from mcp_server.performance.memory_optimizer import MemoryOptimizer
    from mcp_server.prompts.folder import FileProblem

_MIB = 1024 * 1024


class Failing(Exception):
    """What is checked does not work; the text says what is wrong."""


class LogWritableCheck(HealthCheck):
    """Whether the event log takes what comes. ``failure`` tells why it does not, or gives None."""

    def __init__(self, failure: Callable[[], BaseException | None], name: str = "event_log") -> None:
        super().__init__(name, timeout=1.0, critical=True)
        self._failure = failure

    async def check(self) -> None:
        """Ask."""
        failure = self._failure()
        if failure is not None:
            raise Failing(f"nothing can be recorded any more: {failure}")


class DiskSpaceCheck(HealthCheck):
    """Whether there is room on the disk that holds ``path``.

    Args:
        path: A file or folder, whether it is there yet or not.
        least_free_mb: MiB below which the check fails; below four times as many it is degraded.
    """

    def __init__(self, path: str | Path, least_free_mb: float = 256.0, name: str = "disk_space") -> None:
        super().__init__(name, timeout=5.0, critical=True)
        self._path = Path(path)
        self._least = least_free_mb

    async def check(self) -> str:
        """Ask the file system, from a thread: one on a network may not answer."""
        free = await asyncio.to_thread(self._free)
        told = f"{free:,.0f} MiB are free"
        if free < self._least:
            raise Failing(f"{told}; {self._least:,.0f} are needed")
        if free < 4 * self._least:
            raise Degraded(told)
        return told

    def _free(self) -> float:
        there = next(each for each in (self._path, *self._path.absolute().parents) if each.exists())
        return shutil.disk_usage(there).free / _MIB


class EventLoopLagCheck(HealthCheck):
    """Whether the event loop keeps its appointments.

    Args:
        degraded: Seconds that a timer may be late.
        failing: Seconds from which on the check fails.
    """

    def __init__(self, degraded: float = 0.1, failing: float = 1.0, name: str = "event_loop") -> None:
        super().__init__(name, timeout=max(5.0, 10 * failing), critical=False)
        self._degraded, self._failing = degraded, failing

    async def check(self) -> str:
        """Set five timers one after another, and take the one that was latest."""
        loop, pause, late = asyncio.get_running_loop(), 0.005, 0.0
        for _ in range(5):
            due = loop.time() + pause
            await asyncio.sleep(pause)
            late = max(late, loop.time() - due)
        told = f"timers are up to {late * 1000:.0f} ms late"
        if late >= self._failing:
            raise Failing(told)
        if late >= self._degraded:
            raise Degraded(told)
        return told


class MemoryCheck(HealthCheck):
    """Whether memory suffices for all that comes. When it does not less is taken in, so it is not critical.

    Args:
        memory: What watches it.
    """

    def __init__(self, memory: "MemoryOptimizer", name: str = "memory") -> None:
        super().__init__(name, timeout=1.0, critical=False)
        self._memory = memory

    async def check(self) -> str:
        """Take a reading; the level is that of the last one that was acted on."""
        reading, level = self._memory.reading(), self._memory.level
        told = f"{reading.percent:.0f} % of the {reading.source}'s limit are used"
        if level >= Level.HIGH:
            raise Degraded(f"{told}: pressure is {level}, part of the requests is refused")
        return told


class SharedCheck(HealthCheck):
    """Whether what servers share through Redis can be reached; the server goes on without, so it is not critical.

    Args:
        problems: What is away, each with what holds meanwhile; empty when all is well.
    """

    def __init__(self, problems: Callable[[], list[str]], name: str = "redis") -> None:
        super().__init__(name, timeout=1.0, critical=False)
        self._problems = problems

    async def check(self) -> None:
        """Ask."""
        if problems := self._problems():
            raise Degraded("; ".join(problems))


class ProjectionLagCheck(HealthCheck):
    """Whether a projection keeps up with the log.

    Args:
        lag: Gives the records that are not in it yet; a negative number when that cannot be told.
        most: The lag from which on it is degraded. It never fails: it catches up, and requests do not need it.
    """

    def __init__(self, lag: Callable[[], int], most: int = 10_000, name: str = "audit_view") -> None:
        super().__init__(name, timeout=5.0, critical=False)
        self._lag, self._most = lag, most

    async def check(self) -> str:
        """Ask."""
        lag = self._lag()
        if lag < 0:
            raise Degraded("its lag cannot be told; it may not have been built yet")
        if lag > self._most:
            raise Degraded(f"{lag:,} records behind the log")
        return f"{lag:,} records behind the log"


class DatabaseCheck(HealthCheck):
    """Whether the database of a pool answers. The server records elsewhere and goes on without: it is not critical.

    Args:
        pool: Its connections.
        patience: Seconds that the check waits for one. It is less than the check may take, so that the reason is told.
    """

    def __init__(self, pool: "ConnectionPool", name: str = "database", patience: float = 1.0) -> None:
        super().__init__(name, timeout=5.0, critical=False)
        self._pool = pool
        self._patience = patience

    async def check(self) -> str:
        """Ask it something."""
        async with self._pool.get_connection(self._patience) as connection:
            await connection.execute("SELECT 1")
        figures = self._pool.statistics
        return f"{figures.in_use} of {self._pool.config.max_connections} connections are in use"


class PromptsCheck(HealthCheck):
    """Whether all files of the watched folder of prompts are in force. ``problems`` gives what is wrong."""

    def __init__(self, problems: Callable[[], Sequence["FileProblem"]], name: str = "prompts") -> None:
        super().__init__(name, timeout=1.0, critical=False)
        self._problems = problems

    async def check(self) -> None:
        """Ask."""
        if problems := self._problems():
            raise Degraded("; ".join(f"{each.file}:{each.line}: {each.problem}" for each in problems[:5]))


class PluginsCheck(HealthCheck):
    """Whether all plugins could be loaded. ``failed`` gives, for those that could not, what is wrong."""

    def __init__(self, failed: Callable[[], Mapping[str, str]], name: str = "plugins") -> None:
        super().__init__(name, timeout=1.0, critical=False)
        self._failed = failed

    async def check(self) -> None:
        """Ask."""
        if failed := self._failed():
            reasons = "; ".join(f"{plugin}: {problem}" for plugin, problem in sorted(failed.items()))
            # What is said is cut at its end, and each plugin is to be named.
            raise Degraded(reasons if len(failed) == 1 else f"{', '.join(sorted(failed))} are left out: {reasons}")
