import asyncio
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from mcp_server.prompts import FolderWatch, Loaded, PromptRegistry, watch_folder
from tests.mcp_server.prompts.test_folder import said, write


class Seen:
    """What a watch reported, to be waited for."""

    def __init__(self) -> None:
        self._changed = asyncio.Event()

    def __call__(self, _: Loaded) -> None:
        self._changed.set()

    async def until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(30):
            while not condition():
                await self._changed.wait()
                self._changed.clear()


@pytest.fixture
def registry() -> PromptRegistry:
    return PromptRegistry()


async def test_a_folder_is_followed(registry: PromptRegistry, tmp_path: Path) -> None:
    seen, file = Seen(), tmp_path / "a.md"
    write(file)
    async with watch_folder(registry, tmp_path, seen) as watch:
        assert said(registry) == {"a": "hello"}

        write(file, "changed")
        await seen.until(lambda: said(registry) == {"a": "changed"})

        write(file, "\n{")
        await seen.until(lambda: bool(watch.loaded.problems))
        assert [str(problem) for problem in watch.loaded.problems] == [
            "a.md:4: a single {: a placeholder is written {name}, and a literal brace is doubled"
        ]
        assert said(registry) == {"a": "changed"}

        write(tmp_path / "new").rename(tmp_path / "b.md")
        file.unlink()
        await seen.until(lambda: said(registry) == {"b": "hello"})
        assert watch.loaded.problems == ()
    assert said(registry) == {"b": "hello"}


async def test_nothing_is_followed_after_the_block(registry: PromptRegistry, tmp_path: Path) -> None:
    async with watch_folder(registry, tmp_path):
        pass
    assert asyncio.all_tasks() == {asyncio.current_task()}
    write(tmp_path / "a.md")
    async with watch_folder(PromptRegistry(), tmp_path) as other:  # which has seen it
        assert other.loaded.prompts
    assert said(registry) == {}


async def test_a_folder_whose_link_is_swapped_is_read_again(registry: PromptRegistry, tmp_path: Path) -> None:
    """How Kubernetes changes the files of a mounted ConfigMap: all at once."""
    seen = Seen()
    for name in ("one", "two"):
        (tmp_path / f"..{name}").mkdir()
        write(tmp_path / f"..{name}" / "a.md", name)
    (tmp_path / "..data").symlink_to("..one")
    (tmp_path / "a.md").symlink_to("..data/a.md")
    async with watch_folder(registry, tmp_path, seen):
        assert said(registry) == {"a": "one"}
        (tmp_path / "..new").symlink_to("..two")
        (tmp_path / "..new").rename(tmp_path / "..data")
        await seen.until(lambda: said(registry) == {"a": "two"})


async def test_while_the_folder_is_away_its_prompts_stay(
    registry: PromptRegistry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mcp_server.prompts.watch.LOOK_AGAIN", 0.1)
    seen, folder = Seen(), tmp_path / "prompts"
    folder.mkdir()
    write(folder / "a.md")
    async with watch_folder(registry, folder, seen) as watch:
        folder.rename(tmp_path / "away")
        await seen.until(lambda: bool(watch.loaded.problems))
        assert "cannot be followed" in watch.loaded.problems[0].problem
        assert said(registry) == {"a": "hello"}

        folder.mkdir()
        write(folder / "b.md")
        await seen.until(lambda: said(registry) == {"b": "hello"})
        write(folder / "b.md", "changed")
        await seen.until(lambda: said(registry) == {"b": "changed"})


def holds(registry: PromptRegistry, count: int) -> bool:
    return len(registry) == count


async def test_who_cannot_take_news_does_not_end_the_watch(registry: PromptRegistry, tmp_path: Path) -> None:
    seen, watch_of = Seen(), list[FolderWatch]()

    def fail(loaded: Loaded) -> None:
        seen(loaded)
        if watch_of:
            raise ValueError

    async with watch_folder(registry, tmp_path, fail) as watch:
        watch_of.append(watch)
        for count, name in enumerate("ab", 1):
            write(tmp_path / f"{name}.md")
            await seen.until(partial(holds, registry, count))


async def test_a_folder_that_is_missing_at_the_start_is_an_error(registry: PromptRegistry, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        async with watch_folder(registry, tmp_path / "nothing"):
            pass
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_an_error_in_the_block_ends_the_watch(registry: PromptRegistry, tmp_path: Path) -> None:
    with pytest.raises(KeyError):
        async with watch_folder(registry, tmp_path):
            raise KeyError
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_a_cancelled_block_ends_the_watch(registry: PromptRegistry, tmp_path: Path) -> None:
    entered = asyncio.Event()

    async def watching() -> None:
        async with watch_folder(registry, tmp_path):
            entered.set()
            await asyncio.Event().wait()

    task = asyncio.create_task(watching())
    await entered.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert asyncio.all_tasks() == {asyncio.current_task()}
