"""What Python code defines, and the docstrings it has."""

import inspect
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from mcp_server.plugins.code.language import Definition, Enclosing
from mcp_server.plugins.code.source import Source

if TYPE_CHECKING:
    from tree_sitter import Node

OPENED: Final = frozenset(
    {
        "module", "block", "ERROR", "expression_statement", "decorated_definition",
        "class_definition", "function_definition",
        "if_statement", "elif_clause", "else_clause", "for_statement", "while_statement", "with_statement",
        "try_statement", "except_clause", "except_group_clause", "finally_clause", "match_statement", "case_clause",
    }
)  # fmt: skip
"""What can hold statements."""

_DOC_BYTES: Final = 8192
_LITERAL: Final = re.compile(r"""[rRuU]?("{3}|'{3}|"|')(.*)""", re.DOTALL)


def define(node: "Node", around: Enclosing, source: Source) -> Iterator[Definition]:
    """Classes and functions anywhere; variables of modules and classes."""
    kind = node.type
    if kind in ("class_definition", "function_definition"):
        if (name := _text(node.child_by_field_name("name"), source)) is None:
            return
        what = "class" if kind == "class_definition" else "method" if around.kind == "class" else "function"
        yield Definition(what, name, node, node.child_by_field_name("body"), name.startswith("_"))
    elif kind == "assignment" and not around.in_function:
        yield from _variables(node, source)
    elif kind == "type_alias_statement" and (left := node.child_by_field_name("left")) is not None:
        while left.type != "identifier" and left.named_child_count:
            left = left.named_child(0)
        name = source.text(left.start_byte, left.end_byte)
        yield Definition("type", name, node, None, name.startswith("_"))


def docstring(found: Definition, source: Source) -> str:
    """The docstring of a class or function; empty when it has none."""
    return _docstring(found.body, source) if found.kind not in ("variable", "constant", "type") else ""


def module_docstring(root: "Node", source: Source) -> str:
    """The docstring of a module; empty when it has none."""
    return _docstring(root, source)


def is_docstring(node: "Node") -> bool:
    """Whether a node is a statement that is only a string: what documents, or does nothing."""
    if node.type != "expression_statement" or node.named_child_count != 1:
        return False
    only = node.named_child(0)
    return only is not None and only.type in ("string", "concatenated_string")


def _variables(node: "Node", source: Source) -> Iterator[Definition]:
    left = node.child_by_field_name("left")
    targets = [left] if left is not None else []
    if left is not None and left.type in ("pattern_list", "tuple_pattern", "list_pattern"):
        targets = left.named_children
    for target in targets:
        if target.type == "identifier":
            name = source.text(target.start_byte, target.end_byte)
            yield Definition("constant" if name.isupper() else "variable", name, node, None, name.startswith("_"))


def _docstring(body: "Node | None", source: Source) -> str:
    """The text as it is written, without its quotes: what its escapes stand for is left to the reader."""
    if body is None:
        return ""
    first = next((child for child in body.named_children if child.type != "comment"), None)
    if first is None or not is_docstring(first):
        return ""
    string = first.named_child(0)
    string = string.named_child(0) if string.type == "concatenated_string" else string
    literal = _LITERAL.match(source.text(string.start_byte, min(string.end_byte, string.start_byte + _DOC_BYTES)))
    return "" if literal is None else inspect.cleandoc(literal[2].removesuffix(literal[1])).strip()


def _text(node: "Node | None", source: Source) -> str | None:
    return source.text(node.start_byte, node.end_byte) if node is not None and not node.is_missing else None
