import pytest

from mcp_server.plugins.code.outline import outline
from tests.mcp_server.plugins.samples import C, budget, parsed, symbol, tree

CODE = """\
#ifndef SHAPE_H
#define SHAPE_H
#include <stdio.h>

/* The most
 * sides. */
#define SIDES 8
#define AREA(w, h) ((w) * \\
                    (h))

/** A shape. */
typedef struct shape {
    int sides; /* how many */
    union { float area; double precise; };
    struct inner { char c; } *in, list[3];
    int (*draw)(struct shape *);
} Shape, *ShapePtr;

enum colour { RED = 1, GREEN };
struct later;

#ifdef __cplusplus
extern "C" {
#endif
/// Makes one.
extern Shape *shape_new(int sides, const char *name);
int a, *b = 0, c[3], (*callback)(int), (plain)(void);
#ifdef __cplusplus
}
#endif

static inline const char *name_of(const Shape *shape)
{
    struct local { int x; } l;
    int hidden = 0;
    return "x";
}

int (*pick(int which))(int) { return 0; }
int old(x, y) int x; char y; { return x; }
#endif
"""


def test_symbols_are_nested_as_they_are_written() -> None:
    assert tree(C, CODE) == [
        *("macro SHAPE_H", "macro SIDES", "macro AREA"),
        "type Shape",
        [
            "struct shape",
            [
                *("field sides", "field area", "field precise"),
                *("field in", ["struct inner", ["field c"]], "field list", "field draw"),
            ],
        ],
        "type ShapePtr",
        *("enum colour", ["constant RED", "constant GREEN"]),
        "prototype shape_new",
        *("variable a", "variable b", "variable c", "variable callback", "prototype plain"),
        *("function name_of", "function pick", "function old"),
    ]


@pytest.mark.parametrize(
    ("name", "doc"),
    [("SIDES", "The most\nsides."), ("Shape", "A shape."), ("shape_new", "Makes one."), ("sides", ""), ("name_of", "")],
)
def test_comments_before_a_definition_are_its_documentation(name: str, doc: str) -> None:
    assert symbol(C, CODE, name).doc == doc


@pytest.mark.parametrize(
    ("name", "signature"),
    [
        ("name_of", "static inline const char *name_of(const Shape *shape)"),
        ("shape_new", "extern Shape *shape_new(int sides, const char *name)"),
        ("colour", "enum colour"),
        ("SIDES", "#define SIDES 8"),
        ("AREA", "#define AREA(w, h) ((w) *"),
        ("old", "int old(x, y) int x; char y"),
    ],
)
def test_signatures_are_on_one_line(name: str, signature: str) -> None:
    assert symbol(C, CODE, name).signature == signature


@pytest.mark.parametrize(
    "code", ["", "int", "struct {", "#define", "#if", "int f(", "typedef", "enum { A,", "/*", "#include <"]
)
def test_any_code_has_an_outline(code: str) -> None:
    outline(parsed(C, code), budget())
