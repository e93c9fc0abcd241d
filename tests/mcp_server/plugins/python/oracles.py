"""What Python itself says about Python code, to compare with."""

import ast
import symtable
import sys
import unicodedata
from collections.abc import Iterator
from typing import NamedTuple

import pytest

from mcp_server.plugins.code.budget import Budget
from mcp_server.plugins.code.language import FUNCTIONS
from mcp_server.plugins.code.metrics import metrics
from mcp_server.plugins.code.outline import outline
from mcp_server.plugins.code.parsing import Parsed, walk
from mcp_server.plugins.code.scopes import CLASS, FUNCTION, Scope
from mcp_server.plugins.code.uses import read_names
from mcp_server.plugins.code.values import FunctionMetrics, Symbol

Function = ast.FunctionDef | ast.AsyncFunctionDef


class Named(NamedTuple):
    """A definition, as both sides tell it."""

    kind: str
    name: str
    line: int


def named_by_ast(tree: ast.Module) -> dict[Named, int]:
    """Functions and classes as :mod:`ast` finds them, each with its last line."""
    return {
        Named("class" if isinstance(node, ast.ClassDef) else "function", node.name, node.lineno): node.end_lineno or 0
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
    }


def named_by_us(parsed: Parsed, budget: Budget) -> dict[Named, int]:
    """Functions and classes of our outline, each with its last line; identifiers in the form that Python compares."""
    found: dict[Named, int] = {}
    waiting: list[Symbol] = list(outline(parsed, budget).symbols)
    while waiting:
        symbol = waiting.pop()
        waiting.extend(symbol.children)
        if symbol.kind in (*FUNCTIONS, "class"):
            kind = "class" if symbol.kind == "class" else "function"
            found[Named(kind, unicodedata.normalize("NFKC", symbol.name), symbol.line)] = symbol.end_line
    return found


def complexity_by_ast(tree: ast.Module) -> set[tuple[str, int, int]]:
    """Name, line and cyclomatic complexity of each function, by recursion over the syntax tree of :mod:`ast`."""
    found: set[tuple[str, int, int]] = set()
    for node in ast.walk(tree):
        if isinstance(node, Function):
            body = sum(_decisions(child) for child in node.body)
            found.add((node.name, node.lineno, 1 + body + sum(_decisions(child) for child in _head(node))))
    return found


def _head(node: Function) -> Iterator[ast.AST]:
    yield node.args
    yield from getattr(node, "type_params", ())  # from Python 3.12 on
    if node.returns is not None:
        yield node.returns


def _decisions(node: ast.AST) -> int:
    if isinstance(node, Function):
        # Its decorators are read by what is around it; the rest counts for itself.
        return sum(_decisions(each) for each in node.decorator_list)
    own = 0
    if isinstance(node, ast.If | ast.For | ast.AsyncFor | ast.While | ast.IfExp | ast.ExceptHandler):
        own = 1
    elif isinstance(node, ast.BoolOp):
        own = len(node.values) - 1
    elif isinstance(node, ast.comprehension):
        own = 1 + len(node.ifs)
    elif isinstance(node, ast.match_case):
        own = 1 + (node.guard is not None)
    return own + sum(_decisions(child) for child in ast.iter_child_nodes(node))


def complexity_by_us(parsed: Parsed, budget: Budget) -> set[tuple[str, int, int]]:
    found: tuple[FunctionMetrics, ...] = metrics(parsed, budget).functions
    return {(unicodedata.normalize("NFKC", each.name), each.line, each.complexity) for each in found}


has_tables = pytest.mark.skipif(
    sys.version_info >= (3, 12), reason="the compiler's tables mix comprehensions into functions there (PEP 709)"
)
"""For what is compared with :func:`locals_by_symtable`; what is found does not depend on the Python that runs it."""


def locals_by_symtable(code: str) -> set[tuple[str, frozenset[str]]]:
    """For each function and class, the names that it binds, as the compiler's own tables say."""
    found: set[tuple[str, frozenset[str]]] = set()
    waiting = [symtable.symtable(code, "code", "exec")]
    while waiting:
        table = waiting.pop()
        waiting.extend(table.get_children())
        if table.get_type() in ("function", "class") and table.get_name() not in _COMPREHENSIONS:
            bound = (symbol.get_name() for symbol in table.get_symbols() if symbol.is_local() and _binds(symbol))
            found.add((table.get_name(), _told(bound)))
    return found


_COMPREHENSIONS = ("listcomp", "setcomp", "dictcomp", "genexpr", "lambda")


def _binds(symbol: symtable.Symbol) -> bool:
    return symbol.is_parameter() or symbol.is_assigned() or symbol.is_imported() or symbol.is_namespace()


def _told(names: Iterator[str]) -> frozenset[str]:
    # The compiler makes up .0 and __class__, and mangles private names; annotations alone bind for it too.
    return frozenset(unicodedata.normalize("NFKC", name) for name in names if not name.startswith((".", "_")))


def locals_by_us(parsed: Parsed, budget: Budget) -> set[tuple[str, frozenset[str]]]:
    book = read_names(parsed, budget)
    found: set[tuple[str, frozenset[str]]] = set()
    names = {id(scope): name for scope, name in _names_of_scopes(parsed, book.scopes)}
    for scope in book.scopes:
        if id(scope) in names:
            found.add((names[id(scope)], _told(name for space, name in scope.names if space == "")))
    return found


def _names_of_scopes(parsed: Parsed, scopes: list[Scope]) -> Iterator[tuple[Scope, str]]:
    """The scopes of functions and classes in the order of the source, with the names of those."""
    kinds = {"function_definition": FUNCTION, "class_definition": CLASS, "lambda": FUNCTION}
    nodes = [node for node, _ in walk(parsed.root, lambda _: True) if node.is_named and node.type in kinds]
    opened = [scope for scope in scopes if scope.kind in (FUNCTION, CLASS)]
    assert len(nodes) == len(opened), "type parameters have scopes of their own: leave such code out"
    for node, scope in zip(nodes, opened, strict=True):
        name = node.child_by_field_name("name")
        if name is not None:
            yield scope, parsed.source.text(name.start_byte, name.end_byte)
