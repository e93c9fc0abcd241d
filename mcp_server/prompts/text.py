"""The text of a template: literal pieces with placeholders between them."""

import re
from collections.abc import Mapping
from typing import Final

_NAME: Final = r"[A-Za-z_][A-Za-z0-9_-]*"
_TOKEN: Final = re.compile(r"\{\{|\}\}|\{(" + _NAME + r")\}|[{}]")
_SHOWN: Final = 40

NAME: Final = re.compile(_NAME)
"""What a placeholder can be called."""


class BadText(ValueError):
    """A brace that is neither doubled nor part of a placeholder.

    Attributes:
        line: The line it stands on, from 0.
    """

    def __init__(self, problem: str, line: int) -> None:
        super().__init__(problem)
        self.line = line


class Text:
    """A text in which ``{name}`` stands for a value, and ``{{`` and ``}}`` for a brace.

    Braces are read from left to right, as :meth:`str.format` reads them, and that is all they share: a name is only a
    name, so that no template can reach into a value, and what was put in is not looked at again.

    Attributes:
        names: The placeholders, each with the line where it first stands, from 0.
    """

    __slots__ = ("_pieces", "_size", "_slots", "names")

    def __init__(self, source: str) -> None:
        """Take ``source`` apart.

        Raises:
            BadText: A brace stands alone, or something other than a name stands between two.
        """
        self.names: dict[str, int] = {}
        self._pieces: list[str] = []  # literals, and an empty string where a value goes
        self._slots: list[tuple[int, str]] = []
        end, literal = 0, ""
        for token in _TOKEN.finditer(source):
            literal += source[end : token.start()]
            end = token.end()
            if name := token[1]:
                self.names.setdefault(name, source.count("\n", 0, token.start()))
                self._slots.append((len(self._pieces) + 1, name))
                self._pieces += (literal, "")
                literal = ""
            elif token[0] in ("{{", "}}"):
                literal += token[0][0]
            else:
                raise BadText(_explain(source, token.start()), source.count("\n", 0, token.start()))
        self._pieces.append(literal + source[end:])
        self._size = sum(map(len, self._pieces))

    def size(self, values: Mapping[str, str]) -> int:
        """How many characters :meth:`fill` would return."""
        return self._size + sum([len(values[name]) for _, name in self._slots])

    def fill(self, values: Mapping[str, str]) -> str:
        """The text with ``values`` in it, which has one for every name."""
        pieces = self._pieces.copy()
        for place, name in self._slots:
            pieces[place] = values[name]
        return "".join(pieces)


def _explain(source: str, start: int) -> str:
    line_end = source.find("\n", start)
    rest = source[start : line_end if line_end >= 0 else None]
    if rest[0] == "{" and 0 < (close := rest.find("}")) <= _SHOWN:
        return f"{rest[: close + 1]} is no placeholder: only a name stands between braces; a literal brace is doubled"
    return f"a single {rest[0]}: a placeholder is written {{name}}, and a literal brace is doubled"
