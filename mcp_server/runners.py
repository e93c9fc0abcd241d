"""Tasks that carry out one call after another.

A task for every call would cost more than most calls do. Here a call that waits for nothing shares its task with the
ones before and after it; one that waits keeps its task to itself, and the others go on in another.
"""

import asyncio
from collections import deque
from collections.abc import Coroutine
from contextvars import copy_context
from typing import Any, Final, cast

MOST_IDLE: Final = 64
"""Tasks that are kept for later."""


class Job:
    """One coroutine that a task runs, and the way to cancel it."""

    __slots__ = ("_task", "cancelled", "work")

    def __init__(self, work: Coroutine[Any, Any, None]) -> None:
        self.work = work
        self.cancelled = False
        self._task: asyncio.Task[None] | None = None

    def cancel(self) -> None:
        """Raise ``CancelledError`` where it is waiting; if it has not begun, it never will."""
        if self.cancelled:
            return
        self.cancelled = True
        if self._task is not None:
            self._task.cancel()

    async def run(self, task: asyncio.Task[Any]) -> None:
        """Do the work on ``task``, the current one; a cancellation ends the work, not the task."""
        if self.cancelled:
            self.work.close()
            return
        self._task = task
        try:
            await self.work
        except asyncio.CancelledError:
            if not self.cancelled:
                raise
        finally:
            self._task = None
        if self.cancelled:
            task.uncancel()


class Runners:
    """Starts coroutines as ``create_task`` does, on tasks that it uses again."""

    def __init__(self) -> None:
        self._jobs: deque[Job] = deque()
        self._idle: list[asyncio.Future[None]] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._awake = False  # whether a task is on its way to the next job

    def start(self, work: Coroutine[Any, Any, None]) -> Job:
        """Have ``work`` done, from the next turn of the event loop on."""
        job = Job(work)
        self._jobs.append(job)
        if not self._awake:
            self._wake()
        return job

    def _wake(self) -> None:
        self._awake = True
        while self._idle:
            waiting = self._idle.pop()
            if not waiting.done():
                waiting.set_result(None)
                return
        task = asyncio.create_task(self._work())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _work(self) -> None:
        context = copy_context()
        task = cast(asyncio.Task[Any], asyncio.current_task())  # asked once: it costs a system call
        while True:
            self._awake = False
            while self._jobs:
                job = self._jobs.popleft()
                if self._jobs and not self._awake:
                    self._wake()  # should this job wait for something, the others need not
                await job.run(task)
                if task.cancelling():
                    return  # the event loop ends, and the job took that for its own affair
                if copy_context() != context:
                    if self._jobs and not self._awake:
                        self._wake()
                    return  # what the job left in its context is for no other's eyes
            if len(self._idle) >= MOST_IDLE:
                return
            waiting = asyncio.get_running_loop().create_future()
            self._idle.append(waiting)
            await waiting
