import asyncio
import math
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from mcp_server.performance import ConnectionPool, ConnectionPoolConfig, MemoryOptimizer
from mcp_server.production.health import Degraded, HealthCheck, HealthChecker, HealthReport, HealthStatus
from mcp_server.production.health_bodies import health_body, health_response, live_response, ready_response
from mcp_server.production.health_checks import (
    DatabaseCheck,
    DiskSpaceCheck,
    EventLoopLagCheck,
    LogWritableCheck,
    MemoryCheck,
    PluginsCheck,
    ProjectionLagCheck,
)
from tests.serving import soon


class Check(HealthCheck):
    """Does what a test says, and counts how often it was asked."""

    def __init__(
        self, name: str, does: Callable[[], Awaitable[object]], timeout: float = 20.0, *, critical: bool = True
    ) -> None:
        super().__init__(name, timeout, critical)
        self._does = does
        self.runs = 0

    async def check(self) -> object:
        self.runs += 1
        return await self._does()


def says(value: object = None) -> Callable[[], Awaitable[object]]:
    async def does() -> object:
        if isinstance(value, Exception):
            raise value
        return value

    return does


async def report_of(*checks: HealthCheck) -> HealthReport:
    checker = HealthChecker()
    for check in checks:
        checker.register_check(check)
    return await soon(checker.run_checks())


@pytest.mark.parametrize(
    ("value", "status", "message"),
    [
        (None, "healthy", ""),
        (True, "healthy", ""),
        ("3 of 5", "healthy", "3 of 5"),
        (False, "unhealthy", "the check returned False"),
        (Degraded("slow"), "degraded", "slow"),
        (ValueError("no route"), "unhealthy", "ValueError: no route"),
    ],
)
async def test_what_a_check_returns_or_raises_tells(value: object, status: str, message: str) -> None:
    report = await report_of(Check("one", says(value)))
    assert (report.checks[0].status, report.checks[0].message, report.overall_status) == (status, message, status)


@pytest.mark.parametrize(
    ("critical", "other", "overall"),
    [
        (None, None, "healthy"),
        (None, ValueError(), "degraded"),
        (None, Degraded(), "degraded"),
        (Degraded(), None, "degraded"),
        (ValueError(), None, "unhealthy"),
        (ValueError(), ValueError(), "unhealthy"),
    ],
)
async def test_only_a_critical_check_makes_the_whole_unhealthy(critical: object, other: object, overall: str) -> None:
    report = await report_of(Check("critical", says(critical)), Check("other", says(other), critical=False))
    assert f"{report.overall_status}" == overall


async def test_without_checks_all_is_well() -> None:
    assert (await report_of()).overall_status is HealthStatus.HEALTHY


async def test_checks_run_side_by_side() -> None:
    both = asyncio.Barrier(2)
    report = await report_of(Check("one", both.wait), Check("other", both.wait))
    assert report.overall_status is HealthStatus.HEALTHY
    assert [check.name for check in report.checks] == ["one", "other"]


async def test_a_check_that_hangs_even_when_it_is_cancelled_holds_nobody_up_and_is_not_begun_again() -> None:
    done = asyncio.Event()

    async def hang() -> None:
        while not done.is_set():
            try:
                await done.wait()
            except asyncio.CancelledError:
                continue

    checker, hanging = HealthChecker(cache_seconds=0.0), Check("hangs", hang, timeout=0.01, critical=False)
    checker.register_check(hanging)
    checker.register_check(Check("quick", says()))
    first = await soon(checker.run_checks())
    second = await soon(checker.run_checks())
    assert [check.status for check in first.checks] == ["unhealthy", "healthy"]
    assert first.checks[0].message == "no result within 0.01 s"
    assert second.checks[0].message == "an earlier run has not come to its end yet"
    assert (hanging.runs, first.overall_status) == (1, "degraded")
    done.set()
    await asyncio.sleep(0.001)
    hanging.timeout = 20.0
    assert (await soon(checker.run_checks())).overall_status is HealthStatus.HEALTHY


