import ast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcp_server.plugins.code.language import Language
from mcp_server.plugins.code.metrics import metrics
from tests.mcp_server.plugins.python.oracles import complexity_by_ast, complexity_by_us
from tests.mcp_server.plugins.samples import JS, PYTHON, C, budget, parsed

EXPRESSIONS = st.recursive(
    st.sampled_from(["a", "1", "'x'"]),
    lambda inner: st.one_of(
        st.tuples(inner, st.sampled_from(["and", "or", "+"]), inner).map(lambda t: f"({t[0]} {t[1]} {t[2]})"),
        st.tuples(inner, inner, inner).map(lambda t: f"({t[0]} if {t[1]} else {t[2]})"),
        st.tuples(inner, inner, inner).map(lambda t: f"[{t[0]} for a in {t[1]} if {t[2]}]"),
        inner.map(lambda e: f"(lambda a: {e})"),
    ),
    max_leaves=6,
)


def indented(code: str) -> str:
    return "\n".join(f"  {line}" for line in code.split("\n"))


def matching(parts: tuple[str, str]) -> str:
    return f"match a:\n  case 1 if {parts[0]}:\n{indented(indented(parts[1]))}\n  case _:\n    pass"


STATEMENTS = st.recursive(
    EXPRESSIONS.map("x = {}".format),
    lambda inner: st.one_of(
        st.tuples(inner, inner).map("\n".join),
        st.tuples(EXPRESSIONS, inner, inner).map(lambda t: f"if {t[0]}:\n{indented(t[1])}\nelse:\n{indented(t[2])}"),
        st.tuples(EXPRESSIONS, inner, inner).map(lambda t: f"if a:\n{indented(t[1])}\nelif {t[0]}:\n{indented(t[2])}"),
        st.tuples(EXPRESSIONS, inner).map(lambda t: f"for a in {t[0]}:\n{indented(t[1])}"),
        st.tuples(EXPRESSIONS, inner).map(lambda t: f"while {t[0]}:\n{indented(t[1])}"),
        inner.map(lambda body: f"try:\n{indented(body)}\nexcept a:\n  pass\nfinally:\n  pass"),
        st.tuples(EXPRESSIONS, inner).map(matching),
        st.tuples(EXPRESSIONS, inner).map(lambda t: f"@d({t[0]})\ndef g(a={t[0]}):\n{indented(t[1])}"),
        inner.map(lambda body: f"class A:\n{indented(body)}"),
    ),
    max_leaves=6,
)  # fmt: skip


@given(STATEMENTS)
def test_the_complexity_is_one_more_than_the_decisions_in_the_syntax_tree_of_python(body: str) -> None:
    code = f"def f():\n{indented(body)}\n"
    try:
        tree = ast.parse(code)
    except SyntaxError:
        return
    assert complexity_by_us(parsed(PYTHON, code), budget()) == complexity_by_ast(tree)


PIECES = ("", "  ", "x = 1", "# note", "x = 1  # note", '"""doc"""', "'''a\n\n# no note'''", "(1,\n\n 2)")


@given(st.lists(st.sampled_from(PIECES), max_size=12))
def test_each_line_is_code_or_comment_or_blank(pieces: list[str]) -> None:
    lines = "\n".join(pieces).split("\n")
    found = metrics(parsed(PYTHON, "\n".join(lines)), budget())
    lines = lines[:-1] if lines[-1] == "" else lines
    assert found.lines == len(lines) == found.code + found.comment + found.blank
    assert found.blank == sum(not line.strip() for line in lines)
    assert found.comment == pieces.count("# note") + pieces.count(PIECES[5]) + 2 * pieces.count(PIECES[6])


@pytest.mark.parametrize(
    ("language", "code", "complexity", "depth"),
    [
        (JS, "function f(a) { if (a && b || c) {} else if (d ?? e) {} else {} }", 6, 1),
        (JS, "function f() { for (;;) { for (a of b) { while (c) { do {} while (d) } } } }", 5, 4),
        (JS, "function f() { switch (a) { case 1: case 2: break; default: } }", 3, 1),
        (JS, "function f() { try { if (a) {} } catch (e) {} a ||= b; a = c ? d : e; return a + b }", 5, 2),
        (JS, "const f = (a) => a ? b : c", 2, 0),
        (C, "int f(int a) { if (a && b) ; else if (c || d) ; return a ? 1 : 2; }", 6, 1),
        (C, "int f(void) { for (;;) while (a) do ; while (b); switch (c) { case 1: case 2: default: ; } }", 6, 3),
        (C, "int f(void) { return 0; }", 1, 0),
        (PYTHON, "def f():\n  with a:\n    if b:\n      pass\n    elif c:\n      for d in e: pass", 4, 3),
    ],
)
def test_decisions_count_and_structures_nest(language: Language, code: str, complexity: int, depth: int) -> None:
    (function,) = metrics(parsed(language, code), budget()).functions
    assert (function.name, function.complexity, function.depth) == ("f", complexity, depth)


def test_functions_are_told_by_name_the_most_complex_first_and_the_longest_apart() -> None:
    code = """function a() {


}
const b = (x) => x ? 1 : 2;
f(() => { if (x) { if (y) {} } });
class K { m() {} }
if (x) {}"""
    found = metrics(parsed(JS, code), budget())
    assert [(each.name, each.line, each.lines, each.complexity) for each in found.functions] == [
        ("(anonymous)", 6, 1, 3),
        ("b", 5, 1, 2),
        ("a", 1, 4, 1),
        ("m", 7, 1, 1),
    ]
    assert found.longest == found.functions[2]
    assert (found.function_count, found.complexity, found.mean_complexity) == (4, 2, 1.75)


def test_what_stands_in_a_function_inside_another_counts_once() -> None:
    code = "def f():\n  def g():\n    if a: pass\n    if b: pass\n  if c: pass"
    assert {(e.name, e.complexity, e.depth) for e in metrics(parsed(PYTHON, code), budget()).functions} == {
        ("g", 3, 1),
        ("f", 2, 1),
    }


@pytest.mark.parametrize(("language", "code"), [(JS, "/* a\n\nb */\nx // c\n// d"), (C, "/* a\n\nb */\nx; // c\n// d")])
def test_comments_of_the_c_family_are_told_from_code(language: Language, code: str) -> None:
    found = metrics(parsed(language, code), budget())
    assert (found.lines, found.code, found.comment, found.blank) == (5, 1, 3, 1)


def test_an_empty_file_has_figures() -> None:
    found = metrics(parsed(C, ""), budget())
    assert (found.lines, found.function_count, found.longest, found.mean_complexity) == (0, 0, None, 0.0)
