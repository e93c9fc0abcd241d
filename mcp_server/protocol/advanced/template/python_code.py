"""Where a piece of Python stops."""

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

_MIDDLES: Final = (
    *("", " None", " 1", "()", ": None", " in range(10)", " True", " as value", " else None", " import *", " json"),
    *(" = None", " main()", " Example"),
)
"""What an unfinished line may lack before its brackets are closed."""

_FUNCTION: Final = re.compile(r"^([ \t]*)(?:async +)?def +(\w+) *\((.*?)\)[^\n]*?:", re.MULTILINE | re.DOTALL)
_CLASS: Final = re.compile(r"^([ \t]*)class +(\w+)[^\n]*:", re.MULTILINE)
_DOCUMENTED: Final = re.compile(r'\s*[rR]?(?:"""|\'\'\').*(?:"""|\'\'\')\s*', re.DOTALL)
_DEEP: Final = " " * 60
_MOST: Final = 2


def points(text: str) -> Iterator[Point]:
    """The likeliest ways to see the end of ``text``, so that what follows makes it whole; none when it is broken."""
    typed = typed_indent(text)
    state = scan("python", text)
    if typed == "" and not state.brackets and not state.quote and parses("python", text):
        documented = _after_docstring(text, "", typed)
        yield documented or Point("", "top")
        return
    found = 0
    for middle, colon in islice(product(_middles(text, state), ("", ":")), attempts(text)):
        bridge = middle + closers(state.brackets) + colon
        if typed is not None and bridge and not (state.brackets or state.quote):
            return  # the line was ended, so it is whole or it never will be
        for point in _seen(text, bridge, typed if not bridge else None):
            found += 1
            yield point._replace(weight=point_weight(found))
        if found >= _MOST or (found and not bridge and text.rstrip().endswith(":")):
            return


def _middles(text: str, state: Open) -> tuple[str, ...]:
    if state.quote:
        is_empty_docstring = len(state.quote) == 3 and not text[state.since :].strip()
        return (("Return the result." if is_empty_docstring else "") + state.quote,)
    return (*values("python", text), *with_names(text, _enclosing(text), _MIDDLES))


def _seen(text: str, bridge: str, typed: str | None) -> Iterator[Point]:
    whole = text + bridge
    base = indent_of(whole, len(whole.rstrip()))
    if parses("python", whole + "\n"):
        yield from _after_statement(whole, bridge, typed, base)
        return
    for closing in ("", f"\n{base}except Exception:\n{base}{UNIT['python']}raise"):
        if whole.rstrip().endswith(":") and parses("python", f"{whole.rstrip()}\n{base}{_DEEP}pass{closing}"):
            indent = typed if typed is not None and len(typed) > len(base) else base + UNIT["python"]
            yield _block(whole, bridge, indent, closing)._replace(lead=_lead(indent, typed))
            return
    is_decorator = whole.rstrip().rpartition("\n")[2].strip().startswith("@")
    if is_decorator and parses("python", f"{whole.rstrip()}\n{base}def main():\n{base}    pass"):
        yield Point(bridge, "top", _lead(base, typed), base)


def _lead(indent: str, typed: str | None) -> str:
    return lead_to(indent, typed if typed is None or indent.startswith(typed) else indent)


def _after_statement(whole: str, bridge: str, typed: str | None, base: str) -> Iterator[Point]:
    head = _enclosing(whole)
    if documented := _after_docstring(whole, bridge, typed):
        yield documented
    elif scan("python", whole).in_comment or not whole.strip():
        yield Point(bridge, "top" if not base else "statement", _lead(base, typed), base, head=head if base else None)
    else:
        indent = base if typed is None else typed
        inside = head if indent else None
        yield Point(bridge, "statement", _lead(indent, typed), indent, head=inside)


def _after_docstring(whole: str, bridge: str, typed: str | None) -> Point | None:
    """The rest of a function or class that has nothing but a docstring yet."""
    indent = indent_of(whole, len(whole.rstrip()))
    head, named = _enclosing(whole), _last(_CLASS, whole)
    if head is not None and _DOCUMENTED.fullmatch(whole, _last_head(whole)):
        return Point(bridge, "function", _lead(indent, typed), indent, head=head, is_documented=True)
    if named is not None and _DOCUMENTED.fullmatch(whole, named.end()):
        return Point(bridge, "class", _lead(indent, typed), indent, head=Head(named[2]), is_documented=True)
    return None


def _block(whole: str, bridge: str, indent: str, closing: str) -> Point:
    """The body of whatever the last line begins."""
    end = len(whole.rstrip())
    for expected, pattern in (("function", _FUNCTION), ("class", _CLASS)):
        last = _last(pattern, whole)
        if last is not None and last.end() == end:
            head = _head(last) if expected == "function" else Head(last[2])
            return Point(bridge, "function" if expected == "function" else "class", "", indent, closing, head)
    return Point(bridge, "block", "", indent, closing, _enclosing(whole))


def _enclosing(text: str) -> Head | None:
    """The function that the end of ``text`` stands in, if any."""
    match = _last(_FUNCTION, text)
    if match is None:
        return None
    after = text[match.end() :].splitlines()[1:]
    left = any(
        line.strip() and not line.startswith((match[1] + " ", match[1] + "\t", match[1] + ")")) for line in after
    )
    return None if left else _head(match)


def _head(match: re.Match[str]) -> Head:
    is_method = bool(match[1]) and bool(re.match(r"\s*(self|cls)\b", match[3]))
    return Head(match[2], params_of("python", match[3]), is_method)


def _last(pattern: re.Pattern[str], text: str) -> re.Match[str] | None:
    return max(pattern.finditer(text), key=lambda match: match.start(), default=None)


def _last_head(text: str) -> int:
    match = _last(_FUNCTION, text)
    return match.end() if match else len(text)
