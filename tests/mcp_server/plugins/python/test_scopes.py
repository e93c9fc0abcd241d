import pytest

from tests.mcp_server.plugins.python.oracles import has_tables, locals_by_symtable, locals_by_us
from tests.mcp_server.plugins.samples import PYTHON, budget, check_definition, defined, marked, parsed, used

CODE = """
import os.path, sys as system
from a.b import c as d, e

def f(p, /, q=os, *args: int, r: system = 1, **kwargs):
    global g
    g = x = 1
    for i, (j, *k) in p: pass
    with q as (m, n), r as o.attribute: pass
    try: pass
    except E as error: pass
    import local.module
    if (w := [y for y in args if (v := y)]): pass
    del kwargs
    aa[0] = bb.cc = 2
    dd += 1
    ee: int = 3
    match p:
        case [s, *t] | {"k": u, **rest}: pass
        case Point(x=xx, y=0) as whole: pass
        case Color.RED | None: pass
    def inner(ff=x):
        nonlocal x
        x = hh = 2
        return lambda ii: ii + hh
    class K:
        jj = x
        def kk(self): return jj
    async def ll(mm):
        async for nn in mm: pass
"""


@has_tables
def test_each_function_and_class_binds_the_names_that_the_compiler_says() -> None:
    assert locals_by_us(parsed(PYTHON, CODE), budget()) == locals_by_symtable(CODE)


@pytest.mark.parametrize(
    ("kind", "code"),
    [
        ("variable", "¶x = 1\nprint(¶x)"),
        ("function", "def ¶f(): pass\nf2 = ¶f"),
        ("class", "class ¶A: pass\nclass B(¶A): pass"),
        ("parameter", "def f(¶a, b): return ¶a"),
        ("parameter", "def f(*¶a): return ¶a"),
        ("parameter", "def f(¶a: int = a): return ¶a"),
        ("variable", "¶a = 1\ndef f(a=¶a): pass"),
        ("variable", "¶a = 1\ndef f(a) -> ¶a: pass"),
        ("import", "import ¶os.path\n¶os"),
        ("import", "import a.b as ¶c\n¶c"),
        ("import", "from a import b as ¶c\n¶c"),
        ("variable", "for ¶i in x: ¶i"),
        ("variable", "with a as ¶b: ¶b"),
        ("variable", "try: pass\nexcept E as ¶e: ¶e"),
        ("variable", "x = 1\ny = [z for ¶x in x if ¶x]"),
        ("variable", "¶x = 1\ny = [x for x in ¶x]"),
        ("variable", "y = [(¶w := x) for x in z]\n¶w"),
        ("variable", "¶x = 1\nclass A:\n    x = 2\n    def f(self): return ¶x"),
        ("variable", "x = 1\nclass A:\n    ¶x = 2\n    y = ¶x"),
        ("variable", "¶x = 1\nclass A:\n    x = 2\n    y = [¶x for z in q]"),
        ("variable", "x = 1\ndef f():\n    ¶x = 2\n    def g():\n        nonlocal x\n        ¶x"),
        ("parameter", "f = lambda ¶a: ¶a"),
        ("variable", "match a:\n    case [¶b, *c]: ¶b"),
        ("variable", "match a:\n    case A(b=¶c): ¶c"),
        ("variable", "match a:\n    case {**¶c}: ¶c"),
        ("type parameter", "def f[¶T](a: ¶T): pass"),
        ("type parameter", "class A[¶T]:\n    def f(self) -> ¶T: pass"),
        ("type", "type ¶A = int\nx: ¶A"),
        ("variable", "é = 1; ¶ü = 2; print(é, ¶ü)"),
    ],
)
def test_a_name_means_what_its_scope_says(kind: str, code: str) -> None:
    check_definition(PYTHON, code, kind)


def test_a_global_name_is_defined_where_it_is_assigned() -> None:
    clean, places = marked("def f():\n    global x\n    ¶x = 1\n¶x")
    assert [(p.line, p.column, p.sure) for p in defined(PYTHON, clean, places[1])] == [(*places[0], True)]


def test_each_place_that_binds_a_name_is_a_definition() -> None:
    clean, places = marked("if a:\n    ¶x = 1\nelse:\n    ¶x = 2\n¶x")
    assert [(place.line, place.column) for place in defined(PYTHON, clean, places[2])] == places[:2]


@pytest.mark.parametrize(
    "code",
    [
        "¶x = 1\ndef f(x): return x\nprint(¶x, f(x=2), a.x)",
        "x = 1\ndef f(¶x): return ¶x\nprint(x)",
        "x = 1\ndef f():\n    ¶x = 2\n    def g():\n        nonlocal ¶x\n        ¶x += 1\n    return ¶x",
        "¶x = 1\ndef f():\n    global ¶x\n    ¶x = 2",
        "import ¶a, c.a\nx = ¶a",
        "class A:\n    def ¶m(self): self.¶m()\ndef m(): m()",
        "a.¶b = 1\nb = 2\nc.¶b()",
        "y = [¶x for ¶x in x]",
        "from a import ¶b, c as d\nclass C(¶b): b = 1",
    ],
)
def test_references_are_all_places_that_mean_the_same(code: str) -> None:
    used(PYTHON, code)


def test_a_member_is_found_by_its_name_and_said_to_be_unsure() -> None:
    clean, places = marked("class A:\n    def ¶m(self): self.¶n = 1\nx.¶m(); y.¶n")
    ((method,), (attribute,)) = defined(PYTHON, clean, places[2]), defined(PYTHON, clean, places[3])
    assert (method.line, method.column, method.kind, method.sure) == (*places[0], "function", False)
    assert (attribute.line, attribute.column, attribute.kind, attribute.sure) == (*places[1], "member", False)


def test_a_name_that_the_file_does_not_define_has_no_definition_in_it() -> None:
    assert defined(PYTHON, "print(1)", (1, 1)) == ()


@pytest.mark.parametrize(
    ("statement", "binds"),
    [("x: int", True), ("(x): int", False), ("(x): int = 1", True), ("(x) = 1", True), ("x: int = 1", True)],
)
def test_an_annotation_of_a_name_in_brackets_binds_nothing(statement: str, binds: bool) -> None:
    code = f"x = 0\ndef f():\n    {statement}\n    return x\n"
    (place, *_) = defined(PYTHON, code, (4, 12))
    assert place.line == (3 if binds else 1)
