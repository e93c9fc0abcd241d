"""The facts about a machine that its figures depend on; nothing that tells whose it is."""

import os
import platform
import sqlite3
import sys
import time
from importlib import metadata
from pathlib import Path
from statistics import median
from typing import Any

import psutil

LIBRARIES = (
    "mcp-rewind", "aiohttp", "eventsourcing", "fastmcp", "httptools", "jsonschema-rs", "mcp", "msgspec", "orjson",
    "reactivex", "uvicorn", "uvloop",
)  # fmt: skip


def facts(disk: Path) -> dict[str, Any]:
    """What the figures were measured on and with. ``disk`` is a folder on the disk that the logs are written to."""
    return {
        "cpu": _cpu_model(),
        "cores": len(os.sched_getaffinity(0)),
        "memory_gb": round(psutil.virtual_memory().total / 2**30, 1),
        "system": f"{platform.system()} {platform.release().split('-')[0]} {platform.machine()}",
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "sqlite": sqlite3.sqlite_version,
        "fsync_us": round(fsync(disk) * 1e6),
        "libraries": {name: metadata.version(name) for name in LIBRARIES},
        "optimised": sys.flags.optimize,
    }


def fsync(disk: Path) -> float:
    """Seconds that one small durable write takes; the median of many."""
    path, times = disk / "fsync", []
    with path.open("wb", buffering=0) as file:
        for _ in range(200):
            file.write(b"x" * 4096)
            began = time.perf_counter()
            os.fdatasync(file.fileno())
            times.append(time.perf_counter() - began)
    path.unlink()
    return median(times)


def _cpu_model() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.processor()
