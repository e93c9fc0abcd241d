"""How large and how branched the functions of a file are."""

from typing import TYPE_CHECKING, Final

from mcp_server.plugins.code.budget import Budget
from mcp_server.plugins.code.language import Enclosing, Language
from mcp_server.plugins.code.parsing import Parsed, walk
from mcp_server.plugins.code.values import FunctionMetrics, Metrics

if TYPE_CHECKING:
    from tree_sitter import Node

MOST: Final = 1000
"""The most functions that are listed."""

NAMELESS: Final = "(anonymous)"
_EVERY: Final = 1000  # nodes between two looks at the clock


class _Function:
    """A function that is being read; ``depth`` is that of its node, ``nested`` where control structures stand."""

    __slots__ = ("complexity", "deepest", "depth", "line", "lines", "name", "nested")

    def __init__(self, name: str, line: int, lines: int, depth: int) -> None:
        self.name = name
        self.line = line
        self.lines = lines
        self.depth = depth
        self.complexity = 1
        self.deepest = 0
        self.nested: list[int] = []

    def metrics(self) -> FunctionMetrics:
        return FunctionMetrics(self.name, self.line, self.lines, self.complexity, self.deepest)


def metrics(parsed: Parsed, budget: Budget) -> Metrics:
    """The figures of a file.

    The complexity is McCabe's (A Complexity Measure, 1976): one more than the number of decisions. What stands in a
    function inside another counts for the inner one only.

    Raises:
        OutOfTime: It takes too long.
    """
    language, source = parsed.language, parsed.source
    file = _Function("", 1, source.lines, -1)
    functions: list[_Function] = []
    open_functions = [file]
    code, comment = bytearray(source.lines + 1), bytearray(source.lines + 1)
    kinds: list[str] = []  # of the nodes from the root to the one that is read
    named: dict[int, str] = {}  # the names of functions by the ids of their bodies

    def is_comment(node: "Node") -> bool:
        return node.type in language.comments or (language.is_doc is not None and language.is_doc(node))

    for number, (node, depth) in enumerate(walk(parsed.root, lambda node: not is_comment(node))):
        if number % _EVERY == 0:
            budget.check()
        kind = node.type
        del kinds[depth:]
        kinds.append(kind)
        while open_functions[-1].depth >= depth:
            open_functions.pop()
        if is_comment(node):
            _mark(comment, node, parsed)
            continue
        if not node.child_count:
            _mark(code, node, parsed)
            continue
        for found in language.define(node, _NOWHERE, source):
            if found.body is not None:
                named.setdefault(found.body.id, found.name)
        if kind in language.functions:
            first, last = source.row(node.start_byte), source.row(max(node.start_byte, node.end_byte - 1))
            function = _Function(_name(node, named), first + 1, last - first + 1, depth)
            functions.append(function)
            open_functions.append(function)
        else:
            _count(node, depth, kinds, open_functions[-1], language)
    return _metrics(parsed, file, functions, code, comment)


_NOWHERE: Final = Enclosing("", in_function=True)


def _count(node: "Node", depth: int, kinds: list[str], function: _Function, language: Language) -> None:
    kind = kinds[depth]
    if (tokens := language.decisions.get(kind)) is not None and (
        not tokens or any(child.type in tokens for child in node.children[:3])
    ):
        function.complexity += 1
    if kind in language.nesting:
        nested = function.nested
        while nested and nested[-1] >= depth:
            nested.pop()
        if (kinds[depth - 1], kind) not in language.flat:
            nested.append(depth)
            function.deepest = max(function.deepest, len(nested))


def _name(node: "Node", named: dict[int, str]) -> str:
    body = node.child_by_field_name("body")
    return named.get(body.id, NAMELESS) if body is not None else NAMELESS


def _mark(lines: bytearray, node: "Node", parsed: Parsed) -> None:
    start, end = node.start_byte, node.end_byte
    if start == end:
        return
    # A token that ends with its line's end, such as a directive, does not reach the next line.
    first, last = parsed.source.row(start), parsed.source.row(end - 1)
    lines[first : last + 1] = b"\1" * (last + 1 - first)


def _metrics(
    parsed: Parsed, file: _Function, functions: list[_Function], code: bytearray, comment: bytearray
) -> Metrics:
    total, content = parsed.source.lines, parsed.source.content
    starts = [*parsed.source.starts[:total], len(content)]
    blanks = comments = 0
    for row in range(total):
        if not content[starts[row] : starts[row + 1]].strip():
            blanks += 1
        elif comment[row] and not code[row]:
            comments += 1
    ranked = sorted(functions, key=lambda each: (-each.complexity, each.line))
    longest = max(functions, key=lambda each: each.lines, default=None)
    mean = sum(each.complexity for each in functions) / len(functions) if functions else 0.0
    return Metrics(
        lines=total,
        code=total - blanks - comments,
        comment=comments,
        blank=blanks,
        function_count=len(functions),
        functions=tuple(each.metrics() for each in ranked[:MOST]),
        longest=None if longest is None else longest.metrics(),
        complexity=file.complexity,
        mean_complexity=round(mean, 2),
    )