async def test_a_report_is_given_again_for_a_while() -> None:
    now = [0.0]
    checker, check = HealthChecker(cache_seconds=5.0, clock=lambda: now[0]), Check("one", says())
    checker.register_check(check)
    first = await checker.run_checks()
    now[0] = 4.9
    assert await checker.run_checks() is first
    now[0] = 5.0
    assert await checker.run_checks() is not first
    await checker.run_checks(fresh=True)
    assert check.runs == 3
    other = Check("other", says())
    checker.register_check(other)
    assert len((await checker.run_checks()).checks) == 2
    assert checker.unregister_check("other")
    assert not checker.unregister_check("other")
    assert len((await checker.run_checks()).checks) == 1


async def test_those_who_ask_at_once_share_a_run_and_one_who_leaves_does_not_end_it() -> None:
    gate = asyncio.Event()
    checker, check = HealthChecker(), Check("one", gate.wait)
    checker.register_check(check)
    asking = [asyncio.create_task(checker.run_checks()) for _ in range(10)]
    await asyncio.sleep(0)
    asking[0].cancel()
    await asyncio.sleep(0)
    gate.set()
    assert len({id(await soon(each)) for each in asking[1:]}) == 1
    assert check.runs == 1


def test_a_run_that_another_event_loop_left_behind_is_not_waited_for() -> None:
    checker = HealthChecker(cache_seconds=0.0)
    gates: list[asyncio.Event] = []

    async def wait() -> None:
        gates.append(asyncio.Event())
        if len(gates) == 1:
            await gates[0].wait()

    checker.register_check(Check("one", wait))

    async def leave() -> None:
        asking = asyncio.create_task(checker.run_checks())
        while not gates:  # noqa: ASYNC110 - it is made in the event loop that is left
            await asyncio.sleep(0)
        asking.cancel()

    asyncio.run(leave())
    assert asyncio.run(checker.run_checks()).overall_status is HealthStatus.HEALTHY


def test_a_check_that_cannot_be_is_refused() -> None:
    class Plain(HealthCheck):
        def check(self) -> None:  # type: ignore[override]  # the mistake
            pass

    with pytest.raises(TypeError, match="async def check"):
        HealthChecker().register_check(Plain("plain"))
    with pytest.raises(ValueError, match="timeout above 0"):
        Check("one", says(), timeout=0)


def test_no_more_checks_than_can_be_run() -> None:
    checker = HealthChecker()
    for number in range(100):
        checker.register_check(Check(str(number), says()))
    checker.register_check(Check("7", says()))
    with pytest.raises(ValueError, match="100 health checks"):
        checker.register_check(Check("one more", says()))


async def test_what_checks_say_is_short_and_without_passwords() -> None:
    problem = ValueError("cannot reach postgresql://me:pa55word@db/mcp " + "x" * 5000)
    (check,) = (await report_of(Check("database", says(problem)))).checks
    assert "pa55word" not in check.message
    assert len(check.message) < 300


async def test_the_body_is_what_the_commands_of_the_guide_read() -> None:
    report = await report_of(Check("one", says(ValueError("no")), critical=False), Check("two", says()))
    status, body = health_response(report)
    assert (status, body["status"]) == (200, "degraded")
    assert [(check["name"], check["status"]) for check in body["checks"]] == [("one", "unhealthy"), ("two", "healthy")]
    assert 0 < body["system_info"]["memory_percent"] <= 100
    assert body["system_info"]["process_memory_mb"] > 1
    assert body.keys() == health_body(report).keys()
    assert body["timestamp"].endswith("+00:00")


