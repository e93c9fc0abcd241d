"""Where a piece of JavaScript or C stops."""

import re
from collections.abc import Iterator
from itertools import islice, product
from typing import Final

from mcp_server.protocol.advanced.template.corpus import params_of
from mcp_server.protocol.advanced.template.parsing import parses
from mcp_server.protocol.advanced.template.point import (
    UNIT,
    Head,
    Point,
    attempts,
    lead_to,
    point_weight,
    typed_indent,
    with_names,
)
from mcp_server.protocol.advanced.template.scan import Open, closers, indent_of, scan
from mcp_server.protocol.advanced.template.values import values

_MIDDLES: Final = {
    "javascript": ("", " null", " 1", "()", " const item of items", " example", " = null", ": null", " while (false)"),
    "c": ("", " 0", " 1", "()", " example", " main(void)", " <stdio.h>", "int i = 0; i < 10; i++"),
}
"""What an unfinished line may lack before its brackets are closed."""

_FUNCTION: Final = {
    "javascript": re.compile(
        r"(?:function\s*\*?\s*(?P<name>\w*)\s*\((?P<params>[^{]*)\)"
        r"|(?:(?P<bound>\w+)\s*=\s*)?(?:async\s*)?(?:\((?P<arrow>[^{}()]*)\)|(?P<one>\w+))\s*=>"
        r"|^[ \t]+(?:async\s+|static\s+|get\s+|set\s+)*(?!(?:if|for|while|switch|catch|with)\b)(?P<method>[\w#]+)\s*"
        r"\((?P<given>[^(){}]*)\))\s*\{$",
        re.MULTILINE,
    ),
    "c": re.compile(
        r"^(?P<returns>[A-Za-z_][\w \t*]*?[\s*])(?P<name>(?!(?:if|for|while|switch)\b)\w+)\s*"
        r"\((?P<params>[^(){}]*)\)\s*\{$",
        re.MULTILINE,
    ),
}
_CLASS: Final = {
    "javascript": re.compile(r"\bclass\s+(\w+)[^{}()]*\{$"),
    "c": re.compile(r"\bstruct\s*(\w*)\s*\{$"),
}
_ENDS: Final = {"javascript": ("", ";"), "c": ("", ";", " record;")}
"""What may follow the last bracket: in C a ``typedef`` needs a name."""

_ARROW: Final = re.compile(
    r"(?:(?P<bound>\w+)\s*=\s*)?(?:\basync\s+)?(?:\((?P<params>[^()]*)\)|(?P<one>\b\w+))\s*=>\s*\Z"
)
_MOST: Final = 2


def points(language: str, text: str) -> Iterator[Point]:
    """The likeliest ways to see the end of ``text``, so that what follows makes it whole; none when it is broken."""
    state = scan(language, text)
    if not state.brackets and not state.quote and typed_indent(text) is not None and parses(language, text):
        yield Point("", "top")
        return
    if arrow := _arrow(text):
        yield arrow
        return
    inner, outer = _split(state)
    found = 0
    for middle, end in islice(product(_middles(language, text, state), (";", "", " {")), attempts(text)):
        bridge = middle + closers(inner) + end
        if end == ";" and text.rstrip()[-1:] in ("{", "}", ";", "") and not bridge[:-1]:
            continue  # an empty statement is allowed there, and nobody writes one
        if end == " {" and (text + middle).rstrip().endswith("="):
            continue  # what follows would be a block to the reader, and an object to the parser
        for point in _seen(language, text, bridge, outer):
            found += 1
            yield point._replace(weight=point_weight(found))
        if found >= _MOST or (found and not bridge and text.rstrip().endswith("{")):
            return


def _arrow(text: str) -> Point | None:
    """The value of an arrow function that the text ends with, when the rest of the text is whole."""
    match = _ARROW.search(text)
    if match is None or not parses("javascript", f"{text} 0;"):
        return None
    head = Head(match["bound"] or "", params_of("javascript", match["params"] or match["one"] or ""))
    return Point("", "expression", "" if text[-1:].isspace() else " ", closing=";", head=head)


