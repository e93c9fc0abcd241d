"""Whether a text is a whole program: asked of the parser of its language."""

import ast
import warnings
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tree_sitter import Parser


def parses(language: str, text: str) -> bool:
    """Whether ``text`` is a program of ``language`` (``python``, ``javascript`` or ``c``) without a syntax error."""
    if language == "python":
        return _parses_as_python(text)
    return not _parser(language).parse(text.encode()).root_node.has_error


def _parses_as_python(text: str) -> bool:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a doubtful escape in a prompt is not our affair
        try:
            ast.parse(text)
        except (SyntaxError, ValueError, RecursionError, MemoryError):  # the last two: nested too deeply
            return False
    return True


@cache
def _parser(language: str) -> "Parser":
    from tree_sitter import Language, Parser

    return Parser(Language(import_module(f"tree_sitter_{language}").language()))
