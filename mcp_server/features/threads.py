"""Functions that block run in threads: a bounded number, and daemons, so that a stuck one keeps no server alive."""

import asyncio
import threading
from collections.abc import Callable
from contextvars import Context, copy_context
from queue import SimpleQueue
from typing import Any, TypeVar

T = TypeVar("T")
_Job = tuple[asyncio.AbstractEventLoop, "asyncio.Future[Any]", Context, Callable[[], Any]]


class Threads:
    """At most ``size`` threads, started when needed. What comes while all are busy waits in order."""

    def __init__(self, size: int) -> None:
        if size < 1:
            raise ValueError("at least one thread is needed")
        self._size = size
        self._jobs: SimpleQueue[_Job] = SimpleQueue()
        self._idle = threading.Semaphore(0)
        self._started = 0

    async def run(self, function: Callable[[], T]) -> T:
        """Call ``function`` in a thread, with the caller's context variables.

        When the caller is cancelled the thread goes on and its outcome is dropped; a job that has not begun never does.
        """
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()
        self._jobs.put((loop, future, copy_context(), function))
        if not self._idle.acquire(blocking=False) and self._started < self._size:
            self._started += 1
            threading.Thread(target=self._work, name=f"tool-{self._started}", daemon=True).start()
        return await future

    def _work(self) -> None:
        while True:
            self._do(self._jobs.get())
            self._idle.release()

    def _do(self, job: _Job) -> None:
        loop, future, context, function = job
        if future.cancelled():
            return
        value: Any = None
        error: BaseException | None = None
        try:
            value = context.run(function)
        except StopIteration as stop:  # a future cannot hold one
            error = RuntimeError(f"StopIteration escaped: {stop}")
        except BaseException as raised:  # noqa: BLE001 # SystemExit too: the caller is to hear of it, not this thread
            error = raised
        try:
            loop.call_soon_threadsafe(_settle, future, value, error)
        except RuntimeError:  # the loop is closed: nobody waits any more
            return


def _settle(future: "asyncio.Future[Any]", value: Any, error: BaseException | None) -> None:
    if future.done():
        return
    if error is None:
        future.set_result(value)
    else:
        future.set_exception(error)
