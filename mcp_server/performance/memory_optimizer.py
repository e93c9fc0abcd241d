"""Watch memory, tell those who can give some up, and collect garbage when it is scarce."""

import asyncio
import logging
import math
import time
from collections import deque
from collections.abc import Callable
from typing import Any, Final, Protocol, TypeAlias

from adapters.pressure import Level, Thresholds, pause, slope
from mcp_server.performance.collecting import Collected, Collector
from mcp_server.performance.memory_readings import MEBIBYTE, Reading, Readings, SystemReadings

Listener: TypeAlias = Callable[[Level, Reading], object]

_REMEMBERED: Final = 30
_MOST_COLLECTING: Final = 0.01
"""The part of all time that collections by the monitor may take: after one of 0.8 seconds there is none for 80."""

_log: Final = logging.getLogger(__name__)


class Collects(Protocol):
    """Gives memory back."""

    async def collect(self) -> Collected:
        """Collect all garbage."""


class MemoryOptimizer:
    """Keeps this process's memory below what the kernel would end it for.

    It belongs to one event loop: listeners are called in it.

    Args:
        readings: Where figures come from; the operating system when None.
        thresholds: From where on which level holds.
        gc_frequency: Seconds from one collection by the monitor to the next, at least; infinite for none.
        collector: What gives memory back.
        clock: Seconds, as those of the readings.

    Attributes:
        level: How scarce memory was at the last reading of the monitor.
        thresholds: As above; may be set while the monitor runs.
        gc_frequency: As above; may be set while the monitor runs.
        limit: Bytes that this process may have resident; 0 for what the kernel allows. May be set while the monitor
            runs.
    """

    def __init__(
        self,
        readings: Readings | None = None,
        thresholds: Thresholds | None = None,
        gc_frequency: float = 60.0,
        collector: Collects | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.level = Level.NORMAL
        self.thresholds = thresholds or Thresholds()
        self.gc_frequency = gc_frequency
        self.limit = 0
        self._readings = readings
        self._collector = collector or Collector()
        self._clock = clock
        self._listeners: dict[object, Listener] = {}
        self._history: deque[tuple[float, float]] = deque(maxlen=_REMEMBERED)
        self._collections = 0
        self._last: Collected | None = None
        self._collect_from = -math.inf
        self._monitor: asyncio.Task[None] | None = None
        self._collecting: asyncio.Task[dict[str, Any]] | None = None

    @property
    def monitoring(self) -> bool:
        """Whether memory is watched."""
        return self._monitor is not None and not (self._monitor.done() or self._monitor.get_loop().is_closed())

    def on_level(self, listener: Listener) -> Callable[[], None]:
        """Have ``listener`` called with the new level, and the reading behind it, whenever the level changes.

        It is called in the event loop and must not block. What it raises is logged.

        Returns:
            A function that ends this.
        """
        key = object()
        self._listeners[key] = listener
        return lambda: (self._listeners.pop(key, None), None)[1]

    async def start_monitoring(self, interval: float = 30.0) -> None:
        """Watch memory from now on. A monitor that runs already goes on with the new interval.

        Args:
            interval: Seconds between readings in normal times. Under pressure it is shorter, down to a tenth.

        Raises:
            ValueError: The interval is not above 0.
        """
        if not 0 < interval < math.inf:
            raise ValueError(f"the interval must be above 0 seconds, it is {interval}")
        await self.stop_monitoring()
        await self.observe()
        self._monitor = asyncio.create_task(self._watch(interval), name="memory monitor")

    async def stop_monitoring(self) -> None:
        """Watch no more. Nothing happens if nobody watches."""
        monitor, self._monitor = self._monitor, None
        if monitor is not None and _runs_here(monitor):
            monitor.cancel()
            await asyncio.wait({monitor})

    async def observe(self) -> Reading:
        """Take a reading and act on it: tell listeners of a new level, and collect garbage if memory is scarce."""
        reading = self._step()
        scarce = self.level is not Level.NORMAL and self.gc_frequency < math.inf
        if scarce and self._clock() >= self._collect_from:
            await self.optimize_memory()
            reading = self._step()
        return reading

    async def optimize_memory(self) -> dict[str, Any]:
        """Collect all garbage and give unused memory back to the kernel. Calls at the same time share one collection.

        Returns:
            ``memory_freed_mb`` (0.0 when other use outgrew what was freed), ``memory_before_mb``, ``memory_after_mb``,
            ``objects_collected``, ``objects_uncollectable``, ``gc_seconds`` (for which nothing else ran), ``trimmed``,
            ``memory_percent`` and ``level``.
        """
        if self._collecting is None or not _runs_here(self._collecting):
            self._collecting = asyncio.create_task(self._optimize(), name="memory optimization")
        return dict(await asyncio.shield(self._collecting))

    def reading(self) -> Reading:
        """The state of memory now. Changes nothing, and may be called from any thread."""
        if self._readings is None:
            self._readings = SystemReadings()
        return self._readings.read().within(self.limit)

    def memory_percent(self) -> float:
        """How much is used of the limit in force, now. May be called from any thread."""
        return round(self.reading().percent, 2)

    def figures(self) -> dict[str, Any]:
        """The state of memory now, for health and metrics. Changes nothing, and may be called from any thread.

        Returns:
            ``memory_percent`` of the limit in force, ``level``, ``resident_mb`` of this process, ``used_mb`` and
            ``limit_mb`` with the limit's ``limit_source``, ``machine_total_mb``, ``machine_available_mb``,
            ``growth_mb_per_minute`` of this process, ``collections`` and the ``last_gc_seconds`` of one.
        """
        reading = self.reading()
        return {
            "memory_percent": round(reading.percent, 2),
            "level": str(self.level),
            "resident_mb": _mebibytes(reading.resident),
            "used_mb": _mebibytes(reading.used),
            "limit_mb": _mebibytes(reading.limit),
            "limit_source": reading.source,
            "machine_total_mb": _mebibytes(reading.machine_total),
            "machine_available_mb": _mebibytes(reading.machine_available),
            "growth_mb_per_minute": _mebibytes(60 * slope(list(self._history))),
            "collections": self._collections,
            "last_gc_seconds": self._last.seconds if self._last else None,
        }

    async def _watch(self, interval: float) -> None:
        while True:
            await asyncio.sleep(pause(self.level, interval))
            try:
                await self.observe()
            except Exception:  # noqa: BLE001 - a figure that cannot be read now may be readable the next time
                _log.exception("memory could not be read")

    def _step(self) -> Reading:
        reading = self.reading()
        self._history.append((reading.at, reading.resident))
        level = self.thresholds.next(self.level, reading.percent)
        if level is not self.level:
            say = _log.warning if level > self.level else _log.info
            text = "memory pressure is %s, was %s: %.1f %% of the %s's limit are used"
            say(text, level, self.level, reading.percent, reading.source)
            self.level = level
            self._tell(reading)
        return reading

    def _tell(self, reading: Reading) -> None:
        for listener in list(self._listeners.values()):
            try:
                listener(self.level, reading)
            except Exception:  # noqa: BLE001 - the others are told all the same
                _log.exception("a listener to memory pressure failed")

    async def _optimize(self) -> dict[str, Any]:
        before = self.reading()
        done = await self._collector.collect()
        after = self.reading()
        self._collections += 1
        self._last = done
        self._collect_from = self._clock() + max(self.gc_frequency, done.seconds / _MOST_COLLECTING)
        return {
            "memory_freed_mb": max(0.0, _mebibytes(before.resident - after.resident)),
            "memory_before_mb": _mebibytes(before.resident),
            "memory_after_mb": _mebibytes(after.resident),
            "objects_collected": done.objects,
            "objects_uncollectable": done.uncollectable,
            "gc_seconds": done.seconds,
            "trimmed": done.trimmed,
            "memory_percent": round(after.percent, 2),
            "level": str(self.level),
        }


def _runs_here(task: "asyncio.Task[Any] | None") -> bool:
    """Whether it is still to end, in this event loop: one that another loop left behind will never run again."""
    return task is not None and not task.done() and task.get_loop() is asyncio.get_running_loop()


def _mebibytes(size: float) -> float:
    return round(size / MEBIBYTE, 3)


memory_optimizer: Final = MemoryOptimizer()
