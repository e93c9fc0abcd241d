import asyncio
import gc
import logging
import math
import weakref
from typing import Any

import psutil
import pytest
from hypothesis import given
from hypothesis import strategies as st

import mcp_server.performance
from adapters.pressure import Level, Thresholds
from mcp_server.performance import MemoryOptimizer, memory_optimizer
from mcp_server.performance.collecting import Collected
from mcp_server.performance.memory_readings import MEBIBYTE, Reading, SystemReadings
from tests.mcp_server.performance.databases import until


class Room:
    """Memory that is as full as it is told, with a clock and a collector that take notes."""

    def __init__(self, percent: float = 10.0, *, seconds: float = 0.001, frees: float = 0.0, **more: Any) -> None:
        self.percent = percent
        self.now = 0.0
        self.reads = 0
        self.collected: list[float] = []
        self.told: list[tuple[str, float]] = []
        self.optimizer = MemoryOptimizer(self, collector=self, clock=lambda: self.now, **more)
        self.optimizer.on_level(lambda level, reading: self.told.append((str(level), reading.percent)))
        self._seconds = seconds
        self._frees = frees

    def read(self) -> Reading:
        self.reads += 1
        used = int(self.percent * MEBIBYTE)
        return Reading(self.now, used, used, 100 * MEBIBYTE, "cgroup", 1000 * MEBIBYTE, 500 * MEBIBYTE)

    async def collect(self) -> Collected:
        self.collected.append(self.now)
        self.percent -= self._frees
        return Collected(7, 1, self._seconds, trimmed=True)

    async def at(self, now: float, percent: float) -> str:
        self.now, self.percent = now, percent
        await self.optimizer.observe()
        return str(self.optimizer.level)


async def test_listeners_are_told_when_the_level_changes() -> None:
    room = Room()
    for now, percent in enumerate([10, 70, 75, 92, 92, 50]):
        await room.at(float(now), float(percent))
    assert room.told == [("elevated", 70.0), ("critical", 92.0), ("normal", 50.0)]


async def test_who_does_not_listen_any_more_is_not_told_and_a_listener_that_fails_keeps_nobody_else_from_it(
    caplog: pytest.LogCaptureFixture,
) -> None:
    room = Room()

    def fail(level: Level, reading: Reading) -> None:
        raise LookupError("my own fault")

    end = room.optimizer.on_level(fail)
    later: list[Level] = []
    room.optimizer.on_level(lambda level, _: later.append(level))
    await room.at(0.0, 85.0)
    assert later == [Level.HIGH]
    assert "my own fault" in caplog.text
    caplog.clear()
    end()
    end()
    await room.at(1.0, 10.0)
    assert "my own fault" not in caplog.text
    assert later == [Level.HIGH, Level.NORMAL]


async def test_a_listener_that_makes_room_sees_the_level_fall_at_the_same_reading() -> None:
    room = Room(gc_frequency=60.0)
    room.optimizer.on_level(lambda level, _: setattr(room, "percent", 20.0))
    assert await room.at(0.0, 95.0) == "normal"
    assert [level for level, _ in room.told] == ["critical", "normal"]


@given(st.lists(st.tuples(st.floats(0, 100), st.floats(0, 100)), max_size=40), st.floats(0.0, 2.0))
def test_the_monitor_collects_under_pressure_only_and_at_most_so_often(
    steps: list[tuple[float, float]], seconds: float
) -> None:
    room = Room(seconds=seconds, gc_frequency=60.0)
    expected: list[float] = []

    async def run() -> None:
        for passed, percent in steps:
            now = room.now + passed
            before = room.optimizer.level
            late = not expected or now >= expected[-1] + max(60.0, seconds / 0.01)
            if Thresholds().next(before, percent) > Level.NORMAL and late:
                expected.append(now)
            await room.at(now, percent)

    asyncio.run(run())
    assert room.collected == expected


async def test_who_asks_for_a_collection_gets_one_however_recent_the_last() -> None:
    room = Room(frees=2.5)
    first = await room.optimizer.optimize_memory()
    assert first == {
        "memory_freed_mb": 2.5,
        "memory_before_mb": 10.0,
        "memory_after_mb": 7.5,
        "objects_collected": 7,
        "objects_uncollectable": 1,
        "gc_seconds": 0.001,
        "trimmed": True,
        "memory_percent": 7.5,
        "level": "normal",
    }
    await room.optimizer.optimize_memory()
    assert len(room.collected) == 2


async def test_those_who_ask_at_the_same_time_share_a_collection() -> None:
    room = Room(frees=1.0)
    asking = [asyncio.create_task(room.optimizer.optimize_memory()) for _ in range(5)]
    await asyncio.sleep(0)
    asking[0].cancel()  # the others get theirs
    results = await asyncio.gather(*asking, return_exceptions=True)
    assert len(room.collected) == 1
    assert isinstance(results[0], asyncio.CancelledError)
    assert results[1] == results[4]
    assert results[1] is not results[4]


async def test_memory_that_grew_meanwhile_was_not_freed() -> None:
    assert (await Room(frees=-5.0).optimizer.optimize_memory())["memory_freed_mb"] == 0.0


async def test_the_monitor_reads_at_once_and_then_in_its_interval() -> None:
    room = Room(95.0)
    await room.optimizer.start_monitoring(interval=3600.0)
    assert room.optimizer.monitoring
    assert room.optimizer.level is Level.CRITICAL
    reads = room.reads
    for _ in range(100):
        await asyncio.sleep(0)
    assert room.reads == reads  # nothing turns in circles
    await room.optimizer.start_monitoring(interval=0.001)
    await until(lambda: room.reads >= reads + 5)
    await room.optimizer.stop_monitoring()
    await room.optimizer.stop_monitoring()
    assert not room.optimizer.monitoring
    assert not [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]


