"""Measuring in this process, on the core that servers have otherwise."""

import contextlib
import os
from collections.abc import Iterator

from bench import process


@contextlib.contextmanager
def pinned() -> Iterator[None]:
    """Stay on the server's core meanwhile."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {process.SERVER_CORE})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)
