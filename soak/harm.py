"""Code that is wrong, and files that are made to do harm: each must be noticed, and none may cost the server much."""

import random
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Final

from mcp_server.plugins.code.language import Language
from mcp_server.plugins.workspace import FILE_BYTES
from soak import processes
from soak.asking import Asker, Heard
from soak.campaign import Control, Outcome
from soak.copies import Folder
from soak.corpus import LANGUAGES
from soak.servers import Server

ROUNDS: Final = 40
LARGE: Final = 1 << 20
LEAK: Final = ROUNDS * LARGE // 2
"""What the server may grow by while it is asked so often about a file of so many bytes; allocators keep some."""


async def cut_off(asker: Asker, folder: Folder) -> Control:
    """A file of each language that ends within brackets."""
    told = []
    for language in LANGUAGES:
        path = f"broken/cut{language.suffixes[0]}"
        folder.write(path, b"f(a,\n")
        heard = await asker.tool(f"{language.name}_syntax_errors", path=path)
        told.append(0 if heard.said else heard.result["structuredContent"]["count"])
    return Control("code that is cut off", all(told), f"{', '.join(map(str, told))} errors")


async def hostile(asker: Asker, folder: Folder, *, short: bool) -> AsyncIterator[Control]:
    """Files that are refused, with words that say why."""
    for name, content, said in _files(short=short):
        folder.write(f"hostile/{name}", content)
        heard = await asker.tool("python_outline", path=f"hostile/{name}")
        words = f"{heard.said or 'it was read'} ({heard.seconds:.1f} s)"
        yield Control(f"hostile/{name}", said in heard.said, words)


def _files(*, short: bool) -> Iterator[tuple[str, bytes, str]]:
    yield "huge.py", bytes(100 << 20), f"at most {FILE_BYTES} are read"
    yield "deep.py", b"(" * 10_000 + b"1" + b")" * 10_000, "is nested more than 2000 levels deep"
    yield "binary.py", random.Random(0).randbytes(100_000), "is binary"
    if not short:  # they cost the seconds that they may cost
        yield "brackets.py", b"[a," * (FILE_BYTES // 3), "has too much syntax for one file"
        yield "slow.py", b"\\\n" * (FILE_BYTES // 2), "which is all it may take"


async def stays_small(asker: Asker, folder: Folder, server: Server, outcome: Outcome) -> Control:
    """Read large files again and again, which must leave nothing behind; then have a tool keep as much on purpose."""
    for language in LANGUAGES:
        folder.write(f"large/file{language.suffixes[0]}", _large(language))

    async def read(number: int) -> Heard:
        language = LANGUAGES[number % len(LANGUAGES)]
        return await asker.tool(f"{language.name}_outline", path=f"large/file{language.suffixes[0]}")

    async def keep(_number: int) -> Heard:
        return await asker.tool("keep", size=LARGE)

    grown = await _grown(read, server, outcome)
    outcome.counts[f"grown over {ROUNDS} large files, MB"] = round(grown / 1e6, 1)
    if grown > LEAK:
        outcome.violation(f"the server grew by {grown / 1e6:.1f} MB over {ROUNDS} readings of large files")
    kept = await _grown(keep, server, outcome)
    return Control("a tool that keeps", kept > LEAK, f"{kept / 1e6:.1f} MB more")


async def _grown(call: Callable[[int], Awaitable[Heard]], server: Server, outcome: Outcome) -> int:
    """By how many bytes the server grows over some rounds, after half as many that do not count."""
    before = 0
    for number in range(-ROUNDS // 2, ROUNDS):
        if not number:
            before = processes.resident(server.pid)
        heard = await call(number)
        if heard.said:
            outcome.violation(f"a large file: {heard.said}")
    return processes.resident(server.pid) - before


def _large(language: Language) -> bytes:
    """A file that is large and quickly read."""
    mark, code = (b"#", b"x = 1\n") if language.name == "python" else (b"//", b"int x;\n")
    line = mark + b" what people write above a function that needs explaining" * 40 + b"\n"
    return line * (LARGE // len(line)) + code
