"""What is still open at the end of a piece of code: brackets, a string, a comment."""

import re
from functools import cache
from typing import Final, NamedTuple

_CLOSERS: Final = {"(": ")", "[": "]", "{": "}"}


class Open(NamedTuple):
    """What is open, and where it was opened.

    Attributes:
        brackets: The brackets, outermost first, each with its place in the text.
        quote: The string or block comment that is open, by what would close it; empty when there is none.
        since: Where that was opened.
        in_comment: Whether the text ends in a comment that the end of the line ends.
    """

    brackets: tuple[tuple[str, int], ...]
    quote: str
    since: int
    in_comment: bool


def scan(language: str, text: str) -> Open:
    """Read ``text`` once. What the language does not allow is read somehow."""
    brackets: list[tuple[str, int]] = []
    place, end = 0, len(text)
    while match := _pattern(language).search(text, place):
        found, place = match[0], match.end()
        if found in _CLOSERS:
            brackets.append((found, match.start()))
        elif found in _CLOSERS.values():
            if brackets:
                brackets.pop()
        elif found in ("#", "//"):
            place = text.find("\n", place)
            if place < 0:
                return Open(tuple(brackets), "", end, in_comment=True)
        else:
            closer = "*/" if found == "/*" else found
            place = _after(text, place, closer)
            if place < 0:
                return Open(tuple(brackets), closer, match.end(), in_comment=False)
    return Open(tuple(brackets), "", end, in_comment=False)


def closers(brackets: tuple[tuple[str, int], ...]) -> str:
    """What closes the brackets, innermost first."""
    return "".join(_CLOSERS[bracket] for bracket, _ in reversed(brackets))


def indent_of(text: str, place: int) -> str:
    """The indentation of the line that ``place`` is in."""
    line = text[text.rfind("\n", 0, place) + 1 :]
    return line[: len(line) - len(line.lstrip(" \t"))]


@cache
def _pattern(language: str) -> re.Pattern[str]:
    if language == "python":
        return re.compile(r'"""|\'\'\'|["\'#()\[\]{}]')
    return re.compile(r'//|/\*|["\'`()\[\]{}]' if language == "javascript" else r'//|/\*|["\'()\[\]{}]')


def _after(text: str, place: int, closer: str) -> int:
    """The place after ``closer``, or -1; a string of one line ends with its line at the latest."""
    one_line = closer in "\"'"
    while place < len(text):
        if text.startswith(closer, place):
            return place + len(closer)
        if one_line and text[place] == "\n":
            return place
        place += 2 if text[place] == "\\" and closer != "*/" else 1
    return -1
