"""Where the syntax of a file is wrong."""

from typing import TYPE_CHECKING, Final

from mcp_server.plugins.code.budget import Budget
from mcp_server.plugins.code.parsing import Parsed, walk
from mcp_server.plugins.code.source import Source, one_line
from mcp_server.plugins.code.values import SyntaxErrors, SyntaxProblem

if TYPE_CHECKING:
    from tree_sitter import Node

MOST: Final = 200
"""The most errors that are listed."""

_TEXT: Final = 80
_EVERY: Final = 1000  # nodes between two looks at the clock


def syntax_errors(parsed: Parsed, budget: Budget) -> SyntaxErrors:
    """The places where something is missing or unexpected, in the order of the source.

    The parser goes on after an error, so one mistake may show as several. It takes a little more than the language
    does: what is wrong with a program beyond its syntax is not found.

    Raises:
        OutOfTime: It takes too long.
    """
    found: list[SyntaxProblem] = []
    count = 0

    def into(node: "Node") -> bool:
        return node.has_error and not node.is_error

    for number, (node, _) in enumerate(walk(parsed.root, into)):
        if number % _EVERY == 0:
            budget.check()
        if node.is_error or node.is_missing:
            count += 1
            if count <= MOST:
                found.append(_problem(node, parsed.source))
    return SyntaxErrors(tuple(found), count)


def _problem(node: "Node", source: Source) -> SyntaxProblem:
    start, end = source.position(node.start_byte), source.position(node.end_byte)
    line = one_line(source.line(start[0]), _TEXT)
    if node.is_missing:
        what = node.type.replace("_", " ") if node.is_named else node.type
        message = f"{what!r} is missing at line {start[0]}, column {start[1]}: {line}"
        return SyntaxProblem("missing", what, message, *start, *end)
    what = one_line(source.text(node.start_byte, min(node.end_byte, node.start_byte + 4 * _TEXT)), _TEXT)
    message = f"{what!r} was not expected at line {start[0]}, column {start[1]}: {line}"
    return SyntaxProblem("unexpected", what, message, *start, *end)
