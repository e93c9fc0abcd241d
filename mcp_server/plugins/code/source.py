"""A source file's text, and where in it something stands."""

from bisect import bisect_right
from functools import cached_property
from itertools import accumulate


class Source:
    """Source text as the parsers take it: UTF-8, lines ended by one line feed each, without a byte order mark.

    Lines count from 1. Columns count from 1, in characters: Unicode code points.

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
        line = self.row(offset)
        start = self.starts[line]
        column = offset - start if self._is_ascii else len(self.text(start, offset))
        return line + 1, column + 1

    def row(self, offset: int) -> int:
        """The line of a byte offset, counted from 0."""
        return bisect_right(self.starts, offset) - 1

    def offset(self, line: int, column: int) -> int | None:
        """The byte offset of a position; None when there is no such line or it is shorter than that."""
        if not 1 <= line <= len(self.starts):
            return None
        text = self.line(line)
        if column - 1 > len(text):
            return None
        return self.starts[line - 1] + len(text[: column - 1].encode())

    def line(self, line: int) -> str:
        """The text of a line, without its end."""
        start = self.starts[line - 1]
        end = self.starts[line] - 1 if line < len(self.starts) else len(self.content)
        return self.text(start, end)

    @property
    def lines(self) -> int:
        """How many lines there are; what follows the last line end counts when it is not empty."""
        return len(self.starts) - (self.starts[-1] == len(self.content))

    @cached_property
    def starts(self) -> list[int]:
        """The byte offset of each line."""
        lines = self.content.split(b"\n")
        return list(accumulate((len(line) + 1 for line in lines[:-1]), initial=0))


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
