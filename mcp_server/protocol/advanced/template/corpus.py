"""The text that the ``template`` model knows: functions and classes of three languages, and prose."""

import re
from functools import cache
from importlib.resources import files
from typing import Final, NamedTuple

MARKS: Final = {"python": "#: ", "javascript": "//: ", "c": "//: "}
"""What begins the line above each function or class: then come the words by which it is found."""

_HEADS: Final = {
    "python": re.compile(r"(?P<kind>def|class) (?P<name>\w+)(?:\((?P<params>.*)\))?:\n"),
    "javascript": re.compile(r"(?P<kind>function|class) (?P<name>\w+)(?:\((?P<params>.*)\))? \{\n"),
    "c": re.compile(r"(?:(?P<kind>struct) )?(?P<returns>[\w *]*?)(?P<name>\w+)(?:\((?P<params>.*)\))? \{\n"),
}
_DOCSTRING: Final = re.compile(r' *"""(.*?)"""\n+', re.DOTALL)


class Param(NamedTuple):
    """A parameter: its name, and in C its type (``const char *``)."""

    name: str
    type: str = ""


class Entry(NamedTuple):
    """A function or class.

    Attributes:
        words: What it is about.
        generic: Whether it fits where nothing better is known.
        is_class: A class or a ``struct``.
        returns: In C, what a function returns.
        body: Its lines, without the braces around them and without ``doc``.
        doc: The docstring; empty when there is none.
        text: All of it.
    """

    words: frozenset[str]
    generic: bool
    is_class: bool
    name: str
    params: tuple[Param, ...]
    returns: str
    body: str
    doc: str
    text: str


@cache
def entries(language: str) -> tuple[Entry, ...]:
    """The functions and classes of a language."""
    mark = MARKS[language]
    parts = _read(language).split("\n" + mark)
    return tuple(_entry(language, part.removeprefix(mark).rstrip("\n")) for part in parts)


class Paragraph(NamedTuple):
    """Some sentences of prose, and words by which they are found besides their own."""

    text: str
    words: str


@cache
def paragraphs() -> tuple[Paragraph, ...]:
    """The prose."""
    return tuple(_paragraph(each.strip()) for each in _read("prose").split("\n\n"))


def _paragraph(part: str) -> Paragraph:
    first, _, rest = part.partition("\n")
    return Paragraph(rest, first[3:]) if first.startswith("#: ") else Paragraph(part, "")


def params_of(language: str, text: str) -> tuple[Param, ...]:
    """The parameters of a function's head, as far as they have plain names; ``self`` is none."""
    if language == "c":
        text = re.sub(r"(\w+)\s*\[[^\]]*\]", r"*\1", text)  # an array that is given is a pointer
    parts = [part.strip() for part in re.sub(r"[\[{(][^\[\](){}]*[\]})]", "", text).split(",")]
    if language == "c":
        found = [re.match(r"(.*?[\s*])(\w+)$", part) for part in parts]
        return tuple(Param(each[2], each[1].strip()) for each in found if each)
    names = [re.match(r"([A-Za-z_$][\w$]*)", part) for part in parts]
    return tuple(Param(each[1]) for each in names if each and each[1] not in ("self", "cls"))


def _read(name: str) -> str:
    return (files(__package__) / "texts" / f"{name}.txt").read_text(encoding="utf-8")


def _entry(language: str, part: str) -> Entry:
    first, _, text = part.partition("\n")
    head = _HEADS[language].match(text)
    if head is None:
        raise ValueError(f"the corpus of {language} has an entry without a head: {first}")
    words = first.split()
    body = text[head.end() :]
    if language != "python":
        body = body[: body.rindex("\n}")]
    doc = _DOCSTRING.match(body) if language == "python" else None
    return Entry(
        frozenset(words) - {"*"},
        "*" in words,
        head["kind"] == "class" or (head["kind"] == "struct" and head["params"] is None),
        head["name"],
        params_of(language, head["params"] or ""),
        text[: head.start("name")].strip() if language == "c" else "",
        body[doc.end() if doc else 0 :],
        doc[1] if doc else "",
        text,
    )
