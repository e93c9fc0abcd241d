"""Python, as the tools for source code need to know it."""

from typing import Final

from mcp_server.plugins.code.language import Language
from mcp_server.plugins.code.tools import CodePlugin
from mcp_server.plugins.python.decode import decode
from mcp_server.plugins.python.imports import find_imports, resolve
from mcp_server.plugins.python.outline import OPENED, define, docstring, is_docstring, module_docstring
from mcp_server.plugins.python.scopes import IDENTIFIERS, RULES

_ANY: Final[frozenset[str]] = frozenset()

LANGUAGE: Final = Language(
    name="python",
    title="Python",
    suffixes=(".py", ".pyi"),
    module="tree_sitter_python",
    comments=frozenset({"comment"}),
    functions=frozenset({"function_definition"}),
    decisions=dict.fromkeys(
        (
            *("if_statement", "elif_clause", "for_statement", "while_statement", "conditional_expression"),
            *("except_clause", "except_group_clause", "case_clause", "boolean_operator", "for_in_clause", "if_clause"),
        ),
        _ANY,
    ),
    nesting=frozenset(
        {"if_statement", "for_statement", "while_statement", "try_statement", "with_statement", "match_statement"}
    ),
    opened=OPENED,
    define=define,
    documented=frozenset({"class", "function", "method"}),
    doc=docstring,
    is_doc=is_docstring,
    module_doc=module_docstring,
    identifiers=IDENTIFIERS,
    rules=RULES,
    find_imports=find_imports,
    resolve=resolve,
    decode=decode,
)

plugin: Final = CodePlugin(LANGUAGE)
