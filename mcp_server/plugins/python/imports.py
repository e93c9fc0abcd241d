"""What Python code imports, and which files that means."""

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Final

from mcp_server.plugins.code.language import Import
from mcp_server.plugins.code.source import Source

if TYPE_CHECKING:
    from tree_sitter import Node

_NAMES: Final = 500  # of one statement, that are looked at


def find_imports(node: "Node", in_function: bool, source: Source) -> Iterator[Import]:
    """The imports of one statement."""
    if node.type == "import_statement":
        for name in node.children_by_field_name("name"):
            yield Import(_module(name, source), (), node, in_function)
    elif node.type in ("import_from_statement", "future_import_statement"):
        module = node.child_by_field_name("module_name")
        names = tuple(_module(name, source) for name in node.children_by_field_name("name")[:_NAMES])
        written = "__future__" if module is None else _squeezed(module, source)
        if any(child.type == "wildcard_import" for child in node.named_children):
            names = ("*",)
        yield Import(written, names, node, in_function)


def resolve(path: str, found: Import, exists: Callable[[str], bool]) -> list[str]:
    """The files that an import of the file ``path`` means.

    An absolute module is looked for in the folders above the file, the outermost first, each also with ``src``: which
    of them is on Python's path, the files do not say. ``from package import module`` means the module, when it is one.
    """
    folders = path.split("/")[:-1]
    level = len(found.module) - len(found.module.lstrip("."))
    parts = [part for part in found.module[level:].split(".") if part]
    if level:
        above = folders[: len(folders) - level + 1]
        return _files([*above, *parts], found.names, exists) if level <= len(folders) + 1 else []
    for depth in range(len(folders) + 1):
        for base in (folders[:depth], [*folders[:depth], "src"]):
            if files := _files([*base, *parts], found.names, exists):
                return files
    return []


def _files(parts: list[str], names: tuple[str, ...], exists: Callable[[str], bool]) -> list[str]:
    within = [_module_file([*parts, name], exists) for name in names]
    submodules = [file for file in within if file]
    own = [] if names and len(submodules) == len(names) else [_module_file(parts, exists)]
    return [file for file in dict.fromkeys((*own, *submodules)) if file]


def _module_file(parts: list[str], exists: Callable[[str], bool]) -> str:
    place = "/".join(parts)
    candidates = (f"{place}/__init__.py", f"{place}.py", f"{place}.pyi") if parts else ("__init__.py",)
    return next((file for file in candidates if exists(file)), "")


def _module(name: "Node", source: Source) -> str:
    """The module of ``a.b`` or of ``a.b as c``."""
    inner = name.child_by_field_name("name") if name.type == "aliased_import" else name
    return _squeezed(inner if inner is not None else name, source)


def _squeezed(node: "Node", source: Source) -> str:
    return "".join(source.text(node.start_byte, node.end_byte).split())
