"""What JavaScript code imports, and which files that means."""

import posixpath
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Final

from mcp_server.plugins.code.language import Import
from mcp_server.plugins.code.source import Source

if TYPE_CHECKING:
    from tree_sitter import Node

_ENDINGS: Final = ("", ".js", ".mjs", ".cjs", ".jsx", ".json", "/index.js", "/index.mjs", "/index.cjs", "/index.jsx")


def find_imports(node: "Node", in_function: bool, source: Source) -> Iterator[Import]:
    """The modules of ``import`` and ``export ... from``, and those of ``require`` and ``import()`` with a literal."""
    kind = node.type
    if kind in ("import_statement", "export_statement"):
        if (module := _literal(node.child_by_field_name("source"), source)) is not None:
            yield Import(module, tuple(_names(node, source)), node)
    elif kind == "call_expression":
        called = node.child_by_field_name("function")
        arguments = node.child_by_field_name("arguments")
        if called is None or arguments is None or not arguments.named_child_count:
            return
        is_import = called.type == "import"
        if is_import or (called.type == "identifier" and _text(called, source) == "require"):
            module = _literal(arguments.named_child(0), source)
            if module is not None:
                yield Import(module, (), node, deferred=in_function or is_import)


def resolve(path: str, found: Import, exists: Callable[[str], bool]) -> list[str]:
    """The file that a relative module means, with the endings that Node.js and bundlers add."""
    if not found.module.startswith(("./", "../")) and found.module not in (".", ".."):
        return []
    place = posixpath.normpath(posixpath.join(posixpath.dirname(path), found.module))
    if place.startswith(".."):
        return []
    place = "" if place == "." else place
    return next(([file] for ending in _ENDINGS if exists(file := (place + ending).lstrip("/"))), [])


def _names(node: "Node", source: Source) -> Iterator[str]:
    waiting = list(reversed(node.named_children))
    while waiting:
        child = waiting.pop()
        match child.type:
            case "import_specifier" | "export_specifier":
                if (name := child.child_by_field_name("name")) is not None:
                    yield _text(name, source)
            case "namespace_import" | "namespace_export":
                yield "*"
            case "identifier":
                yield "default"
            case "import_clause" | "named_imports" | "export_clause":
                waiting.extend(reversed(child.named_children))


def _literal(node: "Node | None", source: Source) -> str | None:
    return _text(node, source)[1:-1] if node is not None and node.type == "string" else None


def _text(node: "Node", source: Source) -> str:
    return source.text(node.start_byte, node.end_byte)
