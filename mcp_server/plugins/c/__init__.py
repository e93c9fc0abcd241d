"""C, as the tools for source code need to know it."""

from typing import Final

from mcp_server.plugins.c.imports import find_imports, resolve
from mcp_server.plugins.c.outline import OPENED, define
from mcp_server.plugins.c.scopes import IDENTIFIERS, RULES
from mcp_server.plugins.code.language import Language
from mcp_server.plugins.code.tools import CodePlugin

_ANY: Final[frozenset[str]] = frozenset()

LANGUAGE: Final = Language(
    name="c",
    title="C",
    suffixes=(".c", ".h"),
    module="tree_sitter_c",
    comments=frozenset({"comment"}),
    functions=frozenset({"function_definition"}),
    decisions={
        **dict.fromkeys(
            ("if_statement", "for_statement", "while_statement", "do_statement", "conditional_expression"), _ANY
        ),
        "case_statement": frozenset({"case"}),
        "binary_expression": frozenset({"&&", "||"}),
    },
    nesting=frozenset({"if_statement", "for_statement", "while_statement", "do_statement", "switch_statement"}),
    flat=frozenset({("else_clause", "if_statement")}),
    opened=OPENED,
    define=define,
    documented=frozenset({"function", "prototype", "struct", "union", "enum", "type", "macro"}),
    identifiers=IDENTIFIERS,
    rules=RULES,
    find_imports=find_imports,
    resolve=resolve,
)

plugin: Final = CodePlugin(LANGUAGE)
