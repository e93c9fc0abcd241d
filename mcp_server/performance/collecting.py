"""Memory handed back: by the garbage collector to Python, and by the C library to the kernel."""

import asyncio
import ctypes
import gc
import time
from collections.abc import Callable

from msgspec import Struct


class Collected(Struct, frozen=True, gc=False):
    """What a collection did.

    Attributes:
        objects: Unreachable objects that were found.
        uncollectable: Those of them that could not be freed.
        seconds: How long it took; nothing else ran for that time.
        trimmed: Whether the C library gave memory back to the kernel.
    """

    objects: int
    uncollectable: int
    seconds: float
    trimmed: bool


class Collector:
    """Collects garbage, and returns what it leaves unused."""

    def __init__(self) -> None:
        self._trim = _malloc_trim()

    async def collect(self) -> Collected:
        """Collect the garbage of all generations.

        The collection runs here and now. In a thread it would hold the interpreter's lock from its beginning to its
        end, and the event loop would stand still for just as long. ``malloc_trim`` does not hold it, and is worth a
        thread.
        """
        uncollectable, began = len(gc.garbage), time.perf_counter()
        found = gc.collect()
        took = time.perf_counter() - began
        trimmed = await asyncio.to_thread(self._trim)
        return Collected(found, len(gc.garbage) - uncollectable, took, trimmed)


def _malloc_trim() -> Callable[[], bool]:
    """What gives free pages of the heap back: glibc's malloc_trim(3), elsewhere a function that does nothing."""
    try:
        trim = ctypes.CDLL(None).malloc_trim
    except (AttributeError, OSError, TypeError):  # musl, macOS and Windows have none
        return bool
    trim.argtypes = [ctypes.c_size_t]
    trim.restype = ctypes.c_int
    return lambda: bool(trim(0))
