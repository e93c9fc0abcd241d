"""What a docstring says about a function and its parameters, in Google, NumPy or reST style."""

import inspect
import re
from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Any, Final

from msgspec import Struct

_PARAMETERS: Final = frozenset({"args", "arguments", "parameters", "params", "other parameters", "keyword args"})
_OTHERS: Final = frozenset(
    {"returns", "return", "yields", "yield", "raises", "receives", "warns", "warnings", "warning", "example"}
    | {"examples", "note", "notes", "attributes", "see also", "references", "todo"}
)
_UNDERLINE: Final = re.compile(r"-{3,}$")
_GOOGLE: Final = re.compile(r"\*{0,2}(\w+)(?: ?\(.*?\))?:(?: (.*))?$")
_NUMPY: Final = re.compile(r"\*{0,2}(\w+)((?:, \w+)*)(?: ?:.*)?$")
_FIELD: Final = re.compile(r":(\w+)(?: ([^:]*))?:(?: (.*))?$")
_PARAMETER_FIELDS: Final = frozenset({"param", "parameter", "arg", "argument", "key", "keyword"})

Said = Iterator[tuple[str, str]]


class Doc(Struct, frozen=True):
    """A docstring taken apart.

    Attributes:
        text: What stands before the first section.
        parameters: Descriptions by parameter.
    """

    text: str
    parameters: dict[str, str]


def read_doc(function: Callable[..., Any]) -> Doc:
    """Take apart the docstring of ``function``; both parts are empty when it has none."""
    lines = (inspect.getdoc(function) or "").splitlines()
    starts = [number for number in range(len(lines)) if _starts_section(lines, number)]
    text = lines[: starts[0]] if starts else lines
    words: dict[str, list[str]] = {}
    for start, end in pairwise([*starts, len(lines)]):
        for name, part in _section(lines[start:end]):
            words.setdefault(name, []).append(part)
    said = {name: " ".join(filter(None, parts)) for name, parts in words.items()}
    return Doc("\n".join(text).strip(), {name: description for name, description in said.items() if description})


def _starts_section(lines: list[str], number: int) -> bool:
    line = lines[number]
    if _FIELD.match(line):
        return True
    name = line.rstrip().removesuffix(":").lower()
    if name not in _PARAMETERS and name not in _OTHERS:
        return False
    return line.rstrip().endswith(":") or (
        number + 1 < len(lines) and bool(_UNDERLINE.match(lines[number + 1].strip()))
    )


def _section(lines: list[str]) -> Said:
    """Pairs of a parameter's name and a part of what is said about it."""
    head, *body = lines
    if field := _FIELD.match(head):
        if field[1] in _PARAMETER_FIELDS and field[2]:
            name = field[2].split()[-1]  # ":param int a:" has the type before the name
            yield name, (field[3] or "").strip()
            for line in body:
                yield name, line.strip()
    elif head.rstrip().removesuffix(":").lower() in _PARAMETERS:
        underlined = bool(body) and _UNDERLINE.match(body[0].strip())
        yield from _entries(body[1:], _NUMPY) if underlined else _entries(body, _GOOGLE)


def _entries(lines: list[str], entry: re.Pattern[str]) -> Said:
    """Entries start at the first line's indentation; what is indented further belongs to the entry above."""
    lines = [line for line in lines if line.strip()]
    margin = _indent(lines[0]) if lines else 0
    names: list[str] = []
    for line in lines:
        if _indent(line) > margin:
            for name in names:
                yield name, line.strip()
        elif found := entry.match(line.strip()):
            if entry is _GOOGLE:
                names = [found[1]]
                yield found[1], found[2] or ""
            else:
                names = [found[1], *found[2].split(", ")[1:]]
        else:
            names = []


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip())
