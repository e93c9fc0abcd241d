"""Comments that stand before something and document it."""

import re
from typing import TYPE_CHECKING, Final

from mcp_server.plugins.code.source import Source

if TYPE_CHECKING:
    from tree_sitter import Node

_LINE: Final = re.compile(r"^//[/!]*<?[ \t]?")
_BLOCK: Final = re.compile(r"^/\*[*!]*<?|[ \t]*\*+/$")
_MARGIN: Final = re.compile(r"^[ \t]*\*[ \t]?", re.MULTILINE)
_RUN: Final = 200  # comments that belong together


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
        row = self._source.row(offset) - 1
        while (comment := self._ending.get(row)) is not None and len(run) < _RUN:
            run.append(plain(self._source.text(comment.start_byte, comment.end_byte)))
            row = self._source.row(comment.start_byte) - 1
        return "\n".join(reversed(run)).strip()


def plain(comment: str) -> str:
    """The words of a comment of the C family, without its marks."""
    if not comment.startswith("/*"):
        return _LINE.sub("", comment).strip()
    return "" if comment == "/**/" else _MARGIN.sub("", _BLOCK.sub("", comment)).strip()