def _split(state: Open) -> tuple[tuple[tuple[str, int], ...], tuple[tuple[str, int], ...]]:
    """The brackets that the last line must close, and the blocks around it."""
    last = max((place for place, (bracket, _) in enumerate(state.brackets) if bracket == "{"), default=-1)
    return state.brackets[last + 1 :], state.brackets[: last + 1]


def _middles(language: str, text: str, state: Open) -> tuple[str, ...]:
    if state.quote == "`":
        return ("`", "}`", "1}`")
    if state.quote:
        return ((" " if state.quote == "*/" and not text[-1:].isspace() else "") + state.quote,)
    if state.in_comment:
        return ("\n" + indent_of(text, len(text)),)
    usual = with_names(text, _enclosing(language, text, state.brackets), _MIDDLES[language])
    return (*values(language, text), *usual)


def _seen(language: str, text: str, bridge: str, outer: tuple[tuple[str, int], ...]) -> Iterator[Point]:
    whole = text + bridge
    brackets = (*outer, ("{", len(whole) - 1)) if bridge.endswith("{") else outer
    closing = _closing(whole, brackets)
    for end in _ENDS[language] if brackets else ("",):
        stub = _stub(language, whole, brackets)
        if parses(language, whole + stub + closing + end):
            yield _point(language, whole, bridge, brackets)._replace(closing=closing + end)
            return


def _stub(language: str, whole: str, brackets: tuple[tuple[str, int], ...]) -> str:
    """The least that a block needs: a ``struct`` is not empty."""
    body = brackets and _CLASS[language].search(whole[: brackets[-1][1] + 1])
    return "\nint x;" if language == "c" and body and not whole[brackets[-1][1] + 1 :].strip() else ""


def _closing(whole: str, brackets: tuple[tuple[str, int], ...]) -> str:
    parts = []
    for bracket, place in reversed(brackets):
        parts.append("\n" + indent_of(whole, place) + "}" if bracket == "{" else closers(((bracket, place),)))
    return "".join(parts)


def _point(language: str, whole: str, bridge: str, brackets: tuple[tuple[str, int], ...]) -> Point:
    typed = typed_indent(whole)
    if not brackets:
        new = not whole.strip() or typed is not None
        return Point(bridge, "top" if new else "statement", "" if new else "\n")
    opened = brackets[-1][1]
    indent = indent_of(whole, opened) + UNIT[language]
    is_empty = not whole[opened + 1 :].strip()
    if typed is not None and (len(typed) > len(indent) or (typed and not is_empty)):
        indent = typed
    lead = lead_to(indent, typed if typed is None or indent.startswith(typed) else indent)
    head = _enclosing(language, whole, brackets)
    if not is_empty:
        return Point(bridge, "statement", lead, indent, head=head)
    if named := _CLASS[language].search(whole[: opened + 1]):
        return Point(bridge, "class", lead, indent, head=Head(named[1]))
    own = _function(language, whole, opened)
    return Point(bridge, "function" if own else "block", lead, indent, head=own or head)


def _enclosing(language: str, whole: str, brackets: tuple[tuple[str, int], ...]) -> Head | None:
    heads = (_function(language, whole, place) for bracket, place in reversed(brackets) if bracket == "{")
    return next((head for head in heads if head is not None), None)


def _function(language: str, whole: str, opened: int) -> Head | None:
    """The function whose body is opened at ``opened``."""
    begin = max(whole.rfind(sign, 0, opened) for sign in ";}{") + 1
    match = _FUNCTION[language].search(whole[begin : opened + 1])
    if match is None:
        return None
    if language == "c":
        return Head(match["name"], params_of("c", match["params"]), returns=" ".join(match["returns"].split()))
    given = next((match[group] for group in ("params", "arrow", "one", "given") if match[group] is not None), "")
    name = match["name"] or match["bound"] or match["method"] or ""
    return Head(name, params_of("javascript", given), is_method=match["method"] is not None)
