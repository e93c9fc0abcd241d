import asyncio
from collections.abc import Callable, Mapping
from typing import Any

import pytest

Loops = Mapping[str, Callable[[], asyncio.AbstractEventLoop]]


def pytest_asyncio_loop_factories(item: pytest.Function) -> Loops:
    """The event loops that a module names as its ``LOOPS``; asyncio's otherwise."""
    module: Any = item.module
    loops: Loops = getattr(module, "LOOPS", {"asyncio": asyncio.new_event_loop})
    return loops
