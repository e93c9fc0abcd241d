"""Comments that stand before something and document it."""

import re
from typing import TYPE_CHECKING, Final

from mcp_server.plugins.code.source import Source

if TYPE_CHECKING:
    from tree_sitter import Node

_LINE: Final = re.compile(r"//[/!]*<?")
_BLOCK: Final = re.compile(r"/\*[*!]*<?")
_MARGIN: Final = re.compile(r"^[ \t]*\*[ \t]?", re.MULTILINE)
_MOST: Final = 2000  # characters of documentation, and comments that belong together


class Comments:
    """The comments seen so far, found again by the line they end in."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._ending: dict[int, Node] = {}

    def saw(self, comment: "Node") -> None:
        """Remember a comment that has its lines for itself."""
        start = comment.start_byte
        row = self._source.row(start)
        if not self._source.content[self._source.starts[row] : start].strip():
            self._ending[self._source.row(comment.end_byte)] = comment

    def before(self, offset: int) -> str:
        """The text of the comments that end on the line before that of ``offset``; empty when there are none."""
        run: list[str] = []
        length = 0
        row = self._source.row(offset) - 1
        while (comment := self._ending.get(row)) is not None and length < _MOST:
            start = comment.start_byte
            run.append(plain(self._source.text(start, min(comment.end_byte, start + _MOST))))
            length += len(run[-1]) + 1
            row = self._source.row(start) - 1
        return "\n".join(reversed(run)).strip()


def plain(comment: str) -> str:
    """The words of a comment of the C family, without its marks. The end of a long one may be missing."""
    if (block := _BLOCK.match(comment)) is None:
        return comment[len(line[0]) :].strip() if (line := _LINE.match(comment)) else comment.strip()
    words = comment[block.end() :] if comment != "/**/" else ""
    if words.endswith("/"):
        words = words[:-1].rstrip("*")
    return _MARGIN.sub("", words).strip()
