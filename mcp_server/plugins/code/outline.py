"""The symbols of a file, nested as they are written."""

from typing import TYPE_CHECKING, Final, NamedTuple

from mcp_server.plugins.code.budget import Budget
from mcp_server.plugins.code.comments import Comments
from mcp_server.plugins.code.language import FUNCTIONS, Definition, Enclosing
from mcp_server.plugins.code.parsing import Parsed, walk
from mcp_server.plugins.code.source import one_line
from mcp_server.plugins.code.values import Outline, Symbol

if TYPE_CHECKING:
    from tree_sitter import Node

MOST: Final = 5000
"""The most symbols of an outline."""

NESTED: Final = 16
"""The most levels of symbols; what is deeper stands beside what it is inside of."""

_SIGNATURE: Final = 200
_DOC: Final = 500
_LOOK: Final = 2000  # bytes of a signature that are looked at
_EVERY: Final = 1000  # nodes between two looks at the clock


class Defined:
    """A definition with its documentation and what is defined inside."""

    __slots__ = ("children", "doc", "found")

    def __init__(self, found: Definition, doc: str) -> None:
        self.found = found
        self.doc = doc
        self.children: list[Defined] = []


class Definitions:
    """The definitions of a file.

    Attributes:
        top: Those that are inside no other.
        count: How many there are in all.
        truncated: Whether there are more.
    """

    def __init__(self) -> None:
        self.top: list[Defined] = []
        self.count = 0
        self.truncated = False


class _Frame(NamedTuple):
    """What is around the nodes that follow, as long as they are deeper than ``depth``."""

    depth: int
    around: Enclosing
    children: list[Defined]  # where to put what is found
    level: int
    body: int  # the id of the body that has been named


def outline(parsed: Parsed, budget: Budget) -> Outline:
    """The symbols of a file.

    Raises:
        OutOfTime: It takes too long.
    """
    found = definitions(parsed, budget)
    return Outline(_symbols(found.top, parsed), found.truncated, parsed.root.has_error)


def definitions(parsed: Parsed, budget: Budget, most: int = MOST) -> Definitions:
    """What a file defines, nested.

    Raises:
        OutOfTime: It takes too long.
    """
    source, language, root = parsed
    comments = Comments(source)
    result = Definitions()
    frames = [_Frame(-1, Enclosing("", in_function=False), result.top, 0, 0)]
    parts: dict[int, tuple[Defined, int]] = {}

    def into(node: "Node") -> bool:
        return node.type in language.opened if language.opened else node.type not in language.closed

    for number, (node, depth) in enumerate(walk(root, into)):
        if number % _EVERY == 0:
            budget.check()
        kind = node.type
        if kind in language.comments:
            comments.saw(node)
            continue
        while frames[-1].depth >= depth:
            frames.pop()
        if node.id in parts:
            frames.append(_inside(frames[-1], depth, *parts.pop(node.id)))
        around = frames[-1]
        for found in language.define(node, around.around, source):
            body = found.body.id if found.body is not None else 0
            if body and body == around.body:  # `const a = function b() {}` is one function
                continue
            if result.count == most:
                result.truncated = True
                return result
            result.count += 1
            doc = language.doc(found, source) if language.doc else comments.before(found.whole.start_byte)
            defined = Defined(found, doc)
            around.children.append(defined)
            if found.whole.id != node.id:  # one of several: what is inside of it comes later
                parts[found.whole.id] = (defined, body)
            elif frames[-1] is around:  # what is inside `typedef struct {...} a, *b` belongs to the first
                frames.append(_inside(around, depth, defined, body))
        if kind in language.functions and frames[-1].depth < depth:  # one without a name
            frames.append(around._replace(depth=depth, around=around.around._replace(in_function=True)))
    return result


def _inside(around: _Frame, depth: int, defined: Defined, body: int) -> _Frame:
    kind = defined.found.kind
    enclosing = Enclosing(kind, around.around.in_function or kind in FUNCTIONS)
    if around.level + 1 < NESTED:
        return _Frame(depth, enclosing, defined.children, around.level + 1, body)
    return _Frame(depth, enclosing, around.children, around.level, body)


def _symbols(found: list[Defined], parsed: Parsed) -> tuple[Symbol, ...]:
    return tuple(_symbol(each, parsed) for each in found)  # at most NESTED levels


def _symbol(defined: Defined, parsed: Parsed) -> Symbol:
    found = defined.found
    return Symbol(
        found.kind,
        found.name,
        _signature(found, parsed),
        *parsed.source.position(found.whole.start_byte),
        *parsed.source.position(found.whole.end_byte),
        _cut(defined.doc),
        _symbols(defined.children, parsed),
    )


def _signature(found: Definition, parsed: Parsed) -> str:
    """The first words of a definition, up to its body or the end of its first line, on one line."""
    start, end = found.whole.start_byte, found.whole.end_byte
    if found.body is not None:
        end = _head(found.whole, found.body, parsed)
    elif (line_end := parsed.source.content.find(b"\n", start, end)) >= 0:
        end = line_end
    text = parsed.source.text(start, min(end, start + _LOOK)).rstrip()
    return one_line(text.removesuffix("=>").rstrip(": \t\n={;\\"), _SIGNATURE)


def _head(whole: "Node", body: "Node", parsed: Parsed) -> int:
    """Where the last word before the body ends, comments aside."""
    end = whole.start_byte
    for child in whole.children:
        if child.id == body.id:
            return end
        if child.type not in parsed.language.comments:
            end = child.end_byte
    return body.start_byte


def _cut(doc: str) -> str:
    return doc if len(doc) <= _DOC else doc[: _DOC - 3].rstrip() + "..."
