"""How much memory this process uses, and how much of what it may."""

import os
import time
from typing import Final, Literal, Protocol

from msgspec import Struct
from msgspec.structs import replace

from mcp_server.performance.cgroup import CgroupMemory, Use

MEBIBYTE: Final = 1024 * 1024


class Reading(Struct, frozen=True, gc=False):
    """The state of memory at one moment. All sizes in bytes.

    Attributes:
        at: Seconds of the monotonic clock.
        resident: Physical memory of this process.
        used: What is used of the limit that is nearest to being reached, by all whom it binds.
        limit: That limit, at which the kernel begins to end processes.
        source: Whose limit it is: the machine's, a control group's, or one that was set for this process.
        machine_total: Physical memory of the machine.
        machine_available: What it can give without swapping.
    """

    at: float
    resident: int
    used: int
    limit: int
    source: Literal["machine", "cgroup", "process"]
    machine_total: int
    machine_available: int

    @property
    def percent(self) -> float:
        """How much of the limit is used."""
        return 100.0 * self.used / self.limit if self.limit else 0.0

    def within(self, limit: int) -> "Reading":
        """The same where this process may have ``limit`` bytes, if that is nearer to being reached; 0 for no limit."""
        if limit and self.resident / limit > self.percent / 100:
            return replace(self, used=self.resident, limit=limit, source="process")
        return self


class Readings(Protocol):
    """Where readings come from."""

    def read(self) -> Reading:
        """The state of memory now."""


class SystemReadings:
    """The figures of the operating system, through psutil, and of Linux's control groups."""

    def __init__(self) -> None:
        import psutil

        self._psutil = psutil
        self._process = psutil.Process(os.getpid())
        self._groups = CgroupMemory()

    def read(self) -> Reading:
        machine = self._psutil.virtual_memory()
        bounds = [(Use(machine.total - machine.available, machine.total), "machine")]
        # A group without a limit of its own has one that no machine reaches.
        bounds += [(use, "cgroup") for use in self._groups.uses() if 0 < use.limit < machine.total]
        nearest, source = max(bounds, key=lambda bound: bound[0].used / bound[0].limit)
        return Reading(
            time.monotonic(),
            self._process.memory_info().rss,
            nearest.used,
            nearest.limit,
            "cgroup" if source == "cgroup" else "machine",
            machine.total,
            machine.available,
        )
