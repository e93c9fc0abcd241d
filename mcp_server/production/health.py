"""Whether the server is well: checks that run side by side, each within its time, and what they found."""

import asyncio
import inspect
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from enum import StrEnum
from typing import Final

from msgspec import Struct

from mcp_server.production.log_values import text

CACHE_SECONDS: Final = 1.0
"""Seconds for which a report is given to whoever asks, so that asking often costs nothing."""

MOST_CHECKS: Final = 100

LONGEST_MESSAGE: Final = 200
"""Characters of what a check says."""


class HealthStatus(StrEnum):
    """How well something is. ``degraded`` serves requests, and somebody should look at it."""

    HEALTHY = "healthy"
    DEGRADED = "degraded"
    UNHEALTHY = "unhealthy"


class Degraded(Exception):
    """To be raised by a check: it works, though not as it should. The text says what is wrong."""


class HealthCheck(ABC):
    """One thing that is checked. Subclasses say how in :meth:`check`.

    Args:
        name: What it is called in reports; one check for each name.
        timeout: Seconds that it may take; what takes longer is unhealthy.
        critical: Whether the server is of no use without it.

    Raises:
        ValueError: There is no name, or the timeout is not above 0.
    """

    def __init__(self, name: str, timeout: float = 5.0, critical: bool = True) -> None:
        if not name or not timeout > 0:
            raise ValueError(f"a health check has a name and a timeout above 0, not {name!r} and {timeout!r}")
        self.name = name
        self.timeout = timeout
        self.critical = critical

    @abstractmethod
    async def check(self) -> object:
        """Look.

        Returning says that all is well; a text that is returned is shown. Returning False, or raising anything, says
        that it is not; raising :class:`Degraded` says that it is half well. What the exception says is shown to
        whoever may see the report. It must not block the event loop.
        """


class CheckResult(Struct, frozen=True, gc=False):
    """What one check found.

    Attributes:
        duration_ms: How long it took.
        message: What it says; of an exception the type and the text.
    """

    name: str
    status: HealthStatus
    critical: bool
    duration_ms: float
    message: str = ""


class HealthReport(Struct, frozen=True, gc=False):
    """What all checks found.

    Attributes:
        overall_status: Unhealthy when a critical check is, degraded when any other is not healthy.
        checks: In the order in which they were registered.
        timestamp: When they were run, in seconds since the epoch.
        duration_ms: How long all of them took together.
    """

    overall_status: HealthStatus
    checks: tuple[CheckResult, ...]
    timestamp: float
    duration_ms: float


class HealthChecker:
    """Runs checks.

    Those who ask while a run is under way get its report, and so do those who ask within ``cache_seconds`` after it.
    A check that does not come to its end, not even when it is cancelled, is left alone until it does, and is unhealthy
    as long: it holds up neither the others nor the report.
    """

    def __init__(self, cache_seconds: float = CACHE_SECONDS, clock: Callable[[], float] = time.monotonic) -> None:
        self._cache_seconds = cache_seconds
        self._clock = clock
        self._checks: dict[str, HealthCheck] = {}
        self._report: HealthReport | None = None
        self._until = 0.0
        self._run: asyncio.Task[HealthReport] | None = None
        self._stuck: dict[str, tuple[asyncio.Future[object], float]] = {}

    def register_check(self, check: HealthCheck) -> None:
        """Run ``check`` from here on, in place of one with the same name if there is one.

        Raises:
            TypeError: Its ``check`` is not an ``async def``.
            ValueError: There are too many.
        """
        if not inspect.iscoroutinefunction(check.check):
            raise TypeError(f"the health check {check.name!r} needs an 'async def check(self)'")
        if check.name not in self._checks and len(self._checks) >= MOST_CHECKS:
            raise ValueError(f"there are {MOST_CHECKS} health checks already")
        self._checks[check.name] = check
        self._stuck.pop(check.name, None)  # the one before may have hung; this one has not
        self._forget()

    def unregister_check(self, name: str) -> bool:
        """Run it no more; False when there was none of that name."""
        self._forget()
        return self._checks.pop(name, None) is not None

    @property
    def names(self) -> tuple[str, ...]:
        """The checks that are registered."""
        return tuple(self._checks)

    async def run_checks(self, *, fresh: bool = False) -> HealthReport:
        """The report of a run that is at most ``cache_seconds`` old; of a new one when ``fresh``."""
        if not fresh and self._report is not None and self._clock() < self._until:
            return self._report
        if self._run is None or self._run.done() or self._run.get_loop() is not asyncio.get_running_loop():
            self._run = asyncio.create_task(self._run_all())
        return await asyncio.shield(self._run)  # who stops waiting does not stop it for the others

    def _forget(self) -> None:
        self._report = None
        self._run = None

    async def _run_all(self) -> HealthReport:
        checks, began = tuple(self._checks.values()), self._clock()
        results = tuple(await asyncio.gather(*(self._run_one(check) for check in checks)))
        report = HealthReport(_overall(results), results, time.time(), _ms(self._clock() - began))
        if tuple(self._checks.values()) == checks:
            self._report, self._until = report, self._clock() + self._cache_seconds
        return report

    async def _run_one(self, check: HealthCheck) -> CheckResult:
        began = self._clock()
        stuck = self._still_stuck(check.name)
        if stuck is not None:
            problem = "an earlier run has not come to its end yet"
            return _result(check, HealthStatus.UNHEALTHY, problem, began - stuck)
        task = asyncio.ensure_future(check.check())
        done, _ = await asyncio.wait({task}, timeout=check.timeout)
        took = self._clock() - began
        if not done:
            task.cancel()
            task.add_done_callback(_seen)
            self._stuck[check.name] = (task, began)
            return _result(check, HealthStatus.UNHEALTHY, f"no result within {check.timeout:g} s", took)
        return _result(check, *_verdict(task), took)

    def _still_stuck(self, name: str) -> float | None:
        task, since = self._stuck.get(name, (None, 0.0))
        if task is None or task.done() or task.get_loop() is not asyncio.get_running_loop():
            self._stuck.pop(name, None)
            return None
        return since


def _verdict(task: asyncio.Future[object]) -> tuple[HealthStatus, str]:
    if task.cancelled():
        return HealthStatus.UNHEALTHY, "the check was cancelled from within"
    error = task.exception()
    if isinstance(error, Degraded):
        return HealthStatus.DEGRADED, text(error, LONGEST_MESSAGE)
    if error is not None:
        return HealthStatus.UNHEALTHY, f"{type(error).__name__}: {text(error, LONGEST_MESSAGE)}"
    found = task.result()
    if found is False:
        return HealthStatus.UNHEALTHY, "the check returned False"
    return HealthStatus.HEALTHY, text(found, LONGEST_MESSAGE) if isinstance(found, str) else ""


def _result(check: HealthCheck, status: HealthStatus, message: str, seconds: float) -> CheckResult:
    return CheckResult(check.name, status, check.critical, _ms(seconds), message)


def _overall(results: tuple[CheckResult, ...]) -> HealthStatus:
    if any(each.critical and each.status is HealthStatus.UNHEALTHY for each in results):
        return HealthStatus.UNHEALTHY
    if any(each.status is not HealthStatus.HEALTHY for each in results):
        return HealthStatus.DEGRADED
    return HealthStatus.HEALTHY


def _ms(seconds: float) -> float:
    return round(seconds * 1000, 3)


def _seen(task: asyncio.Future[object]) -> None:
    """It came to its end after all; nobody waits for what it raised."""
    if not task.cancelled():
        task.exception()


health_checker = HealthChecker()
