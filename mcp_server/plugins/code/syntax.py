"""Where the syntax of a file is wrong."""

from itertools import islice
from typing import TYPE_CHECKING, Final, Literal, NamedTuple

from mcp_server.plugins.code.budget import Budget
from mcp_server.plugins.code.parsing import Parsed, walk
from mcp_server.plugins.code.source import one_line
from mcp_server.plugins.code.values import SyntaxErrors, SyntaxProblem

if TYPE_CHECKING:
    from tree_sitter import Node

MOST: Final = 200
"""The most errors that are listed."""

_TEXT: Final = 80
_EXPECTED: Final = 8  # more tokens than that say nothing
_LEAVES: Final = 200  # of a stretch of text that could not be parsed
_EVERY: Final = 1000  # nodes between two looks at the clock
_PAIRS: Final = {"(": ")", "[": "]", "{": "}"}
_STRING_END: Final = "string_end"
_UNKNOWN: Final = frozenset({0, 0xFFFF})  # the states of the parser while it is lost, and of what it made up


class _Fault(NamedTuple):
    """Where the parser was lost: between two bytes, with the tokens that could have stood there."""

    start: int
    end: int
    expected: tuple[str, ...]


def syntax_errors(parsed: Parsed, budget: Budget) -> SyntaxErrors:
    """The places where something is missing or unexpected, in the order of the source.

    The parser goes on after an error, so one mistake may show as several. It takes a little more than the language
    does: what is wrong with a program beyond its syntax is not found.

    Raises:
        OutOfTime: It takes too long.
    """
    reader = _Reader(parsed)
    found: list[SyntaxProblem] = []
    count = 0

    def into(node: "Node") -> bool:
        return node.has_error and not node.is_error

    damaged = parsed.root
    for number, (node, _) in enumerate(walk(parsed.root, into)):
        if number % _EVERY == 0:
            budget.check()
        damaged = node if node.has_error else damaged
        if node.is_error or node.is_missing:
            count += 1
            if count <= MOST:
                found.append(reader.problem(node))
    if parsed.root.has_error and not count:  # what is missing does not show in the tree, such as the end of a line
        found, count = [reader.gap(damaged.end_byte)], 1
    return SyntaxErrors(tuple(found), count)


class _Reader:
    """Finds out what the parser could not read, from the states that it noted with each token."""

    def __init__(self, parsed: Parsed) -> None:
        self._source = parsed.source
        self._grammar = parsed.language.grammar
        self._acceptable: dict[int, frozenset[str]] = {}

    def problem(self, node: "Node") -> SyntaxProblem:
        """What is wrong at a node that is missing, or holds what could not be parsed."""
        if node.is_missing:
            return self._missing(_Fault(node.start_byte, node.end_byte, (node.type,)))
        fault = self._fault(node)
        if fault.start == fault.end:
            return self._missing(fault)
        what = one_line(self._source.text(fault.start, min(fault.end, fault.start + 4 * _TEXT)), _TEXT)
        return self._told("unexpected", what, fault, f"{what!r} was not expected")

    def gap(self, offset: int) -> SyntaxProblem:
        """Something is missing, and nobody can say what."""
        return self._missing(_Fault(offset, offset, ()))

    def _missing(self, fault: _Fault) -> SyntaxProblem:
        what = " or ".join(fault.expected) or "something"
        return self._told("missing", what, fault, f"{what} is missing")

    def _told(self, kind: Literal["missing", "unexpected"], what: str, fault: _Fault, message: str) -> SyntaxProblem:
        start, end = self._source.position(fault.start), self._source.position(fault.end)
        line = self._source.around(fault.start, _TEXT)
        return SyntaxProblem(
            kind, what, fault.expected, f"{message} at line {start[0]}, column {start[1]}: {line}", *start, *end
        )

    def _fault(self, error: "Node") -> _Fault:
        """The first token of a stretch that does not fit what is before it; the gap after the last when all fit."""
        before: Node | None = None
        closing: list[str] = []
        leaves = (node for node, _ in walk(error, lambda node: node.child_count > 0) if not node.child_count)
        for leaf in islice(leaves, _LEAVES):
            if leaf.start_byte == leaf.end_byte:
                continue
            lost = leaf.parse_state in _UNKNOWN
            state = (before.next_parse_state if before is not None else 0) if lost else leaf.parse_state
            if lost or leaf.type not in self._tokens(state):
                fault = _Fault(leaf.start_byte, leaf.end_byte, self._expected(state, closing))
                return self._gap(before, fault)
            if leaf.type in _PAIRS:
                closing.append(_PAIRS[leaf.type])
            elif closing and leaf.type == closing[-1]:
                closing.pop()
            before = leaf
        if before is None:
            return _Fault(error.start_byte, error.end_byte, ())
        return _Fault(before.end_byte, before.end_byte, self._expected(before.next_parse_state, closing))

    def _gap(self, before: "Node | None", fault: _Fault) -> _Fault:
        """When a token is the first of its line and something else was expected, that is missing on the line before."""
        if before is None or not fault.expected or self._source.row(before.end_byte) == self._source.row(fault.start):
            return fault
        return _Fault(before.end_byte, before.end_byte, fault.expected)

    def _tokens(self, state: int) -> frozenset[str]:
        """The names of all that the parser can take in a state."""
        if state not in self._acceptable:
            after = None if state in _UNKNOWN else self._grammar.lookahead_iterator(state)
            self._acceptable[state] = frozenset(after.names()) if after is not None else frozenset()
        return self._acceptable[state]

    def _expected(self, state: int, closing: list[str]) -> tuple[str, ...]:
        """The words and marks that it can take, when they are few; else the one that closes the last open bracket."""
        tokens = self._tokens(state)
        if _STRING_END in tokens:
            return ("the end of the string",)
        words = sorted(name for name in tokens if self._is_word(name))
        return tuple(words) if len(words) <= _EXPECTED else tuple(word for word in closing[-1:] if word in tokens)

    def _is_word(self, name: str) -> bool:
        return name == "identifier" or self._grammar.id_for_node_kind(name, False) is not None
