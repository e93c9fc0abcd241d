"""Calling users' functions the way they are made: on the loop, in a thread, once or as a stream."""

import asyncio
import inspect
from collections.abc import Callable
from contextlib import aclosing, closing
from functools import partial
from typing import Any

from mcp_server.calls import Call, Teller
from mcp_server.context import Context
from mcp_server.features.threads import Threads

Emit = Callable[[Any], list[bytes]]
"""From one yielded value to content blocks. Raises when there are too many bytes."""


class Runner:
    """One function and how it wants to be called.

    Attributes:
        function: As its author wrote it.
        direct: Whether it is an async function that takes no context: awaiting it is all there is to do.
        streams: Whether it yields its result in parts.
    """

    def __init__(self, function: Callable[..., Any], context: str, threads: Threads) -> None:
        """``context`` is the name of the parameter that takes the context; empty when there is none."""
        called = function if inspect.isroutine(function) or isinstance(function, partial) else type(function).__call__
        self._async_stream = inspect.isasyncgenfunction(called)
        self._async = self._async_stream or inspect.iscoroutinefunction(called)
        self._context = context
        self._threads = threads
        self.function = function
        self.streams = self._async_stream or inspect.isgeneratorfunction(called)
        self.direct = self._async and not self.streams and not context

    async def run(self, arguments: dict[str, Any], call: Call, teller: Teller, emit: Emit | None = None) -> Any:
        """Call the function. A stream needs ``emit`` and returns the list of all its blocks."""
        out = teller if self._async else FromThread(asyncio.get_running_loop(), teller)
        context = Context(call, out)
        if self._context:
            arguments = {**arguments, self._context: context}
        over = False
        try:
            if emit is None:
                value = await self._once(arguments)
            elif self._async_stream:
                value = await _stream(self.function(**arguments), teller, emit)
            else:
                value = await self._threads.run(partial(_drain, self.function, arguments, out, emit, context))
            over = True
            return value
        finally:
            context.finish(cancelled=not over)  # tells a thread that is still at it
            if isinstance(out, FromThread):
                out.close()

    async def _once(self, arguments: dict[str, Any]) -> Any:
        if self._async:
            return await self.function(**arguments)
        value = await self._threads.run(partial(self.function, **arguments))
        return await value if inspect.isawaitable(value) else value  # a plain function may wrap an async one


class FromThread:
    """A teller for threads: it hands every report over to the event loop, in order, until it is closed."""

    def __init__(self, loop: asyncio.AbstractEventLoop, teller: Teller) -> None:
        self._loop = loop
        self._teller: Teller | None = teller

    def close(self) -> None:
        """Drop what comes from here on. Called on the loop."""
        self._teller = None

    def progress(self, progress: float, total: float | None, message: str) -> None:
        self._hand_over(lambda teller: teller.progress(progress, total, message))

    def log(self, level: str, logger: str, payload: bytes) -> None:
        self._hand_over(lambda teller: teller.log(level, logger, payload))

    def chunk(self, payload: bytes) -> None:
        self._hand_over(lambda teller: teller.chunk(payload))

    def release(self, retry: float) -> None:
        self._hand_over(lambda teller: teller.release(retry))

    async def ask(self, _key: str, _method: str, _params: bytes) -> dict[str, Any]:
        """Refuse: who waits for an answer in a thread keeps it from all others."""
        raise RuntimeError("only async functions can ask the client: write this one as `async def`")

    async def room(self) -> None:
        """Wait for the client. Threads never do: there are few of them, and a result is bounded."""
        if self._teller is not None:
            await self._teller.room()

    def _hand_over(self, tell: Callable[[Teller], None]) -> None:
        try:
            self._loop.call_soon_threadsafe(self._tell, tell)
        except RuntimeError:  # the loop is closed: nobody listens any more
            return

    def _tell(self, tell: Callable[[Teller], None]) -> None:
        if self._teller is not None:
            tell(self._teller)


async def _stream(values: Any, teller: Teller, emit: Emit) -> list[bytes]:
    blocks: list[bytes] = []
    async with aclosing(values):
        async for value in values:
            for block in emit(value):
                teller.chunk(block)
                blocks.append(block)
            await teller.room()
    return blocks


def _drain(
    function: Callable[..., Any], arguments: dict[str, Any], teller: Teller, emit: Emit, context: Context
) -> list[bytes]:
    blocks: list[bytes] = []
    with closing(function(**arguments)) as values:
        for value in values:
            if context.cancelled:
                break
            for block in emit(value):
                teller.chunk(block)
                blocks.append(block)
    return blocks