async def test_a_reading_that_fails_does_not_end_the_monitor(caplog: pytest.LogCaptureFixture) -> None:
    room = Room()
    await room.optimizer.start_monitoring(interval=0.001)
    plain = room.read

    def broken() -> Reading:
        room.reads += 1
        raise OSError("no /proc")

    room.read = broken  # type: ignore[method-assign]
    reads = room.reads
    await until(lambda: room.reads >= reads + 2)
    room.read = plain  # type: ignore[method-assign]
    room.percent = 95.0
    await until(lambda: room.optimizer.level is Level.CRITICAL)
    await room.optimizer.stop_monitoring()
    assert "memory could not be read" in caplog.text


@pytest.mark.parametrize("interval", [0.0, -1.0, float("inf"), float("nan")])
async def test_an_interval_is_a_time(interval: float) -> None:
    with pytest.raises(ValueError, match="interval"):
        await Room().optimizer.start_monitoring(interval)


def test_a_monitor_that_its_event_loop_left_behind_is_replaced() -> None:
    room = Room()
    asyncio.run(room.optimizer.start_monitoring(3600.0))
    assert not room.optimizer.monitoring

    async def again() -> bool:
        await room.optimizer.start_monitoring(3600.0)
        await room.optimizer.optimize_memory()
        return room.optimizer.monitoring

    assert asyncio.run(again())


async def test_without_a_frequency_the_monitor_collects_nothing() -> None:
    room = Room(gc_frequency=math.inf)
    assert await room.at(0.0, 95.0) == "critical"
    assert room.collected == []
    await room.optimizer.optimize_memory()
    assert room.collected == [0.0]


async def test_a_limit_of_its_own_counts_when_it_is_nearer() -> None:
    room = Room()
    room.optimizer.limit = 50 * MEBIBYTE
    assert await room.at(0.0, 36.0) == "elevated"
    assert room.told == [("elevated", 72.0)]
    figures = room.optimizer.figures()
    assert [figures[name] for name in ("used_mb", "limit_mb", "limit_source")] == [36.0, 50.0, "process"]
    room.optimizer.limit = 200 * MEBIBYTE
    assert await room.at(1.0, 36.0) == "normal"
    assert room.optimizer.figures()["limit_source"] == "cgroup"


async def test_figures_tell_the_state_of_memory_and_change_nothing() -> None:
    room = Room()
    for second in range(5):
        await room.at(60.0 * second, 10.0 + second)
    room.percent = 97.0
    assert room.optimizer.figures() == {
        "memory_percent": 97.0,
        "level": "normal",
        "resident_mb": 97.0,
        "used_mb": 97.0,
        "limit_mb": 100.0,
        "limit_source": "cgroup",
        "machine_total_mb": 1000.0,
        "machine_available_mb": 500.0,
        "growth_mb_per_minute": 1.0,
        "collections": 0,
        "last_gc_seconds": None,
    }
    assert room.optimizer.memory_percent() == 97.0
    assert room.told == []
    await room.optimizer.optimize_memory()
    figures = room.optimizer.figures()
    assert (figures["collections"], figures["last_gc_seconds"]) == (1, 0.001)


async def test_levels_are_logged_without_fuss(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    room = Room()
    await room.at(0.0, 95.0)
    await room.at(1.0, 10.0)
    assert [(record.levelname, record.message) for record in caplog.records if "pressure" in record.message] == [
        ("WARNING", "memory pressure is critical, was normal: 95.0 % of the cgroup's limit are used"),
        ("INFO", "memory pressure is normal, was critical: 10.0 % of the cgroup's limit are used"),
    ]


# The real thing.


class Knot:
    def __init__(self) -> None:
        self.itself = self


async def test_real_garbage_is_collected() -> None:
    gc.disable()
    try:
        knots = [Knot() for _ in range(1000)]
        watched = weakref.ref(knots[0])
        knots.clear()
        assert watched() is not None
        result = await memory_optimizer.optimize_memory()
    finally:
        gc.enable()
    assert watched() is None
    assert result["objects_collected"] >= 1000
    assert result["memory_freed_mb"] >= 0.0
    assert isinstance(result["trimmed"], bool)


def test_real_figures_are_those_of_the_operating_system() -> None:
    reading = SystemReadings().read()
    machine = psutil.virtual_memory()
    assert reading.machine_total == machine.total
    assert 0 < reading.used <= reading.limit <= machine.total
    assert reading.resident == pytest.approx(psutil.Process().memory_info().rss, rel=0.2)
    if reading.source == "machine":
        assert reading.percent == pytest.approx(machine.percent, abs=10)


async def test_a_process_that_grows_past_its_limit_is_noticed_before_the_kernel_would_be_and_so_is_its_recovery() -> (
    None
):
    optimizer, levels = MemoryOptimizer(gc_frequency=math.inf), list[str]()
    optimizer.on_level(lambda level, reading: levels.append(f"{level} of the {reading.source}"))
    resident = optimizer.reading().resident
    optimizer.limit = 2 * resident
    await optimizer.observe()
    held = bytes(range(1, 251)) * (resident * 9 // 10 // 250)  # pages of zeros would not be resident
    await optimizer.observe()
    del held
    await optimizer.optimize_memory()
    await optimizer.observe()
    assert levels == ["critical of the process", "normal of the process"]


def test_the_package_gives_the_optimizer_and_not_the_module_of_that_name() -> None:
    import importlib

    importlib.import_module("mcp_server.performance.memory_optimizer")
    assert isinstance(mcp_server.performance.memory_optimizer, MemoryOptimizer)
