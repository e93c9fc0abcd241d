"""Real public code that is on this machine: files by language, and what the outline makes of them.

``python -m tests.mcp_server.plugins.corpus`` measures it. ``CORPUS`` in the environment names a folder with more code,
such as an unpacked lodash-4.17.21.tgz of the npm registry with its thousand files of JavaScript.
"""

import os
import site
import sys
import sysconfig
import time
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from mcp_server.features.results import ToolError
from mcp_server.plugins.code.budget import FILE_SECONDS, Budget
from mcp_server.plugins.code.language import Language
from mcp_server.plugins.code.outline import outline
from mcp_server.plugins.code.parsing import parse
from mcp_server.plugins.code.source import Source
from mcp_server.plugins.workspace import FILE_BYTES

LEAST = 200
"""Files of a language that make a corpus."""

_MORE = [Path(os.environ["CORPUS"])] if os.environ.get("CORPUS") else []
_STDLIB = Path(sysconfig.get_paths()["stdlib"])
_NODE = [Path(place) for place in ("/usr/lib/node_modules", "/usr/local/lib/node_modules", "/usr/share/nodejs")]
_HEADERS = [Path(place) for place in (sysconfig.get_paths()["include"], "/usr/include", "/usr/local/include")]


def python_files() -> list[Path]:
    """The standard library, without what is installed beside it."""
    return sorted(path for path in _STDLIB.rglob("*.py") if "site-packages" not in path.parts)


def javascript_files() -> list[Path]:
    """What Node.js and the packages of this environment bring along."""
    return _found([*_MORE, *_NODE, *map(Path, site.getsitepackages())], (".js", ".mjs", ".cjs", ".jsx"))


def c_files() -> list[Path]:
    """Headers of Python, of the system and of the packages of this environment; those of C++ are left out."""
    packages = [Path(place) for place in site.getsitepackages()]
    files = _found([*_MORE, *_HEADERS, *packages], (".c", ".h"))
    return [path for path in files if not {"c++", "llvm", "llvm-14"} & set(path.parts)]


def _found(places: Iterable[Path], suffixes: tuple[str, ...], most: int = 3000) -> list[Path]:
    found = (path for place in places if place.is_dir() for path in sorted(place.rglob("*")))
    files = (path for path in found if path.suffix in suffixes and path.is_file())
    return list(islice(dict.fromkeys(files), most))


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


def outlines(language: Language, files: Iterable[Path]) -> Iterator[Seen]:
    """The outline of each file, as a tool makes it, and how long it took."""
    for path in files:
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


def report(language: Language, files: Iterable[Path]) -> str:
    """One line of figures: files a second, and the time for a file."""
    seen = list(outlines(language, files))
    times = sorted(each.seconds for each in seen)
    total, size = sum(times), sum(each.size for each in seen)
    largest = max(seen, key=lambda each: each.seconds)
    return (
        f"{language.title}: {len(seen)} files, {size / 1e6:.1f} MB, {len(seen) / total:.0f} files/s, "
        f"{size / total / 1e6:.1f} MB/s; a file: median {times[len(times) // 2] * 1e3:.1f} ms, "
        f"p99 {times[len(times) * 99 // 100] * 1e3:.0f} ms, longest {times[-1] * 1e3:.0f} ms "
        f"({largest.path.name}, {largest.size / 1e3:.0f} kB); "
        f"{sum(each.has_errors for each in seen)} with errors, {sum(bool(each.problem) for each in seen)} refused"
    )


if __name__ == "__main__":
    from tests.mcp_server.plugins.samples import JS, PYTHON, C

    print(sys.version)
    for language, files in ((PYTHON, python_files()), (JS, javascript_files()), (C, c_files())):
        print(report(language, files))
