"""The pages of the documentation, taken apart."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = sorted([ROOT / "README.md", ROOT / "CHANGELOG.md", *DOCS.rglob("*.md")])

_FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


class Block(NamedTuple):
    """A fenced block; ``line`` is the number of its first line."""

    language: str
    line: int
    text: str


def blocks(page: Path, language: str = "", section: str = "") -> list[Block]:
    """The fenced blocks of a page, or of one section of it."""
    text, first = page.read_text(), 0
    if section:
        first = text.index(f"\n## {section}\n") + 1
        end = text.find("\n## ", first)
        text = text[: end if end >= 0 else None]
    found = (
        Block(match[1], text.count("\n", 0, match.start()) + 2, match[2]) for match in _FENCE.finditer(text, first)
    )
    return [block for block in found if language in ("", block.language)]


def rows(page: Path, heading: str) -> Iterator[list[str]]:
    """The cells of the table whose first heading cell is ``heading``; markup is left in."""
    lines = iter(page.read_text().splitlines())
    for line in lines:
        if line.startswith(f"| {heading} |"):
            break
    else:
        raise LookupError(f"{page} has no table with the heading {heading}")
    next(lines)
    for line in lines:
        if not line.startswith("|"):
            return
        yield _cells(line)


def _cells(line: str) -> list[str]:
    """Cells; a bar inside backticks is text."""
    parts = re.findall(r"(?:`[^`]*`|[^|`])+", line.strip()[1:-1])
    return [part.strip() for part in parts]


def coded(cell: str) -> list[str]:
    """What stands in backticks."""
    return re.findall(r"`([^`]+)`", cell)


def plain(page: Path) -> str:
    """The page without its fenced blocks."""
    return _FENCE.sub("", page.read_text())
