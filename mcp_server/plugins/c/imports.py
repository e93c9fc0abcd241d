"""What C code includes, and which files that means."""

import posixpath
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from mcp_server.plugins.code.language import Import
from mcp_server.plugins.code.source import Source

if TYPE_CHECKING:
    from tree_sitter import Node


def find_imports(node: "Node", _in_function: bool, source: Source) -> Iterator[Import]:
    """The files of ``#include``; those in brackets keep their brackets. What a macro names is not known."""
    if node.type == "preproc_include" and (path := node.child_by_field_name("path")) is not None:
        text = source.text(path.start_byte, path.end_byte)
        if path.type == "string_literal":
            yield Import(text[1:-1], (), node)
        elif path.type == "system_lib_string":
            yield Import(text, (), node)


def resolve(path: str, found: Import, exists: Callable[[str], bool]) -> list[str]:
    """The file that an include means: one beside it, unless it has brackets, or in a folder above or its ``include``.

    Which folders a compiler is given, the files do not say; the nearest is taken.
    """
    bracketed = found.module.startswith("<")
    name = found.module[1:-1] if bracketed else found.module
    folders = path.split("/")[:-1]
    bases = [] if bracketed else ["/".join(folders)]
    for depth in range(len(folders), -1, -1):
        above = "/".join(folders[:depth])
        bases += [posixpath.join(above, "include"), above]
    for base in bases:
        place = posixpath.normpath(posixpath.join(base, name))
        if not place.startswith(("../", "/")) and exists(place):
            return [place]
    return []
