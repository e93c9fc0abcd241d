"""How fast single parts work that have no peer here: filling in a prompt, outlining a file of source text."""

import gc
import sysconfig
import time
from collections.abc import Sequence
from pathlib import Path

from bench.figure import Figures, Result, Setting, told
from bench.pinned import pinned
from mcp_server.plugins.code.budget import FILE_SECONDS, Budget
from mcp_server.plugins.code.outline import outline
from mcp_server.plugins.code.parsing import parse
from mcp_server.plugins.code.source import Source
from mcp_server.plugins.python import LANGUAGE
from mcp_server.plugins.workspace import FILE_BYTES
from mcp_server.prompts.builtin import BUILT_IN
from mcp_server.prompts.rendering import render

CODE = "def area(width: float, height: float) -> float:\n    return width * height\n" * 20


def prompts(setting: Setting) -> Result:
    """Built-in prompts a second, each with an argument of 20 functions."""
    times = 2_000 if setting.quick else 20_000
    given = [(each, dict.fromkeys(each.argument_names, CODE)) for each in BUILT_IN]
    rates = []
    for number in range(setting.rounds):
        setting.say(f"prompts, round {number + 1}")
        began = time.perf_counter()
        for _ in range(times):
            for template, arguments in given:
                render(template, arguments)
        rates.append(times * len(given) / (time.perf_counter() - began))
    words = f"the {len(BUILT_IN)} that are built in, with {len(CODE)} characters for each argument"
    return told("prompt-render", rates, "/s", words)


def outlines(setting: Setting) -> Result:
    """Files a second of the standard library of Python, from bytes to symbols."""
    library = Path(sysconfig.get_paths()["stdlib"])
    paths = sorted(path for path in library.rglob("*.py") if "site-packages" not in path.parts)
    contents = [path.read_bytes() for path in paths[:: 10 if setting.quick else 1]]
    contents = [content for content in contents if len(content) <= FILE_BYTES and b"\0" not in content[:8192]]
    rates, symbols = [], 0
    for number in range(3):
        setting.say(f"outlines of {len(contents)} files, round {number + 1}")
        gc.collect()
        began, symbols = time.perf_counter(), 0
        for content in contents:
            budget = Budget(FILE_SECONDS)
            found = outline(parse(Source(LANGUAGE.decode(content)), LANGUAGE, budget), budget)
            symbols += len(found.symbols)
        rates.append(len(contents) / (time.perf_counter() - began))
    size = sum(map(len, contents)) / 1e6
    words = (
        f"{len(contents)} files of CPython's standard library, {size:.1f} MB, {symbols:,} symbols at the top of them"
    )
    return told("outline-rate", rates, "/s", words)


def measure(setting: Setting, names: Sequence[str]) -> list[Result]:
    parts = {"prompt-render": prompts, "outline-rate": outlines}
    with pinned():
        return [parts[name](setting) for name in names]


PARTS = Figures(("prompt-render", "outline-rate"), measure)
