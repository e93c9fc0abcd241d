"""Which functions and classes of the corpus fit a name and its parameters, and how well."""

import re
from collections.abc import Iterator
from typing import Final

from mcp_server.protocol.advanced.template.corpus import Entry, Param, entries
from mcp_server.protocol.advanced.template.point import Head
from mcp_server.protocol.advanced.template.words import kind_of, words_in

_MATCH: Final = 8.0  # how much likelier an entry is for each word that it shares with the prompt
_BESIDE: Final = 0.02  # and how much less likely when its name says more than the prompt
_WEAK: Final = 0.5  # and what a word counts that many entries have
_UNFIT: Final = 0.05  # what is less likely than this fits no better than something plain
_SAY_LITTLE: Final = frozenset(
    re.findall(r"\w+", "list lists array number numbers string text value values item items file files data name line")
)


def fitting(language: str, head: Head, about: frozenset[str]) -> Iterator[tuple[Entry, float]]:
    """Functions that can stand for one with this head."""
    named_words = words_in(head.name) or words_in(head.name, frozenset())
    for entry, weight in ranked(language, named_words, about, is_class=False):
        calls_itself = re.search(rf"\b{entry.name}\(", entry.body) is not None
        if len(entry.params) > len(head.params) or (head.is_method and calls_itself):
            continue
        if language == "c" and not _fits_in_c(entry, head):
            continue
        unused = len(head.params) - len(entry.params)
        alike = [_alike(*pair) for pair in zip(entry.params, head.params, strict=False)]
        fit = weight * 0.5**unused * 0.1 ** alike.count(False)
        if unused <= 1 and fit >= _UNFIT:
            yield entry, fit


def ranked(
    language: str, words: frozenset[str], about: frozenset[str], is_class: bool | None, *, any_class: bool = False
) -> Iterator[tuple[Entry, float]]:
    """Entries by the words that they share; when there are such entries, the others are left out.

    When there are none, those remain that are generic, and with ``any_class`` the classes.
    """
    shares = []
    for entry in entries(language):
        if is_class in (None, entry.is_class):
            own = words_in(entry.name)
            shared = _count(entry.words & words) + 0.5 * _count(entry.words & about) + _count(own & (words | about))
            shares.append((entry, shared, 1.0 if own <= words | about else _BESIDE))
    known = any(shared >= 1 for entry, shared, _ in shares if not entry.generic)
    for entry, shared, beside in shares:
        if shared >= 1 or (not known and (entry.generic or any_class)):
            yield entry, _MATCH**shared * beside * (0.3 if entry.generic and known else 1.0)


def _count(words: frozenset[str]) -> float:
    return sum(_WEAK if word in _SAY_LITTLE else 1.0 for word in words)


def _alike(own: Param, other: Param) -> bool:
    return kind_of(own.name) == kind_of(other.name) or not kind_of(other.name) or not kind_of(own.name)


def _fits_in_c(entry: Entry, head: Head) -> bool:
    returns = head.returns.replace("static", "").replace("inline", "").strip()
    if (returns == "void") != (entry.returns == "void") or c_kind(returns) != c_kind(entry.returns):
        return False
    return all(c_kind(own.type) == c_kind(other.type) for own, other in zip(entry.params, head.params, strict=False))


def c_kind(type_: str) -> str:
    """What a type of C is as far as a body minds: ``number``, ``char*``, ``struct*`` and the like."""
    pointers = type_.count("*")
    base = "char" if "char" in type_ else "struct" if "struct" in type_ else "number"
    return f"{base}{'*' * pointers}" if pointers or base == "struct" else "number"
