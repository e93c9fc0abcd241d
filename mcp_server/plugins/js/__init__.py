"""JavaScript, as the tools for source code need to know it."""

from typing import Final

from mcp_server.plugins.code.language import Language
from mcp_server.plugins.code.tools import CodePlugin
from mcp_server.plugins.js.imports import find_imports, resolve
from mcp_server.plugins.js.outline import CLOSED, FUNCTIONS, define
from mcp_server.plugins.js.scopes import IDENTIFIERS, RULES

_ANY: Final[frozenset[str]] = frozenset()
_LOGICAL: Final = frozenset({"&&", "||", "??"})

LANGUAGE: Final = Language(
    name="js",
    title="JavaScript",
    suffixes=(".js", ".mjs", ".cjs", ".jsx"),
    module="tree_sitter_javascript",
    comments=frozenset({"comment", "hash_bang_line", "html_comment"}),
    functions=FUNCTIONS,
    decisions={
        **dict.fromkeys(
            (
                *("if_statement", "for_statement", "for_in_statement", "while_statement", "do_statement"),
                *("switch_case", "catch_clause", "ternary_expression"),
            ),
            _ANY,
        ),
        "binary_expression": _LOGICAL,
        "augmented_assignment_expression": frozenset({"&&=", "||=", "??="}),
    },
    nesting=frozenset(
        {"if_statement", "for_statement", "for_in_statement", "while_statement", "do_statement"}
        | {"switch_statement", "try_statement"}
    ),
    flat=frozenset({("else_clause", "if_statement")}),
    closed=CLOSED,
    define=define,
    documented=frozenset({"class", "function", "method", "constructor", "getter", "setter"}),
    identifiers=IDENTIFIERS,
    rules=RULES,
    find_imports=find_imports,
    resolve=resolve,
)

plugin: Final = CodePlugin(LANGUAGE)
