import textwrap

import pytest

from mcp_server.plugins.code.outline import MOST, outline
from tests.mcp_server.plugins.samples import PYTHON, budget, flat, parsed, symbol, tree

CODE = '''
"""A module."""
import os
LIMIT: int = 3
first, _second = 1, 2
type Pair[T] = tuple[T, T]

@decorator(
    1
)
class Shape(Base, metaclass=Meta):
    """A shape.

        Indented.
    """

    sides: int
    NAME = "shape"

    def area(self, scale: float = 1.0) -> float:
        """Its area."""
        total = 0

        def part(): pass
        return total

    async def draw(
        self,
        where,
    ):
        # no docstring
        pass

    @property
    def name(self): "Its name."

if os.name == "posix":
    try:
        def here(): r"""raw \\n"""
    except ImportError:
        def there(): """first""" """second"""
for x in y:
    with z:
        class InLoop: pass
match v:
    case 1:
        def in_case(): b"bytes are no documentation"
'''


def test_symbols_are_nested_as_they_are_written() -> None:
    assert tree(PYTHON, CODE) == [
        "constant LIMIT",
        "variable first",
        "variable _second",
        "type Pair",
        "class Shape",
        ["variable sides", "constant NAME", "method area", ["function part"], "method draw", "method name"],
        *("function here", "function there", "class InLoop", "function in_case"),
    ]


@pytest.mark.parametrize(
    ("name", "doc"),
    [
        ("Shape", "A shape.\n\nIndented."),
        ("area", "Its area."),
        ("draw", ""),
        ("name", "Its name."),
        ("here", "raw \\n"),
        ("there", "first"),
        ("in_case", ""),
        ("LIMIT", ""),
    ],
)
def test_docstrings_are_told(name: str, doc: str) -> None:
    assert symbol(PYTHON, CODE, name).doc == doc


@pytest.mark.parametrize(
    ("name", "signature"),
    [
        ("Shape", "class Shape(Base, metaclass=Meta)"),
        ("area", "def area(self, scale: float = 1.0) -> float"),
        ("draw", "async def draw( self, where, )"),
        ("LIMIT", "LIMIT: int = 3"),
        ("Pair", "type Pair[T] = tuple[T, T]"),
    ],
)
def test_signatures_are_on_one_line(name: str, signature: str) -> None:
    assert symbol(PYTHON, CODE, name).signature == signature


def test_a_range_begins_at_the_definition_and_counts_characters() -> None:
    found = symbol(PYTHON, "if é:\n  @d\n  def ü(a): return '日本'", "ü")
    assert (found.line, found.column, found.end_line, found.end_column) == (3, 3, 3, 24)


def test_long_signatures_and_documentation_are_cut() -> None:
    found = symbol(PYTHON, f'def f({"a" * 300}): """{"b" * 600}"""', "f")
    assert (len(found.signature), len(found.doc)) == (200, 500)


def test_what_is_nested_very_deep_stands_beside_what_it_is_inside_of() -> None:
    code = "".join("  " * level + f"def f{level}():\n" for level in range(40)) + "  " * 40 + "pass"
    levels = 0
    symbols = outline(parsed(PYTHON, code), budget()).symbols
    assert [each.name for each in flat(symbols)] == [f"f{level}" for level in range(40)]
    while symbols:
        levels, symbols = levels + 1, symbols[0].children
    assert levels == 16


def test_an_outline_of_very_many_symbols_says_that_there_are_more() -> None:
    found = outline(parsed(PYTHON, "def f(): pass\n" * (MOST + 1)), budget())
    assert (len(found.symbols), found.truncated) == (MOST, True)
    assert not outline(parsed(PYTHON, "def f(): pass\n" * MOST), budget()).truncated


def test_code_with_errors_has_an_outline_of_the_rest() -> None:
    code = textwrap.dedent("""
        def good(): pass
        def broken(:
        class Fine:
            def also(self): pass
    """)
    found = outline(parsed(PYTHON, code), budget())
    assert found.has_errors
    assert "good" in [each.name for each in flat(found.symbols)]


@pytest.mark.parametrize(
    "code", ["", "\n", "def", "class :", "def f", "@", "=", "type", "x = ", "\ufeff", "é", "a, = b"]
)
def test_any_code_has_an_outline(code: str) -> None:
    outline(parsed(PYTHON, code), budget())
