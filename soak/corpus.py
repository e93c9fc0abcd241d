"""Real public code: files by language, and how long the outline of each takes.

``python -m soak.corpus`` measures it. ``CORPUS`` in the environment names a folder with more code.
"""

import hashlib
import os
import shutil
import site
import subprocess
import sys
import sysconfig
import tarfile
import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Final, NamedTuple

from mcp_server.features.results import ToolError
from mcp_server.plugins import c, js, python
from mcp_server.plugins.code.budget import FILE_SECONDS, Budget
from mcp_server.plugins.code.language import Language
from mcp_server.plugins.code.outline import outline
from mcp_server.plugins.code.parsing import parse
from mcp_server.plugins.code.source import Source
from mcp_server.plugins.workspace import FILE_BYTES

LEAST: Final = 200
"""Files of a language that make a corpus."""

PYTHON, JS, C = LANGUAGES = (python.LANGUAGE, js.LANGUAGE, c.LANGUAGE)

LODASH: Final = "lodash@4.17.21"
"""A package of the npm registry: 1,048 files of JavaScript."""

LODASH_SHA256: Final = "6a087ac9e5702a0c9d60fbcd48696012646ec8df1491dea472b150e79fcaf804"

_STDLIB: Final = Path(sysconfig.get_paths()["stdlib"])
_NODE: Final = [Path(place) for place in ("/usr/lib/node_modules", "/usr/local/lib/node_modules", "/usr/share/nodejs")]
_HEADERS: Final = [Path(place) for place in (sysconfig.get_paths()["include"], "/usr/include", "/usr/local/include")]
_ENOUGH: Final = 3000
_PATIENCE: Final = 120.0  # seconds for a registry


class NoPackage(Exception):
    """The package cannot be had; the text says why."""


class Found(NamedTuple):
    """A file, and the folder that it was found in."""

    path: Path
    root: Path


def files(language: Language, more: Sequence[Path] = ()) -> list[Found]:
    """The code of a language that is on this machine, and before it what is below the folders ``more``."""
    given = [*more, Path(os.environ["CORPUS"])] if os.environ.get("CORPUS") else list(more)
    packages = [Path(place) for place in site.getsitepackages()]
    places, left_out = {
        # What is installed beside the standard library is none of it.
        "python": ([_STDLIB], {"site-packages"}),
        "js": ([*_NODE, *packages], set()),
        "c": ([*packages, *_HEADERS], {"c++", "llvm", "llvm-14", "node"}),  # C++, by their names C
    }[language.name]
    found = (Found(path, place) for place in [*given, *places] if place.is_dir() for path in sorted(place.rglob("*")))
    wanted = (
        each
        for each in found
        if each.path.name.endswith(language.suffixes) and not left_out & set(each.path.parts) and each.path.is_file()
    )
    return list(islice({each.path: each for each in wanted}.values(), _ENOUGH))


def fetch_lodash(folder: Path) -> Path:
    """The files of lodash, which npm fetches into ``folder``.

    Raises:
        NoPackage: There is no npm here, it has no way to its registry, or what came is something else.
    """
    npm = shutil.which("npm")
    if npm is None:
        raise NoPackage("there is no npm on this machine")
    command = [npm, "pack", LODASH, "--silent", "--pack-destination", str(folder)]
    try:
        subprocess.run(command, cwd=folder, check=True, capture_output=True, timeout=_PATIENCE)
    except (OSError, subprocess.SubprocessError) as error:
        raise NoPackage(f"npm did not fetch {LODASH}: {error}") from error
    (archive,) = folder.glob("*.tgz")
    digest = hashlib.sha256(archive.read_bytes()).hexdigest()
    if digest != LODASH_SHA256:
        raise NoPackage(f"{archive.name} has the SHA-256 digest {digest}, and should have {LODASH_SHA256}")
    with tarfile.open(archive) as packed:
        packed.extractall(folder / "lodash", filter="data")
    return folder / "lodash"


class Seen(NamedTuple):
    """What was made of a file; ``problem`` is empty when there is an outline."""

    path: Path
    size: int
    seconds: float
    symbols: int
    has_errors: bool
    problem: str


def read(language: Language, path: Path) -> Source | None:
    """A file as the tools read it; None when it is too big or binary for them."""
    content = path.read_bytes()
    if len(content) > FILE_BYTES or b"\0" in content[:8192]:
        return None
    return Source(language.decode(content), str(path))


def outlines(language: Language, paths: Iterable[Path]) -> Iterator[Seen]:
    """The outline of each file, as a tool makes it, and how long it took."""
    for path in paths:
        began = time.perf_counter()
        source = read(language, path)
        if source is None:
            continue
        try:
            budget = Budget(FILE_SECONDS)
            found = outline(parse(source, language, budget), budget)
            taken = time.perf_counter() - began
            yield Seen(path, len(source.content), taken, len(found.symbols), found.has_errors, "")
        except ToolError as error:
            yield Seen(path, len(source.content), time.perf_counter() - began, 0, True, str(error))


def spread(seconds: Iterable[float]) -> tuple[float, float, float]:
    """The median, the 95th percentile and the longest of some times; zeros when there is none."""
    ordered = sorted(seconds) or [0.0]
    last = len(ordered) - 1
    return ordered[last // 2], ordered[last * 95 // 100], ordered[last]


def report(language: Language, paths: Iterable[Path]) -> str:
    """One line of figures: files a second, and the time for a file."""
    seen = list(outlines(language, paths))
    if not seen:
        return f"{language.title}: no files"
    total, size = sum(each.seconds for each in seen), sum(each.size for each in seen)
    slowest = max(seen, key=lambda each: each.seconds)
    median, most, longest = (1e3 * each for each in spread(each.seconds for each in seen))
    return (
        f"{language.title}: {len(seen)} files, {size / 1e6:.1f} MB, {len(seen) / total:.0f} files/s, "
        f"{size / total / 1e6:.1f} MB/s; a file: median {median:.1f} ms, p95 {most:.0f} ms, longest {longest:.0f} ms "
        f"({slowest.path.name}, {slowest.size / 1e3:.0f} kB); "
        f"{sum(each.has_errors for each in seen)} with errors, {sum(bool(each.problem) for each in seen)} refused"
    )


def main() -> None:
    print(sys.version)
    with tempfile.TemporaryDirectory() as folder:
        try:
            lodash = [fetch_lodash(Path(folder))]
            print(report(JS, [each.path for each in files(JS, lodash) if each.root == lodash[0]]), f"({LODASH})")
        except NoPackage as error:
            print(error)
    for language in LANGUAGES:
        print(report(language, [each.path for each in files(language)]))


if __name__ == "__main__":
    main()
