"""What a name or a sentence is about."""

import re
from collections.abc import Iterable
from typing import Final

_COMMON: Final = frozenset(
    re.findall(
        r"\w+",
        """a an and are as at be by can class code do for from function generate give given has how i if in into is it
        its me method module of on or our please program return returns script should show simple small some
        that the then this to us use using want we what which will with write you create implement make
        build python javascript js c node def const let var async public static void int char long double
        float self""",
    )
)
_WORD: Final = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")
_KINDS: Final = {
    "items": "items values numbers list array arr elements data rows results records entries lines nums xs seq",
    "text": "text string str s name line message word title content prefix email phrase",
    "path": "path file filename folder directory dir",
    "id": "id uid uuid",
    "url": "url uri address link endpoint",
    "number": "n x y a b count size number num index i value amount width height low high limit celsius exponent base",
    "function": "function callback predicate fn func f key",
}
_KIND_OF: Final = {name: kind for kind, names in _KINDS.items() for name in names.split()}


def words_in(text: str, common: frozenset[str] = _COMMON) -> frozenset[str]:
    """The words of names and sentences, small, in the singular and in the plural, without those that say little."""
    words = {word.lower() for word in _WORD.findall(text)} - common
    return frozenset(words | {word[:-1] for word in words if len(word) > 3 and word.endswith("s")})


def kind_of(name: str) -> str:
    """What a parameter of this name is likely to be: ``items``, ``text``, ``number``, ``function``; else empty."""
    name = name.lower().strip("_")
    if kind := _KIND_OF.get(name) or _KIND_OF.get(name.rpartition("_")[2]):
        return kind
    return "items" if name.endswith("s") and len(name) > 3 else ""


def named(text: str) -> str:
    """The name that a sentence gives: ``a class called Foo``; empty when it gives none."""
    match = re.search(r"\b(?:called|named)\s+[`\"']?([A-Za-z_]\w*)", text)
    return match[1] if match else ""


def replaced(text: str, names: Iterable[tuple[str, str]]) -> str:
    """``text`` with identifiers replaced, all at once; members (``x.name``) and keywords (``name=1``) stay."""
    new = dict(names)
    if not new:
        return text
    pattern = re.compile(
        r"(?<!\w)(?:(?<!\.)|(?<=\.\.\.))(?:" + "|".join(map(re.escape, sorted(new))) + r")(?!\w|=[^=])"
    )
    return pattern.sub(lambda match: new[match[0]], text)
