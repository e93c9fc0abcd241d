import asyncio
import gc
from collections.abc import Coroutine
from contextvars import ContextVar
from typing import Any

from mcp_server.runners import MOST_IDLE, Job, Runners
from tests.serving import soon

name: ContextVar[str] = ContextVar("name", default="nobody")


class Work:
    """Jobs that note what they did, and wait where they are told to."""

    def __init__(self) -> None:
        self.runners = Runners()
        self.done: list[str] = []
        self.tasks: dict[str, object] = {}
        self.gates: dict[str, asyncio.Event] = {}

    def start(self, job: str, *, waits: bool = False) -> Job:
        return self.runners.start(self._wait(job) if waits else self._do(job))

    async def _do(self, job: str) -> None:
        self.tasks[job] = asyncio.current_task()
        self.done.append(job)

    async def _wait(self, job: str) -> None:
        self.tasks[job] = asyncio.current_task()
        gate = self.gates[job] = asyncio.Event()
        try:
            await gate.wait()
        except asyncio.CancelledError:
            self.done.append(f"{job} cancelled")
            raise
        self.done.append(job)

    async def turns(self, count: int = 10) -> None:
        for _ in range(count):
            await asyncio.sleep(0)


async def test_jobs_begin_in_the_order_in_which_they_were_started() -> None:
    work = Work()
    for job in "abc":
        work.start(job)
    assert work.done == []
    await work.turns()
    assert work.done == ["a", "b", "c"]


async def test_jobs_that_wait_for_nothing_share_a_task() -> None:
    work = Work()
    for number in range(100):
        work.start(str(number))
    await work.turns()
    assert len(work.done) == 100
    assert len(set(work.tasks.values())) <= 2


async def test_a_job_that_waits_keeps_nobody_waiting() -> None:
    work = Work()
    for job in "abc":
        work.start(job, waits=True)
        work.start(f"{job} quick")
    await work.turns()
    assert work.done == ["a quick", "b quick", "c quick"]
    for job in "cab":
        work.gates[job].set()
        await work.turns()
    assert work.done[3:] == ["c", "a", "b"]
    assert len({work.tasks[job] for job in "abc"}) == 3


async def test_a_job_may_start_others() -> None:
    work = Work()

    async def parent() -> None:
        work.start("child")
        await asyncio.sleep(0)
        work.done.append("parent")

    work.runners.start(parent())
    await work.turns()
    assert sorted(work.done) == ["child", "parent"]


async def test_a_cancelled_job_ends_where_it_waits_and_its_task_goes_on() -> None:
    work = Work()
    job = work.start("a", waits=True)
    await work.turns()
    job.cancel()
    job.cancel()
    await work.turns()
    assert work.done == ["a cancelled"]
    for number in range(3):
        work.start(str(number))
        await work.turns()
    assert work.done[1:] == ["0", "1", "2"]
    assert work.tasks["a"] in {work.tasks[str(number)] for number in range(3)}


async def test_a_job_that_is_cancelled_before_it_begins_never_does() -> None:
    work = Work()
    job = work.start("a")
    job.cancel()
    work.start("b")
    await work.turns()
    assert work.done == ["b"]


async def test_a_job_that_has_ended_is_cancelled_in_vain() -> None:
    work = Work()
    first = work.start("a")
    await work.turns()
    work.start("b", waits=True)
    await work.turns()
    first.cancel()
    await work.turns()
    work.gates["b"].set()
    await work.turns()
    assert work.done == ["a", "b"]


async def test_a_job_that_was_cancelled_and_does_not_mind_is_left_to_end() -> None:
    work = Work()

    async def stubborn() -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            await asyncio.sleep(0)
            work.done.append("cleaned up")

    job = work.runners.start(stubborn())
    await work.turns()
    job.cancel()
    await work.turns()
    work.start("next", waits=True)
    await work.turns()
    work.gates["next"].set()
    await work.turns()
    assert work.done == ["cleaned up", "next"]


async def test_a_timeout_in_a_job_is_its_own_also_after_a_cancelled_one() -> None:
    work = Work()
    job = work.start("a", waits=True)
    await work.turns()
    job.cancel()
    ended = asyncio.Event()

    async def patient() -> None:
        try:
            async with asyncio.timeout(0.01):
                await asyncio.Event().wait()
        except TimeoutError:
            work.done.append("timed out")
            ended.set()

    work.runners.start(patient())
    await soon(ended.wait())
    assert work.done == ["a cancelled", "timed out"]


async def test_a_job_that_fails_costs_no_other() -> None:
    work = Work()
    failures: list[Any] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: failures.append(context["exception"]))

    async def fail() -> None:
        raise ZeroDivisionError

    for job in ("a", "b"):
        work.start(job)
        work.runners.start(fail())
    work.start("c")
    await work.turns()
    work.tasks.clear()  # they keep what they ended with
    gc.collect()
    assert work.done == ["a", "b", "c"]
    assert [type(each) for each in failures] == [ZeroDivisionError] * 2


async def test_what_a_job_leaves_in_its_context_no_other_sees() -> None:
    work = Work()

    async def leave() -> None:
        name.set("alice")

    async def look() -> None:
        work.done.append(name.get())

    for _ in range(3):
        work.runners.start(leave())
        work.runners.start(look())
    await work.turns()
    work.runners.start(look())
    await work.turns()
    assert work.done == ["nobody"] * 4


async def test_only_so_many_tasks_are_kept_for_later() -> None:
    work = Work()
    for number in range(MOST_IDLE + 20):
        work.start(str(number), waits=True)
    await work.turns(300)
    for gate in work.gates.values():
        gate.set()
    await work.turns(300)
    assert len(work.done) == MOST_IDLE + 20
    assert len(work.runners._tasks) <= MOST_IDLE


def test_the_event_loop_can_end_whatever_runs() -> None:
    """A job that takes the loop's cancellation for its own affair must not keep the loop from ending."""

    async def stubborn() -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            return

    async def main() -> None:
        runners = Runners()
        for work in (stubborn(), asyncio.Event().wait(), asyncio.sleep(0), stubborn()):
            runners.start(_ignored(work))
        await asyncio.sleep(0.01)

    async def bounded() -> None:
        await soon(main())

    asyncio.run(bounded())


async def _ignored(work: Coroutine[Any, Any, Any]) -> None:
    await work
