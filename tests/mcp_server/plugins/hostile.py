"""A process that reads one hostile file and tells how much memory that took.

``python -m tests.mcp_server.plugins.hostile case effort bytes``; the cases are pieces of code, repeated.
"""

import sys
from pathlib import Path

from mcp_server.features.results import ToolError
from mcp_server.plugins.code.budget import FILE_SECONDS, Budget
from mcp_server.plugins.code.outline import outline
from mcp_server.plugins.code.parsing import EFFORT, parse
from mcp_server.plugins.code.source import Source
from tests.mcp_server.plugins.samples import JS, PYTHON, C

CASES = {
    "lists": (PYTHON, "[a,"),
    "ternaries": (PYTHON, "a?b:("),
    "brackets": (JS, "[a,"),
    "casts": (C, "(a)(b)"),
}


def peak() -> int:
    """The most memory that this process has had, in KiB; not ``ru_maxrss``, which starts with the parent's most."""
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0])


def main(case: str, effort: int, size: int) -> None:
    language, unit = CASES[case]
    _ = language.grammar
    text = unit * (size // len(unit))
    before = peak()
    budget = Budget(FILE_SECONDS if effort == EFFORT else 60.0)
    try:
        outline(parse(Source(text), language, budget, effort=effort), budget)
        said = "an outline"
    except ToolError as error:
        said = str(error)
    print((peak() - before) // 1024, said, sep="\t")


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
