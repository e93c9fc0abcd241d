import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from pathlib import Path

from mcp_server.plugins.watching import Changed, changes
from mcp_server.plugins.workspace import Workspace

SETTLE = 0.05


class Watch:
    """A watch that is known to be on: it has told of a first change."""

    def __init__(self, root: Path, most: int) -> None:
        self.root = root
        self.stop = asyncio.Event()
        self.told = changes(Workspace(root), self.stop, most=most, settle=SETTLE)

    async def next(self) -> Changed:
        async with asyncio.timeout(30):
            return await anext(self.told)

    async def begin(self) -> None:
        """Change a file until that is told."""
        first = asyncio.ensure_future(self.next())
        while not first.done():
            (self.root / "begin").write_text("x")
            await asyncio.wait([first], timeout=0.1)
        await first

    async def until(self, path: str) -> list[Changed]:
        """What is told up to a change of ``path``."""
        found = [await self.next()]
        while path not in found[-1].paths:
            found.append(await self.next())
        return found


@asynccontextmanager
async def watching(root: Path, most: int = 1000) -> AsyncIterator[Watch]:
    watch = Watch(root, most)
    async with aclosing(watch.told):
        await watch.begin()
        yield watch


async def test_changes_are_told_once_each_with_their_paths_and_hidden_ones_are_not(tmp_path: Path) -> None:
    (tmp_path / "src").mkdir()
    (tmp_path / ".git").mkdir()
    async with watching(tmp_path) as watch:
        (tmp_path / ".git" / "index").write_text("x")
        for number in range(20):
            (tmp_path / "src" / "a.py").write_text(f"{number}")
        (tmp_path / "src" / "b.py").write_text("x")
        (tmp_path / "last").write_text("x")
        told = await watch.until("last")
        paths = [path for each in told for path in each.paths]
        assert set(paths) - {"begin", "src"} == {"src/a.py", "src/b.py", "last"}
        assert paths.count("src/a.py") <= 2  # a change that spans two moments is told in both
        assert any(each.relisted for each in told)


async def test_a_file_that_changes_in_place_changes_no_list(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("x")
    async with watching(tmp_path) as watch:
        with (tmp_path / "a").open("a") as file:
            file.write("y")
        (told,) = [each for each in await watch.until("a") if "a" in each.paths]
        assert told == Changed(told.paths, relisted=False, more=False)


async def test_a_file_that_goes_changes_the_list(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("x")
    async with watching(tmp_path) as watch:
        (tmp_path / "a").unlink()
        assert (await watch.until("a"))[-1].relisted


async def test_of_very_many_changes_some_are_named_and_it_is_said_that_there_are_more(tmp_path: Path) -> None:
    async with watching(tmp_path, most=5) as watch:
        for number in range(100):
            (tmp_path / f"f{number:03}").write_text("x")
        told = await watch.next()
        while not told.more:
            told = await watch.next()
        assert len(told.paths) == 5
        assert list(told.paths) == sorted(told.paths)


async def test_the_watch_ends_when_it_is_told_to(tmp_path: Path) -> None:
    async with watching(tmp_path) as watch:
        watch.stop.set()
        async with asyncio.timeout(30):
            assert [told async for told in watch.told if "begin" not in told.paths] == []
