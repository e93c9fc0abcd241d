"""What JavaScript code defines."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from mcp_server.plugins.code.language import Definition, Enclosing
from mcp_server.plugins.code.source import Source, one_line

if TYPE_CHECKING:
    from tree_sitter import Node

CLOSED: Final = frozenset({"string", "template_string", "regex", "import_statement", "jsx_text"})
"""What defines nothing that an outline shows."""

FUNCTIONS: Final = frozenset(
    {"function_declaration", "function_expression", "generator_function_declaration", "generator_function"}
    | {"arrow_function", "method_definition"}
)

_DECLARED: Final = {
    "function_declaration": "function",
    "generator_function_declaration": "function",
    "function_expression": "function",
    "generator_function": "function",
    "class_declaration": "class",
    "class": "class",
}
_CLASSES: Final = frozenset({"class", "class_declaration"})
_NAME: Final = 100


def define(node: "Node", around: Enclosing, source: Source) -> Iterator[Definition]:
    """Functions and classes that have a name or are given one; members; variables outside functions."""
    kind = node.type
    if kind in _DECLARED:
        if (name := node.child_by_field_name("name")) is not None and not name.is_missing:
            yield _definition(_DECLARED[kind], name, node, _body(node), source)
    elif kind in ("lexical_declaration", "variable_declaration"):
        yield from _declared(node, around, source)
    elif kind == "method_definition":
        if (name := node.child_by_field_name("name")) is not None:
            yield _definition(_method(node, name, source), name, node, _body(node), source)
    elif kind == "field_definition":
        if (name := node.child_by_field_name("property")) is not None:
            body, is_function = _value(node.child_by_field_name("value"))
            yield _definition("method" if is_function else "field", name, node, body, source)
    elif kind == "pair":
        name, (body, _) = node.child_by_field_name("key"), _value(node.child_by_field_name("value"))
        if name is not None and body is not None:
            yield _definition(_assigned(node.child_by_field_name("value"), "method"), name, node, body, source)
    elif kind == "assignment_expression":
        yield from _assignment(node, source)
    elif kind == "export_statement":
        value = node.child_by_field_name("value")
        body, _ = _value(value)
        if value is not None and body is not None and value.child_by_field_name("name") is None:
            yield Definition(_assigned(value, "function"), "default", node, body)


def _declared(node: "Node", around: Enclosing, source: Source) -> Iterator[Definition]:
    constant = (keyword := node.child_by_field_name("kind")) is not None and keyword.type == "const"
    for declarator in node.named_children:
        name, value = declarator.child_by_field_name("name"), declarator.child_by_field_name("value")
        if declarator.type != "variable_declarator" or name is None:
            continue
        body, _ = _value(value)
        # Alone in its statement, it begins where the statement begins.
        whole = node if node.named_child_count == 1 else declarator
        if body is not None and name.type == "identifier":
            yield _definition(_assigned(value, "function"), name, whole, body, source)
        elif not around.in_function:
            for bound in bound_names(name):
                yield _definition("constant" if constant else "variable", bound, whole, None, source)


def _assignment(node: "Node", source: Source) -> Iterator[Definition]:
    left, right = node.child_by_field_name("left"), node.child_by_field_name("right")
    body, _ = _value(right)
    if left is None or body is None or left.type not in ("identifier", "member_expression"):
        return
    name = one_line(source.text(left.start_byte, min(left.end_byte, left.start_byte + 4 * _NAME)), _NAME)
    kind = _assigned(right, "method" if ".prototype." in name or name.startswith("this.") else "function")
    yield Definition(kind, name, node, body, local=name.rpartition(".")[2].startswith("_"))


def bound_names(pattern: "Node") -> "Iterator[Node]":
    """The names that a pattern binds: those in ``{a, b: [c, ...d], e = 1}`` but none of its defaults."""
    waiting: list[Node | None] = [pattern]
    while waiting:
        node = waiting.pop()
        if node is None:
            continue
        match node.type:
            case "identifier" | "shorthand_property_identifier_pattern":
                yield node
            case "object_pattern" | "array_pattern" | "rest_pattern":
                waiting.extend(reversed(node.named_children))
            case "pair_pattern":
                waiting.append(node.child_by_field_name("value"))
            case "assignment_pattern" | "object_assignment_pattern":
                waiting.append(node.child_by_field_name("left"))


def _value(value: "Node | None") -> "tuple[Node | None, bool]":
    """The body of a function or class that is a value, and whether it is a function."""
    if value is None or (value.type not in FUNCTIONS and value.type not in _CLASSES):
        return None, False
    return _body(value), value.type in FUNCTIONS


def _assigned(value: "Node | None", kind: str) -> str:
    return "class" if value is not None and value.type in _CLASSES else kind


def _body(node: "Node") -> "Node | None":
    return node.child_by_field_name("body")


def _method(node: "Node", name: "Node", source: Source) -> str:
    words = {child.type for child in node.children if not child.is_named}
    if source.text(name.start_byte, name.end_byte) == "constructor":
        return "constructor"
    return "getter" if "get" in words else "setter" if "set" in words else "method"


def _definition(kind: str, name: "Node", whole: "Node", body: "Node | None", source: Source) -> Definition:
    text = one_line(source.text(name.start_byte, min(name.end_byte, name.start_byte + 4 * _NAME)), _NAME)
    if name.type == "string":
        text = text[1:-1]
    return Definition(kind, text, whole, body, local=text.startswith(("_", "#")))
