"""What ``/health``, ``/health/live``, ``/health/ready`` and the method ``health/check`` answer."""

import os
import time
from datetime import UTC, datetime
from functools import cache
from typing import TYPE_CHECKING, Any, Final

from mcp_server.production.health import HealthReport, HealthStatus

if TYPE_CHECKING:
    from mcp_server.performance.memory_optimizer import MemoryOptimizer

OK: Final = 200
UNAVAILABLE: Final = 503  # what load balancers and orchestrators take as "not now"

_MIB: Final = 1024 * 1024


def health_body(report: HealthReport) -> dict[str, Any]:
    """The whole report, for ``/health`` and as the result of ``health/check``.

    Statuses and messages of checks, and figures of the machine: nothing that was asked or answered.
    """
    return {
        "status": str(report.overall_status),
        "timestamp": datetime.fromtimestamp(report.timestamp, UTC).isoformat(timespec="milliseconds"),
        "duration_ms": report.duration_ms,
        "checks": [
            {
                "name": each.name,
                "status": str(each.status),
                "critical": each.critical,
                "duration_ms": each.duration_ms,
                "message": each.message,
            }
            for each in report.checks
        ],
        "system_info": system_info(),
    }


def health_response(report: HealthReport) -> tuple[int, dict[str, Any]]:
    """Status and body for ``/health``: degraded is still 200, since requests are served."""
    return _code(report.overall_status is not HealthStatus.UNHEALTHY), health_body(report)


def live_response() -> tuple[int, dict[str, Any]]:
    """Status and body for ``/health/live``: whoever can answer is alive, and need not be started anew."""
    return OK, {"status": "alive"}


def ready_response(report: HealthReport, *, accepting: bool) -> tuple[int, dict[str, Any]]:
    """Status and body for ``/health/ready``: whether requests should be sent here.

    ``accepting`` is False while the server starts, and from the moment when it was told to stop.
    """
    failing = [each.name for each in report.checks if each.critical and each.status is HealthStatus.UNHEALTHY]
    ready = accepting and not failing
    return _code(ready), {"status": "ready" if ready else "not ready", "accepting": accepting, "failing": failing}


def system_info() -> dict[str, Any]:
    """Figures of the machine, or of the container where it has a limit, and of this process; sizes in MiB."""
    memory, started = _sources()
    reading = memory.reading()
    return {
        "memory_percent": round(reading.percent, 1),
        "memory_pressure": str(memory.level),
        "memory_limit_mb": round(reading.limit / _MIB),
        "process_memory_mb": round(reading.resident / _MIB, 1),
        "cpu_count": os.cpu_count() or 1,
        "load_average": round(os.getloadavg()[0], 2),
        "uptime_seconds": round(time.time() - started, 1),
    }


@cache
def _sources() -> "tuple[MemoryOptimizer, float]":
    """Where memory is read, and when this process began."""
    import psutil

    from mcp_server.performance.memory_optimizer import memory_optimizer

    return memory_optimizer, psutil.Process().create_time()


def _code(well: bool) -> int:
    return OK if well else UNAVAILABLE
