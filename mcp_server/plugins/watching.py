"""What changes in a workspace, as it changes."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Final, NamedTuple

from mcp_server.plugins.workspace import Workspace

MOST: Final = 1000
"""The most paths that are told at once."""


class Changed(NamedTuple):
    """Files that changed within one moment.

    Attributes:
        paths: Their paths in the workspace, sorted; each once, however often it changed.
        relisted: Whether files came or went, so that lists of them are no longer right.
        more: Whether more changed than are named.
    """

    paths: tuple[str, ...]
    relisted: bool
    more: bool


async def changes(
    workspace: Workspace, stop: asyncio.Event | None = None, *, most: int = MOST, settle: float = 0.2
) -> AsyncGenerator[Changed, None]:
    """What changes among the files that ``workspace`` shows, until ``stop`` is set.

    What changes while nobody asks for the next value is kept as a set of paths and told together.

    Args:
        workspace: Whose files are watched, with all folders below its root.
        stop: Ends the iteration when it is set.
        most: The most paths that are told at once.
        settle: Seconds without a change before what has changed is told; at most four times that.
    """
    from watchfiles import Change, awatch

    watched = awatch(
        workspace.root,
        watch_filter=lambda _change, path: workspace.relative(path) is not None,
        debounce=int(settle * 4000),
        step=int(settle * 1000),
        stop_event=stop,
        ignore_permission_denied=True,
    )
    async with aclosing(watched):
        async for found in watched:
            paths = sorted({inside for _, path in found if (inside := workspace.relative(path)) is not None})
            relisted = any(change is not Change.modified for change, _ in found)
            yield Changed(tuple(paths[:most]), relisted, len(paths) > most)
