"""What Python code does to names (The Python Language Reference, section 4.2)."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from mcp_server.plugins.code.scopes import CLASS, FUNCTION, Book, Rule, Scope

if TYPE_CHECKING:
    from tree_sitter import Node

IDENTIFIERS: Final = frozenset({"identifier"})
COMPREHENSION: Final = "comprehension"

_PATTERNS: Final = frozenset(
    {"pattern_list", "tuple_pattern", "list_pattern", "list_splat_pattern", "dictionary_splat_pattern"}
    | {"tuple", "list", "expression_list", "parenthesized_expression", "as_pattern_target", "splat_pattern"}
    | {"list_splat"}
)


def _function(node: "Node", scope: Scope, book: Book) -> Scope:
    _bind_field(node, "name", "function", scope, book)
    around = _type_parameters(node, scope, book)
    inner = book.open(FUNCTION, around)
    _parameters(node, around, inner, book)
    return inner


def _lambda(node: "Node", scope: Scope, book: Book) -> Scope:
    inner = book.open(FUNCTION, scope)
    _parameters(node, scope, inner, book)
    return inner


def _class(node: "Node", scope: Scope, book: Book) -> Scope:
    _bind_field(node, "name", "class", scope, book)
    around = _type_parameters(node, scope, book)
    _place_field(node, "superclasses", around, book)
    return book.open(CLASS, around)


def _comprehension(node: "Node", scope: Scope, book: Book) -> Scope:
    inner = book.open(COMPREHENSION, scope)
    first = next((child for child in node.children if child.type == "for_in_clause"), None)
    if first is not None:
        _place_field(first, "right", scope, book)  # the first iterable belongs to what is around
    return inner


def _assigned(node: "Node", scope: Scope, book: Book) -> Scope:
    left = node.child_by_field_name("left")
    # ``name: int`` binds the name, ``(name): int`` does not (Python's reference, annotated assignment statements).
    in_brackets = left is not None and left.type == "tuple_pattern" and node.child_by_field_name("type") is not None
    if not in_brackets or node.child_by_field_name("right") is not None:
        _bind_targets(left, "variable", scope, book)
    return scope


def _changed(node: "Node", scope: Scope, book: Book) -> Scope:
    """``+=`` and ``del`` make a name local, and are no place where an attribute is defined."""
    what = node.child_by_field_name("left") or (node.named_child(0) if node.named_child_count else None)
    for target in _targets(what):
        if target.type == "identifier":
            book.bind(target, scope, "variable")
    return scope


def _named(node: "Node", scope: Scope, book: Book) -> Scope:
    target = scope
    while target.kind == COMPREHENSION and target.parent is not None:
        target = target.parent  # PEP 572
    _bind_field(node, "name", "variable", target, book)
    return scope


def _as(node: "Node", scope: Scope, book: Book) -> Scope:
    alias = node.child_by_field_name("alias")
    if alias is None and node.children and node.children[-1].type == "identifier":
        alias = node.children[-1]  # in a case
    _bind_targets(alias, "variable", scope, book)
    return scope


def _import(node: "Node", scope: Scope, book: Book) -> Scope:
    """The names in the statement are those of other modules, but for the ones that it binds."""
    module = node.child_by_field_name("module_name")
    if module is not None:
        book.ignore(module)
    for name in node.children_by_field_name("name"):
        if name.type == "aliased_import":
            if (original := name.child_by_field_name("name")) is not None:
                book.ignore(original)
            _bind_field(name, "alias", "import", scope, book)
            continue
        for number, part in enumerate(name.children):
            if part.type != "identifier":
                continue
            if number == 0:
                book.bind(part, scope, "import")
            else:
                book.ignore(part)
    return scope


def _declared(node: "Node", scope: Scope, book: Book) -> Scope:
    for name in node.named_children:
        book.link(name, scope, node.type.removesuffix("_statement"))
    return scope


def _alias(node: "Node", scope: Scope, book: Book) -> Scope:
    left = node.child_by_field_name("left")
    while left is not None and left.type != "identifier" and left.named_child_count:
        left = left.named_child(0)
    if left is not None and left.type == "identifier":
        book.bind(left, scope, "type")
    return _type_parameters(node, scope, book)


def _attribute(node: "Node", scope: Scope, book: Book) -> Scope:
    if (name := node.child_by_field_name("attribute")) is not None:
        book.member(name)
    return scope


def _keyword(node: "Node", scope: Scope, book: Book) -> Scope:
    """``f(name=...)`` names a parameter of another function, and ``Case(name=...)`` an attribute."""
    name = node.child_by_field_name("name") or (node.children[0] if node.children else None)
    if name is not None:
        book.ignore(name)
    return scope


def _case(node: "Node", scope: Scope, book: Book) -> Scope:
    """A name alone captures; one with dots is a value (PEP 634)."""
    for child in node.named_children:
        _capture(child, scope, book)
    return scope


def _keyword_pattern(node: "Node", scope: Scope, book: Book) -> Scope:
    _keyword(node, scope, book)
    for child in node.named_children[1:]:
        _capture(child, scope, book)
    return scope


def _splat_pattern(node: "Node", scope: Scope, book: Book) -> Scope:
    _bind_targets(node, "variable", scope, book)
    return scope


def _capture(node: "Node", scope: Scope, book: Book) -> None:
    if node.type == "dotted_name":
        names = [child for child in node.children if child.type == "identifier"]
        if len(names) == 1:
            book.bind(names[0], scope, "variable")
        for name in names[1:]:
            book.member(name)


def _parameters(node: "Node", around: Scope, inner: Scope, book: Book) -> None:
    """Parameters are names of the function; their defaults and annotations are read around it."""
    parameters = node.child_by_field_name("parameters")
    _place_field(node, "return_type", around, book)
    if parameters is None:
        return
    book.place(parameters, around)
    for parameter in parameters.named_children:
        name = parameter.child_by_field_name("name")
        if name is None and parameter.type == "typed_parameter" and parameter.named_child_count:
            name = parameter.named_child(0)
        _bind_targets(name if name is not None else parameter, "parameter", inner, book)


def _type_parameters(node: "Node", scope: Scope, book: Book) -> Scope:
    """The scope around a function or class, with its type parameters when it has some (PEP 695)."""
    listed = node.child_by_field_name("type_parameters")
    if node.type == "type_alias_statement":
        left = node.child_by_field_name("left")
        generic = left.named_child(0) if left is not None and left.named_child_count else None
        listed = generic.named_child(1) if generic is not None and generic.type == "generic_type" else None
    if listed is None:
        return scope
    inner = book.open(FUNCTION, scope)
    book.place(listed, inner)
    for parameter in listed.named_children:
        name: Node | None = parameter
        while name is not None and name.type != "identifier":
            name = name.named_child(0) if name.named_child_count else None
        if name is not None:
            book.bind(name, inner, "type parameter")
    return inner


def _bind_targets(node: "Node | None", kind: str, scope: Scope, book: Book) -> None:
    for target in _targets(node):
        if target.type == "attribute":
            if (name := target.child_by_field_name("attribute")) is not None:
                book.member(name, declares=True)
        else:
            book.bind(target, scope, kind)


def _targets(node: "Node | None") -> "Iterator[Node]":
    waiting = [node] if node is not None else []
    while waiting:
        target = waiting.pop()
        if target.type in ("identifier", "attribute"):
            yield target
        elif target.type in _PATTERNS:
            waiting.extend(target.named_children)


def _bind_field(node: "Node", field: str, kind: str, scope: Scope, book: Book) -> None:
    _bind_targets(node.child_by_field_name(field), kind, scope, book)


def _place_field(node: "Node", field: str, scope: Scope, book: Book) -> None:
    if (child := node.child_by_field_name(field)) is not None:
        book.place(child, scope)


RULES: Final[dict[str, Rule]] = {
    "function_definition": _function,
    "lambda": _lambda,
    "class_definition": _class,
    **dict.fromkeys(
        ("list_comprehension", "set_comprehension", "dictionary_comprehension", "generator_expression"), _comprehension
    ),
    **dict.fromkeys(("for_statement", "for_in_clause", "assignment"), _assigned),
    **dict.fromkeys(("augmented_assignment", "delete_statement"), _changed),
    "named_expression": _named,
    "as_pattern": _as,
    **dict.fromkeys(("import_statement", "import_from_statement", "future_import_statement"), _import),
    **dict.fromkeys(("global_statement", "nonlocal_statement"), _declared),
    "type_alias_statement": _alias,
    "attribute": _attribute,
    "keyword_argument": _keyword,
    "case_pattern": _case,
    "union_pattern": _case,
    "keyword_pattern": _keyword_pattern,
    "splat_pattern": _splat_pattern,
}