async def test_ready_is_who_is_well_and_takes_requests() -> None:
    well, ill = await report_of(Check("one", says())), await report_of(Check("one", says(ValueError())))
    assert ready_response(well, accepting=True)[0] == 200
    assert ready_response(well, accepting=False)[0] == 503
    assert ready_response(ill, accepting=True) == (
        503,
        {"status": "not ready", "accepting": True, "failing": ["one"]},
    )
    assert health_response(ill)[0] == 503
    assert live_response() == (200, {"status": "alive"})


async def test_the_log_is_checked() -> None:
    failures: list[Exception] = []
    check = LogWritableCheck(lambda: failures[-1] if failures else None)
    assert (await report_of(check)).overall_status is HealthStatus.HEALTHY
    failures.append(OSError("the disk is full"))
    report = await report_of(check)
    assert report.overall_status is HealthStatus.UNHEALTHY
    assert "the disk is full" in report.checks[0].message


@pytest.mark.parametrize(("least", "status"), [(0.0, "healthy"), (1e12, "unhealthy")])
async def test_room_on_the_disk_is_checked(tmp_path: object, least: float, status: str) -> None:
    report = await report_of(DiskSpaceCheck(f"{tmp_path}/not/there/yet", least))
    assert report.overall_status == status
    assert "MiB are free" in report.checks[0].message


async def test_a_loop_that_is_blocked_is_told() -> None:
    assert (await report_of(EventLoopLagCheck(degraded=20.0, failing=30.0))).overall_status == "healthy"
    assert (await report_of(EventLoopLagCheck(degraded=0.0, failing=30.0))).checks[0].status == "degraded"
    assert (await report_of(EventLoopLagCheck(degraded=0.0, failing=0.0))).checks[0].status == "unhealthy"


@pytest.mark.parametrize(("lag", "status"), [(0, "healthy"), (100, "healthy"), (101, "degraded"), (-1, "degraded")])
async def test_a_projection_that_is_behind_is_told(lag: int, status: str) -> None:
    assert (await report_of(ProjectionLagCheck(lambda: lag, most=100))).overall_status == status


@pytest.mark.parametrize(
    ("url", "status", "told"),
    [
        ("sqlite:///{}/there.db", "healthy", "0 of 10 connections are in use"),
        ("postgresql://me:secret@127.0.0.1:1/db?sslmode=disable", "unhealthy", "Connection refused"),
    ],
)
async def test_a_database_is_asked_and_why_it_does_not_answer_is_told(
    tmp_path: Path, url: str, status: str, told: str
) -> None:
    async with AsyncExitStack() as opened:
        pool = ConnectionPool(ConnectionPoolConfig(), url.format(tmp_path))
        opened.push_async_callback(pool.close)
        (result,) = (await report_of(DatabaseCheck(pool))).checks
    assert (result.status, result.critical) == (status, False)
    assert told in result.message
    assert "secret" not in result.message


async def test_scarce_memory_is_told() -> None:
    memory = MemoryOptimizer(gc_frequency=math.inf)
    assert (await report_of(MemoryCheck(memory))).overall_status is HealthStatus.HEALTHY
    memory.limit = 1
    await memory.observe()
    (result,) = (await report_of(MemoryCheck(memory))).checks
    assert result.status is HealthStatus.DEGRADED
    assert result.message.endswith(
        "% of the process's limit are used: pressure is critical, part of the requests is refused"
    )


async def test_plugins_that_could_not_be_loaded_are_named() -> None:
    assert (await report_of(PluginsCheck(dict))).overall_status is HealthStatus.HEALTHY
    report = await report_of(PluginsCheck(lambda: {"c_plugin": "no grammar"}))
    assert (report.overall_status, report.checks[0].message) == ("degraded", "c_plugin: no grammar")


async def test_of_several_plugins_all_are_named_however_long_the_reasons_are() -> None:
    report = await report_of(PluginsCheck(lambda: dict.fromkeys(["one", "two", "three"], "long " * 100)))
    assert report.checks[0].message.startswith("one, three, two are left out: one: long long")
