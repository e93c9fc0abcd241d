"""A source file's text, and where in it something stands."""

from array import array
from bisect import bisect_right
from functools import cached_property
from itertools import accumulate
from typing import Final

_INNER: Final = bytes(range(0x80, 0xC0))  # the bytes of UTF-8 that do not begin a character
_BLOCK: Final = 1024


class Source:
    """Source text as the parsers take it: UTF-8, lines ended by one line feed each, without a byte order mark.

    Lines count from 1. Columns count from 1, in characters: Unicode code points. Finding a place takes the same time
    however long its line is.

    Attributes:
        path: Where it is in the workspace; empty when it was given as text.
        content: The text's bytes.
    """

    def __init__(self, text: str, path: str = "") -> None:
        text = text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")
        self.path = path
        self.content = text.encode("utf-8", "replace")
        self._is_ascii = text.isascii()

    def text(self, start: int, end: int) -> str:
        """The text between two byte offsets."""
        return self.content[start:end].decode("utf-8", "replace")

    def position(self, offset: int) -> tuple[int, int]:
        """Line and column of a byte offset."""
        row = self.row(offset)
        return row + 1, self._characters(offset) - self._characters(self.starts[row]) + 1

    def row(self, offset: int) -> int:
        """The line of a byte offset, counted from 0."""
        return bisect_right(self.starts, offset) - 1

    def offset(self, line: int, column: int) -> int | None:
        """The byte offset of a position; None when there is no such line or it is shorter than that."""
        if not 1 <= line <= len(self.starts) or column < 1:
            return None
        text = self.line(line)
        if column - 1 > len(text):
            return None
        return self.starts[line - 1] + len(text[: column - 1].encode())

    def line(self, line: int) -> str:
        """The text of a line, without its end."""
        return self.text(*self._bounds(line - 1))

    def around(self, offset: int, most: int) -> str:
        """The line of an offset on one line, without its margin; of a long one a part around the offset."""
        start, end = self._bounds(self.row(offset))
        if end - start > 4 * most:
            start, end = max(start, offset - most), min(end, offset + 4 * most)
        return one_line(self.text(start, end), most)

    @property
    def lines(self) -> int:
        """How many lines there are; what follows the last line end counts when it is not empty."""
        return len(self.starts) - (self.starts[-1] == len(self.content))

    @cached_property
    def starts(self) -> "array[int]":
        """The byte offset of each line."""
        lines = self.content.split(b"\n")
        return array("L", accumulate((len(line) + 1 for line in lines[:-1]), initial=0))

    def _bounds(self, row: int) -> tuple[int, int]:
        last = row + 1 == len(self.starts)
        return self.starts[row], len(self.content) if last else self.starts[row + 1] - 1

    def _characters(self, offset: int) -> int:
        """How many characters begin before an offset."""
        if self._is_ascii:
            return offset
        block = min(offset // _BLOCK, len(self._before) - 1)
        return self._before[block] + len(self.content[block * _BLOCK : offset].translate(None, _INNER))

    @cached_property
    def _before(self) -> "array[int]":
        """How many characters begin before each block."""
        starts = range(0, len(self.content), _BLOCK)
        begun = (len(self.content[start : start + _BLOCK].translate(None, _INNER)) for start in starts)
        return array("L", accumulate(begun, initial=0))


def decode(content: bytes) -> str:
    """The text of a source file: UTF-8, or Latin-1 when it is not that, so that each byte is a character."""
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError:
        return content.decode("latin-1")


def one_line(text: str, most: int) -> str:
    """``text`` with every run of white space as one space, cut after ``most`` characters."""
    text = " ".join(text.split())
    return text if len(text) <= most else text[: most - 3].rstrip() + "..."
