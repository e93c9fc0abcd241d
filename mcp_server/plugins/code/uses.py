"""The names of a file, each where it stands."""

from typing import TYPE_CHECKING, Final

from mcp_server.plugins.code.budget import Budget
from mcp_server.plugins.code.parsing import Parsed
from mcp_server.plugins.code.scopes import Book, Scope

if TYPE_CHECKING:
    from tree_sitter import Node

_EVERY: Final = 1000  # nodes between two looks at the clock


def read_names(parsed: Parsed, budget: Budget, wanted: str | None = None) -> Book:
    """The names of a file: all, or only those that are written like ``wanted``.

    Raises:
        OutOfTime: It takes too long.
    """
    rules, identifiers = parsed.language.rules, parsed.language.identifiers
    book = Book(parsed.source.content, wanted)
    waiting: list[tuple[Node, Scope]] = [(parsed.root, book.file)]
    steps = 0
    while waiting:
        steps += 1
        if steps % _EVERY == 0:
            budget.check()
        node, around = waiting.pop()
        scope = book.take_place(node, around)
        if scope is None:
            continue
        kind = node.type
        if kind in identifiers:
            book.meet(node, scope)
        elif node.child_count:
            rule = rules.get(kind)
            inner = scope if rule is None else rule(node, scope, book)
            waiting.extend((child, inner) for child in reversed(node.children))
    return book
