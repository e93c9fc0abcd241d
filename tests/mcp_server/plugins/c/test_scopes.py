import pytest

from tests.mcp_server.plugins.samples import C, check_definition, defined, marked, used


@pytest.mark.parametrize(
    ("kind", "code"),
    [
        ("variable", "int ¶x; int f(void) { return ¶x; }"),
        ("variable", "int x; int f(void) { int ¶x; return ¶x; }"),
        ("variable", "int ¶x; int f(void) { { int x; } return ¶x; }"),
        ("parameter", "int f(int ¶a) { return ¶a; }"),
        ("parameter", "int f(int *¶a[3]) { { return *¶a; } }"),
        ("parameter", "int f(int ¶n, int a[¶n]);"),
        ("parameter", "int f(int (*cb)(int a), int ¶a) { return ¶a; }"),
        ("parameter", "int f(int (*¶cb)(int a)) { return ¶cb(1); }"),
        ("parameter", "int f(¶a) int a; { return 0; }".replace("int a;", "int b; int c = ¶a;")),
        ("variable", "int f(void) { for (int ¶i = 0; ¶i < 3;) ; }"),
        ("function", "static int ¶f(void) { return 0; } int g(void) { return ¶f(); }"),
        ("prototype", "int ¶f(int); int g(void) { return ¶f(1); }"),
        ("type", "typedef struct s ¶T; ¶T *x;"),
        ("struct", "struct ¶s { int s; }; struct ¶s x; int s;"),
        ("enum", "enum ¶e { A }; enum ¶e x;"),
        ("constant", "enum e { ¶A }; int x = ¶A;"),
        ("macro", "#define ¶N 3\nint x[¶N];"),
        ("macro", "int f(void) {\n#define ¶N 3\nreturn 0; }\nint x[¶N];"),
        ("label", "int f(int out) { goto ¶out; { ¶out: return 0; } }"),
    ],
)
def test_a_name_means_what_its_scope_says(kind: str, code: str) -> None:
    clean, places = marked(code)
    if kind == "label":
        places.reverse()
    (place,) = defined(C, clean, places[1])
    assert (place.line, place.column, place.kind, place.sure) == (*places[0], kind, True)


def test_the_kinds_of_names_are_kept_apart() -> None:
    check_definition(C, "struct x { int x; }; int ¶x; int f(struct x *p) { return p->x + ¶x; }", "variable")


@pytest.mark.parametrize(
    "code",
    [
        "int ¶x; int f(int x) { return x; } int g(void) { return ¶x + s.x; }",
        "struct ¶s { struct ¶s *next; }; int s; struct ¶s *t;",
        "struct a { int ¶f; }; struct b { int ¶f; }; int f; int g(struct a *p) { return p->¶f + f; }",
        "int f(int a) { ¶a: goto ¶a; } int g(void) { a: goto a; }",
    ],
)
def test_references_are_all_places_that_mean_the_same(code: str) -> None:
    used(C, code)


def test_fields_are_found_by_their_names() -> None:
    clean, places = marked("struct a { int *¶f; };\nint g(struct a p) { return *p.¶f + ((struct a){.f = 0}).f; }")
    (place,) = defined(C, clean, places[1])
    assert (place.line, place.column, place.kind, place.sure) == (*places[0], "member", False)
