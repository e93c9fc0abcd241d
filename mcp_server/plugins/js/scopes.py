"""What JavaScript code does to names (ECMA-262, section 9.1)."""

from typing import TYPE_CHECKING, Final

from mcp_server.plugins.code.scopes import BLOCK, FUNCTION, Book, Rule, Scope
from mcp_server.plugins.js.outline import bound_names

if TYPE_CHECKING:
    from tree_sitter import Node

IDENTIFIERS: Final = frozenset(
    {"identifier", "shorthand_property_identifier", "shorthand_property_identifier_pattern"}
    | {"property_identifier", "private_property_identifier"}
)


def _function_declaration(node: "Node", scope: Scope, book: Book) -> Scope:
    _bind(node.child_by_field_name("name"), "function", scope, book)
    return _function(node, scope, book)


def _function_expression(node: "Node", scope: Scope, book: Book) -> Scope:
    around = book.open(BLOCK, scope)  # its own name shows inside it only
    _bind(node.child_by_field_name("name"), "function", around, book)
    return _function(node, around, book)


def _function(node: "Node", scope: Scope, book: Book) -> Scope:
    inner = book.open(FUNCTION, scope)
    _bind(node.child_by_field_name("parameter"), "parameter", inner, book)
    parameters = node.child_by_field_name("parameters")
    for parameter in parameters.named_children if parameters is not None else ():
        _bind(parameter, "parameter", inner, book)
    return inner


def _method(node: "Node", scope: Scope, book: Book) -> Scope:
    if (name := node.child_by_field_name("name")) is not None:
        if name.type == "computed_property_name":
            book.place(name, scope)
        else:
            book.member(name, declares=True)
    return _function(node, scope, book)


def _class_declaration(node: "Node", scope: Scope, book: Book) -> Scope:
    _bind(node.child_by_field_name("name"), "class", scope, book)
    return scope


def _class_expression(node: "Node", scope: Scope, book: Book) -> Scope:
    return _class_declaration(node, book.open(BLOCK, scope), book)


def _let(node: "Node", scope: Scope, book: Book) -> Scope:
    keyword = node.child_by_field_name("kind")
    return _declared(node, "constant" if keyword is not None and keyword.type == "const" else "variable", scope, book)


def _var(node: "Node", scope: Scope, book: Book) -> Scope:
    _declared(node, "variable", scope.nearest(FUNCTION), book)
    return scope


def _declared(node: "Node", kind: str, scope: Scope, book: Book) -> Scope:
    for declarator in node.named_children:
        _bind(declarator.child_by_field_name("name"), kind, scope, book)
    return scope


def _block(_node: "Node", scope: Scope, book: Book) -> Scope:
    return book.open(BLOCK, scope)


def _for_in(node: "Node", scope: Scope, book: Book) -> Scope:
    inner = book.open(BLOCK, scope)
    if (keyword := node.child_by_field_name("kind")) is not None:
        target = scope.nearest(FUNCTION) if keyword.type == "var" else inner
        _bind(node.child_by_field_name("left"), "variable", target, book)
    if (right := node.child_by_field_name("right")) is not None:
        book.place(right, scope)
    return inner


def _catch(node: "Node", scope: Scope, book: Book) -> Scope:
    inner = book.open(BLOCK, scope)
    _bind(node.child_by_field_name("parameter"), "variable", inner, book)
    return inner


def _import_clause(node: "Node", scope: Scope, book: Book) -> Scope:
    for child in node.named_children:
        if child.type == "identifier":
            _bind(child, "import", scope, book)
        elif child.type == "namespace_import":
            _bind(child.named_child(0) if child.named_child_count else None, "import", scope, book)
    return scope


def _import_specifier(node: "Node", scope: Scope, book: Book) -> Scope:
    name, alias = node.child_by_field_name("name"), node.child_by_field_name("alias")
    if alias is not None and name is not None:
        book.ignore(name)  # it is the other module's
    _bind(alias if alias is not None else name, "import", scope, book)
    return scope


def _export(node: "Node", scope: Scope, book: Book) -> Scope:
    """``export {a as b}`` uses ``a``, and ``export {a} from`` nothing of this file."""
    if node.type == "export_specifier":
        if (alias := node.child_by_field_name("alias")) is not None:
            book.ignore(alias)
    elif node.child_by_field_name("source") is not None:
        for child in node.named_children:
            book.ignore(child)
    return scope


def _member(node: "Node", scope: Scope, book: Book) -> Scope:
    name = node.child_by_field_name("property") or node.child_by_field_name("key")
    if name is not None and name.type in IDENTIFIERS:
        book.member(name, declares=node.type in ("field_definition", "pair"))
    return scope


def _assignment(node: "Node", scope: Scope, book: Book) -> Scope:
    """``this.name = ...`` and the like define a member."""
    left = node.child_by_field_name("left")
    name = left.child_by_field_name("property") if left is not None and left.type == "member_expression" else None
    if name is not None:
        book.member(name, declares=True)
    return scope


def _attribute(node: "Node", scope: Scope, book: Book) -> Scope:
    if node.named_child_count and node.named_child(0).type == "property_identifier":
        book.member(node.named_child(0))
    return scope


def _bind(pattern: "Node | None", kind: str, scope: Scope, book: Book) -> None:
    if pattern is not None:
        for name in bound_names(pattern):
            book.bind(name, scope, kind)


RULES: Final[dict[str, Rule]] = {
    **dict.fromkeys(("function_declaration", "generator_function_declaration"), _function_declaration),
    **dict.fromkeys(("function_expression", "generator_function"), _function_expression),
    "arrow_function": _function,
    "method_definition": _method,
    "class_declaration": _class_declaration,
    "class": _class_expression,
    "lexical_declaration": _let,
    "variable_declaration": _var,
    **dict.fromkeys(("statement_block", "for_statement", "switch_body", "class_static_block"), _block),
    "for_in_statement": _for_in,
    "catch_clause": _catch,
    "import_clause": _import_clause,
    "import_specifier": _import_specifier,
    **dict.fromkeys(("export_statement", "export_specifier"), _export),
    **dict.fromkeys(("member_expression", "field_definition", "pair", "pair_pattern"), _member),
    "assignment_expression": _assignment,
    "jsx_attribute": _attribute,
}
