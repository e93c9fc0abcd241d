import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcp_server.plugins.code.language import Language
from mcp_server.plugins.code.syntax import MOST, syntax_errors
from tests.mcp_server.plugins.samples import JS, LANGUAGES, PYTHON, C, budget, parsed


@pytest.mark.parametrize(
    ("language", "code", "kind", "what", "at"),
    [
        (PYTHON, "x = (1\ny = 2\n", "missing", ")", (1, 7)),
        (PYTHON, "def f()\n    pass\n", "missing", "-> or :", (1, 8)),
        (PYTHON, "class A\n  x = 1", "missing", "( or : or [", (1, 8)),
        (PYTHON, "x = 1 $ 2\n", "unexpected", "$", (1, 7)),
        (PYTHON, "def f(:\n  pass", "missing", ")", (1, 7)),
        (PYTHON, "return\n)\n", "unexpected", ")", (2, 1)),
        (PYTHON, "é = 'abc\ny = 1", "missing", "the end of the string", (1, 6)),
        (JS, "let é = 1 ) ;\n", "unexpected", ")", (1, 11)),
        (JS, "f(1\n", "missing", ")", (1, 4)),
        (JS, "let a = [1, 2;\nf()", "missing", "]", (1, 14)),
        (JS, "const x = ;", "missing", "something", (1, 10)),
        (C, "int x = 1\nint y;\n", "missing", ";", (1, 10)),
        (C, "struct { int x } y;", "missing", ";", (1, 15)),
        (C, "int f(int a { return 1; }", "missing", ")", (1, 12)),
        (C, "int f(void) { return 1; \n", "missing", "}", (1, 24)),
    ],
)
def test_a_mistake_is_told_where_it_is(
    language: Language, code: str, kind: str, what: str, at: tuple[int, int]
) -> None:
    first = syntax_errors(parsed(language, code), budget()).errors[0]
    assert (first.kind, first.what, (first.line, first.column)) == (kind, what, at)
    assert f"line {at[0]}, column {at[1]}: {code.splitlines()[at[0] - 1].strip()}" in first.message


@pytest.mark.parametrize("language", LANGUAGES, ids=lambda language: language.name)
@given(code=st.text(st.sampled_from("(){}[];:,.=+-*/\\\"'`#@ \n\tabc1é"), max_size=60))
def test_a_tree_with_errors_has_some_and_one_without_has_none(language: Language, code: str) -> None:
    tree = parsed(language, code)
    found = syntax_errors(tree, budget())
    assert bool(found.count) == tree.root.has_error
    assert len(found.errors) == min(found.count, MOST)


def test_of_very_many_errors_the_first_are_listed_and_all_counted() -> None:
    found = syntax_errors(parsed(C, "int x = ;\n" * 500), budget())
    assert (len(found.errors), found.count) == (MOST, 500)
    assert [each.line for each in found.errors] == sorted(each.line for each in found.errors)
