"""What C code defines."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from mcp_server.plugins.code.language import Definition, Enclosing
from mcp_server.plugins.code.source import Source

if TYPE_CHECKING:
    from tree_sitter import Node

OPENED: Final = frozenset(
    {
        "translation_unit", "ERROR", "linkage_specification", "declaration_list", "expression_statement",
        "preproc_if", "preproc_ifdef", "preproc_else", "preproc_elif", "preproc_elifdef",
        "declaration", "type_definition", "function_definition",
        "struct_specifier", "union_specifier", "enum_specifier",
        "field_declaration_list", "field_declaration", "enumerator_list",
    }
)  # fmt: skip
"""What can hold declarations."""

RECORDS: Final = {"struct_specifier": "struct", "union_specifier": "union", "enum_specifier": "enum"}

_NAMES: Final = frozenset({"identifier", "field_identifier", "type_identifier"})
_LOOK: Final = 1000  # bytes at the start of a definition that are looked at
_PATH: Final = 100  # the most declarators around a name


def define(node: "Node", around: Enclosing, source: Source) -> Iterator[Definition]:
    """Functions, prototypes, types with their fields, variables of the file, and macros."""
    kind = node.type
    if kind == "function_definition":
        name, _ = declared(node.child_by_field_name("declarator"))
        if name is not None:
            body = node.child_by_field_name("body")
            yield _definition("function", name, node, body, source, local=_is_static(node, source))
    elif kind in RECORDS:
        name, body = node.child_by_field_name("name"), node.child_by_field_name("body")
        if name is not None and body is not None:
            yield _definition(RECORDS[kind], name, node, body, source)
    elif kind == "enumerator":
        if (name := node.child_by_field_name("name")) is not None:
            yield _definition("constant", name, node, None, source)
    elif kind in ("preproc_def", "preproc_function_def"):
        if (name := node.child_by_field_name("name")) is not None:
            yield _definition("macro", name, node, None, source)
    elif kind in ("declaration", "field_declaration", "type_definition") and around.kind != "function":
        yield from _declarations(node, source)


def _declarations(node: "Node", source: Source) -> Iterator[Definition]:
    local = _is_static(node, source)
    for declarator in node.children_by_field_name("declarator"):
        name, is_function = declared(declarator)
        if name is None:
            continue
        if node.type == "type_definition":
            kind = "type"
        elif node.type == "field_declaration":
            kind = "field"
        else:
            kind = "prototype" if is_function else "variable"
        yield _definition(kind, name, node, None, source, local=local)


def declared(declarator: "Node | None") -> "tuple[Node | None, bool]":
    """The name in a declarator, and whether it names a function: ``*f(void)`` does, ``(*f)(void)`` does not."""
    around = ""
    for _ in range(_PATH):
        if declarator is None:
            return None, False
        kind = declarator.type
        if kind in _NAMES:
            return (None if declarator.is_missing else declarator), around == "function_declarator"
        if kind not in ("parenthesized_declarator", "attributed_declarator"):
            around = kind
            inner = declarator.child_by_field_name("declarator")
        else:
            inner = None
        if inner is None:
            inner = next((child for child in declarator.named_children if _may_declare(child)), None)
        declarator = inner
    return None, False


def _may_declare(node: "Node") -> bool:
    return node.type in _NAMES or node.type.endswith("_declarator")


def _is_static(node: "Node", source: Source) -> bool:
    words = (child for child in node.children if child.type == "storage_class_specifier")
    return any(source.text(word.start_byte, word.end_byte) == "static" for word in words)


def _definition(  # the parts of a definition
    kind: str, name: "Node", whole: "Node", body: "Node | None", source: Source, *, local: bool = False
) -> Definition:
    text = source.text(name.start_byte, min(name.end_byte, name.start_byte + _LOOK))
    return Definition(kind, text, whole, body, local=local or text.startswith("_"))
