import pytest

from tests.mcp_server.plugins.samples import JS, check_definition, defined, marked, used


@pytest.mark.parametrize(
    ("kind", "code"),
    [
        ("constant", "const ¶x = 1; f(¶x)"),
        ("variable", "let ¶x = 1; { f(¶x) }"),
        ("variable", "let x = 1; { let ¶x = 2; f(¶x) }"),
        ("variable", "let ¶x = 1; { let x = 2 } f(¶x)"),
        ("variable", "function g() { if (a) { var ¶x = 1 } return ¶x }"),
        ("variable", "var ¶x; function g() { return ¶x }"),
        ("function", "function ¶f() {} ¶f()"),
        ("function", "const g = function ¶f() { ¶f() }; "),
        ("function", "function ¶f() {} const g = function f() {}; ¶f()"),
        ("class", "class ¶A {} new ¶A()"),
        ("class", "const B = class ¶A { m() { return ¶A } }"),
        ("parameter", "function f(¶a) { return ¶a }"),
        ("parameter", "(¶a) => ¶a"),
        ("parameter", "¶a => ¶a"),
        ("parameter", "function f({b: [¶a]}) { return ¶a }"),
        ("parameter", "function f({¶a = 1}) { return ¶a }"),
        ("parameter", "function f(...¶a) { return ¶a }"),
        ("parameter", "class A { m(¶a) { return () => ¶a } }"),
        ("parameter", "const o = { m(¶a) { return {a: ¶a} } }"),
        ("variable", "for (let ¶i = 0; ¶i < 1;) {}"),
        ("variable", "for (const ¶k of x) { ¶k }"),
        ("variable", "let ¶k; for (const k of ¶k) {}"),
        ("variable", "for (const k of x) {} for (let ¶k in x) ¶k"),
        ("variable", "try {} catch (¶e) { ¶e }"),
        ("variable", "try {} catch ({¶e}) { ¶e }"),
        ("import", "import ¶a from 'm'; ¶a"),
        ("import", "import {b as ¶a} from 'm'; ¶a"),
        ("import", "import {¶a} from 'm'; ¶a"),
        ("import", "import * as ¶a from 'm'; ¶a"),
        ("constant", "const ¶a = 1; const o = {¶a}"),
        ("constant", "const {x: ¶a} = o; export {¶a as b}"),
        ("function", "function ¶App() {} const e = <¶App x={1} />"),
        ("variable", "switch (a) { case 1: let ¶b = 1; f(¶b) }"),
    ],
)
def test_a_name_means_what_its_scope_says(kind: str, code: str) -> None:
    check_definition(JS, code, kind)


@pytest.mark.parametrize(
    "code",
    [
        "let ¶x = 1; function f(x) { return x } ¶x = 2; o.x; ({x: 1}); ({¶x})",
        "let x = 1; function f(¶x) { return ¶x } x = 2",
        "function f() { ¶v = 1; { var ¶v } }",
        "class A { ¶m() { this.¶m() } } function m() {} m()",
        "x.¶p = 1; const {p} = x; y.¶p",
        "import {a as ¶b} from 'a'; let a = ¶b; export {¶b as a}",
        "export {a} from 'm'; let ¶a = 1; ¶a",
    ],
)
def test_references_are_all_places_that_mean_the_same(code: str) -> None:
    used(JS, code)


def test_members_are_found_by_their_names() -> None:
    clean, places = marked("class A { ¶m() {} ¶#f = 1 }\nx.¶m(); this.¶#f")
    for definition, use in ((0, 2), (1, 3)):
        (place,) = defined(JS, clean, places[use])
        assert (place.line, place.column, place.kind, place.sure) == (*places[definition], "member", False)
