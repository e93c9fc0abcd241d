"""Whether a text is a whole program: asked of the parser of its language. Safe to use from any thread."""

import ast
import re
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from tree_sitter import Language

_ESCAPE: Final = re.compile(r"\\(.)", re.DOTALL)


def parses(language: str, text: str) -> bool:
    """Whether ``text`` is a program of ``language`` (``python``, ``javascript`` or ``c``) without a syntax error."""
    if language == "python":
        return _parses_as_python(text)
    from tree_sitter import Parser

    return not Parser(_grammar(language)).parse(text.encode()).root_node.has_error


def _parses_as_python(text: str) -> bool:
    try:
        ast.parse(_ESCAPE.sub(_plain, text))
    except (SyntaxError, ValueError, RecursionError, MemoryError):  # the last two: nested too deeply
        return False
    return True


def _plain(escape: re.Match[str]) -> str:
    """An escape without a meaning: of doubtful ones the parser would warn, and a prompt's are not our affair."""
    return escape[0] if escape[1] in "\n\\'\"" else f"\\\\{escape[1]}"


@cache
def _grammar(language: str) -> "Language":
    from tree_sitter import Language

    return Language(import_module(f"tree_sitter_{language}").language())
