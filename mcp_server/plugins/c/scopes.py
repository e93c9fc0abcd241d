"""What C code does to names (ISO/IEC 9899, sections 6.2.1 and 6.2.3)."""

from typing import TYPE_CHECKING, Final

from mcp_server.plugins.c.outline import RECORDS, declared
from mcp_server.plugins.code.scopes import BLOCK, FUNCTION, Book, Rule, Scope

if TYPE_CHECKING:
    from tree_sitter import Node

IDENTIFIERS: Final = frozenset({"identifier", "type_identifier", "field_identifier", "statement_identifier"})

TAG: Final = "tag"
"""The name space of structures, unions and enumerations."""

LABEL: Final = "label"
"""The name space of labels."""


def _function(node: "Node", scope: Scope, book: Book) -> Scope:
    """The parameters of a definition are names of its body; those of other declarators only of themselves."""
    name, _ = declared(node.child_by_field_name("declarator"))
    if name is not None:
        book.bind(name, scope, "function")
    inner = book.open(FUNCTION, scope)
    for child in node.children:
        if child.type == "declaration":  # of a parameter, in the old style
            book.place(child, inner)
    if (body := node.child_by_field_name("body")) is not None:
        book.place(body, inner)
    declarator = node.child_by_field_name("declarator")
    while declarator is not None and declarator.type != "function_declarator":
        declarator = declarator.child_by_field_name("declarator")
    parameters = declarator.child_by_field_name("parameters") if declarator is not None else None
    if parameters is not None:
        book.place(parameters, inner)
        _bind_parameters(parameters, inner, book)
    return scope


def _parameters(node: "Node", scope: Scope, book: Book) -> Scope:
    """Of a declarator without a body; those of a function have been bound already."""
    inner = book.open(BLOCK, scope)
    _bind_parameters(node, inner, book)
    return inner


def _bind_parameters(parameters: "Node", scope: Scope, book: Book) -> None:
    for child in parameters.named_children:
        name = child  # in the old style
        if child.type == "parameter_declaration":
            found, _ = declared(child.child_by_field_name("declarator"))
            if found is None:
                continue
            name = found
        if name.type == "identifier":
            book.bind(name, scope, "parameter")


def _declaration(node: "Node", scope: Scope, book: Book) -> Scope:
    for declarator in node.children_by_field_name("declarator"):
        name, is_function = declared(declarator)
        if name is not None:
            book.bind(name, scope, "prototype" if is_function else "variable")
    return scope


def _typedef(node: "Node", scope: Scope, book: Book) -> Scope:
    for declarator in node.children_by_field_name("declarator"):
        name, _ = declared(declarator)
        if name is not None:
            book.bind(name, scope, "type")
    return scope


def _field(node: "Node", scope: Scope, book: Book) -> Scope:
    for declarator in node.children_by_field_name("declarator"):
        name, _ = declared(declarator)
        if name is not None:
            book.member(name, declares=True)
    return scope


def _record(node: "Node", scope: Scope, book: Book) -> Scope:
    """``struct name {`` binds its tag; ``struct name`` alone refers to it."""
    if (name := node.child_by_field_name("name")) is not None:
        if node.child_by_field_name("body") is not None:
            book.bind(name, scope, RECORDS[node.type], TAG)
        else:
            book.refer(name, TAG)
    return scope


def _enumerator(node: "Node", scope: Scope, book: Book) -> Scope:
    if (name := node.child_by_field_name("name")) is not None:
        book.bind(name, scope, "constant")
    return scope


def _macro(node: "Node", scope: Scope, book: Book) -> Scope:
    """A macro shows in all of the file, whatever block it stands in; what it expands to is text."""
    if (name := node.child_by_field_name("name")) is not None:
        book.bind(name, book.file, "macro")
    if (parameters := node.child_by_field_name("parameters")) is not None:
        book.ignore(parameters)
    return scope


def _member(node: "Node", scope: Scope, book: Book) -> Scope:
    for child in node.named_children:
        if child.type == "field_identifier":
            book.member(child)
    return scope


def _label(node: "Node", scope: Scope, book: Book) -> Scope:
    if (name := node.child_by_field_name("label")) is not None:
        if node.type == "labeled_statement":
            book.bind(name, scope.nearest(FUNCTION), "label", LABEL)
        else:
            book.refer(name, LABEL)
    return scope


def _block(_node: "Node", scope: Scope, book: Book) -> Scope:
    return book.open(BLOCK, scope)


RULES: Final[dict[str, Rule]] = {
    "function_definition": _function,
    "parameter_list": _parameters,
    "declaration": _declaration,
    "type_definition": _typedef,
    "field_declaration": _field,
    **dict.fromkeys(RECORDS, _record),
    "enumerator": _enumerator,
    **dict.fromkeys(("preproc_def", "preproc_function_def"), _macro),
    **dict.fromkeys(("field_expression", "field_designator"), _member),
    **dict.fromkeys(("labeled_statement", "goto_statement"), _label),
    **dict.fromkeys(("compound_statement", "for_statement"), _block),
}
