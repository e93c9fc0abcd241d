"""Following a folder of templates while a server runs."""

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing, asynccontextmanager
from pathlib import Path
from typing import Any, Final

from mcp_server.prompts.folder import FileProblem, Loaded, PromptFolder
from mcp_server.prompts.registry import PromptRegistry

LOOK_AGAIN: Final = 10.0  # seconds; for network file systems, which tell of nothing, and folders that were replaced


class FolderWatch:
    """A folder that is being followed.

    Attributes:
        loaded: What it held when it was last read. While the folder itself cannot be read its prompts stay in force,
            and the problems say so.
    """

    def __init__(self, folder: PromptFolder, on_load: Callable[[Loaded], None] | None) -> None:
        self.loaded = Loaded((), ())
        self._folder = folder
        self._on_load = on_load
        self._stop = asyncio.Event()

    async def load(self) -> None:
        """Read the folder; raises ``OSError`` when it cannot be read."""
        self._took(await self._folder.reload())

    async def follow(self) -> None:
        """Read the folder after every change until :meth:`stop` is called."""
        while not self._stop.is_set():
            try:
                await self._until_replaced()
            except OSError as error:  # it has gone, or the system has no watches left
                self._failed(error)
                await self._pause()
                await self._look()

    def stop(self) -> None:
        """End :meth:`follow`."""
        self._stop.set()

    async def _until_replaced(self) -> None:
        """Follow the folder that has the path now, until another has it."""
        from watchfiles import awatch

        here = _identity(self._folder.path)
        changes = awatch(
            self._folder.path,
            watch_filter=None,  # links are swapped under names of all kinds
            recursive=False,
            stop_event=self._stop,
            rust_timeout=int(LOOK_AGAIN * 1000),
            yield_on_timeout=True,
        )
        # It begins when this coroutine first waits; then the system is watching, and nothing falls in between.
        caught_up = asyncio.create_task(self._look())
        try:
            async with aclosing(changes):
                async for _ in changes:
                    await self._look()
                    if _identity(self._folder.path) != here:
                        return
        finally:
            await caught_up

    async def _look(self) -> None:
        try:
            await self.load()
        except OSError as error:
            self._failed(error)
        except Exception:  # noqa: BLE001 - such as one of on_load; what comes next is to be seen all the same
            _log().exception("a look at the folder of prompts failed")

    async def _pause(self) -> None:
        try:
            await asyncio.wait_for(self._stop.wait(), LOOK_AGAIN)
        except TimeoutError:
            return

    def _failed(self, error: OSError) -> None:
        problem = f"the folder cannot be followed: {error.strerror or error}"
        self._took(Loaded(self.loaded.prompts, (FileProblem(str(self._folder.path), 1, problem),)))

    def _took(self, loaded: Loaded) -> None:
        if loaded == self.loaded:
            return
        for problem in loaded.problems:
            if problem not in self.loaded.problems:
                place = f"{problem.file}:{problem.line}"
                _log().warning("a prompt file is not in force", at=place, why=problem.problem)
        self.loaded = loaded
        if self._on_load:
            self._on_load(loaded)


@asynccontextmanager
async def watch_folder(
    registry: PromptRegistry,
    folder: str | os.PathLike[str],
    on_load: Callable[[Loaded], None] | None = None,
) -> AsyncIterator[FolderWatch]:
    """Register the templates of a folder, and keep the registry in step with it for as long as the block lasts.

    Afterwards they stay registered as they are. ``on_load`` is called whenever there are other templates or problems.

    Raises:
        OSError: The folder cannot be read at the start.
    """
    watch = FolderWatch(PromptFolder(registry, folder), on_load)
    await watch.load()
    following = asyncio.create_task(watch.follow())
    try:
        yield watch
    finally:
        watch.stop()
        await following


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _log() -> Any:
    import structlog

    return structlog.get_logger(__name__)
