"""From source text to a syntax tree, within bounds; and walks over trees that never recurse."""

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Final, NamedTuple

from mcp_server.features.results import ToolError
from mcp_server.plugins.code.budget import Budget
from mcp_server.plugins.code.language import Language
from mcp_server.plugins.code.source import Source

if TYPE_CHECKING:
    from tree_sitter import Node

DEPTH: Final = 2000
"""The most levels of a tree. Of some 6,000 files of public code one has more, and the next has 808."""

EFFORT: Final = 20_000
"""The most times that the parser may report on its progress, which it does every hundred steps.

It bounds the memory: 25 KiB for each report at worst, 500 MiB in all. Code as people write it makes 9 reports for each
KiB; 20 when it is minified.
"""


class Parsed(NamedTuple):
    """A file and its tree."""

    source: Source
    language: Language
    root: "Node"


def parse(source: Source, language: Language, budget: Budget, *, effort: int = EFFORT) -> Parsed:
    """The syntax tree of ``source``. Text that is wrong has one too, with nodes that say so.

    The parser stops for its reports, so other threads run meanwhile; making ends meet in a file that leaves ten
    thousands of brackets open is one step of up to two seconds.

    Raises:
        ToolError: It takes too long, is too much, or too deep.
    """
    from tree_sitter import Parser

    # In C a directive ends with its line: without one the last line would be wrong.
    content = source.content if source.content.endswith(b"\n") else source.content + b"\n"
    reports = 0

    def report(_offset: int, _has_error: bool) -> bool:
        nonlocal reports
        reports += 1
        return reports > effort or budget.spent()

    # The library keeps a reference to each piece for ever (0.26). A view that is released holds on to nothing.
    whole = memoryview(content)
    pieces = [whole]

    def piece(offset: int, _point: object) -> memoryview:
        pieces.append(whole[offset:])
        return pieces[-1]

    try:
        tree = Parser(language.grammar).parse(piece, progress_callback=report)
    except ValueError as error:
        budget.check()
        raise ToolError(f"{source.path or 'the code'} has too much syntax for one file; cut it up") from error
    finally:
        for view in pieces:
            view.release()
    root = tree.root_node
    if too_deep(root, DEPTH):
        raise ToolError(f"{source.path or 'the code'} is nested more than {DEPTH} levels deep")
    return Parsed(source, language, root)


def walk(root: "Node", into: Callable[["Node"], bool]) -> Iterator[tuple["Node", int]]:
    """The nodes from ``root`` on in the order of the source, each with its depth below ``root``.

    Of nodes for which ``into`` is false, nothing inside is shown.
    """
    cursor = root.walk()
    depth = 0
    while True:
        node = cursor.node
        if node is None:
            return
        yield node, depth
        if into(node) and cursor.goto_first_child():
            depth += 1
            continue
        while not cursor.goto_next_sibling():
            if not cursor.goto_parent():
                return
            depth -= 1


def too_deep(root: "Node", most: int) -> bool:
    """Whether a tree has more than ``most`` levels.

    A node with fewer descendants than there are levels left cannot be too deep, so most nodes are never looked into.
    """
    levels = 0

    def into(node: "Node") -> bool:
        return node.descendant_count > most - levels

    for _, depth in walk(root, into):
        levels = depth
        if depth >= most:
            return True
    return False
