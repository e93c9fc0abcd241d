from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mcp_server.features.results import ToolError
from mcp_server.plugins.code import query as module
from mcp_server.plugins.code.budget import OutOfTime
from mcp_server.plugins.code.parsing import walk
from mcp_server.plugins.code.query import run_query
from tests.mcp_server.plugins.samples import JS, PYTHON, C, budget, parsed

CODE = "def é(a): pass\ndef g(): return é(1)\nclass K: pass\n"
SLOW = "(_ (_)* @a (_)* @b (_)* @c (_)* @d)"
REGEX = '((string_content) @a (#match? @a "^(a|a)*$"))'


def found(query: str, most: int = 100) -> list[list[tuple[str, str, int, int]]]:
    matches = run_query(parsed(PYTHON, CODE), query, most, budget()).matches
    return [[(each.name, each.text, each.line, each.column) for each in match.captures] for match in matches]


def test_captures_are_told_with_their_text_and_place() -> None:
    query = "(function_definition name: (identifier) @name body: (block) @body)"
    assert found(query) == [
        [("name", "é", 1, 5), ("body", "pass", 1, 11)],
        [("name", "g", 2, 5), ("body", "return é(1)", 2, 10)],
    ]


def test_predicates_choose() -> None:
    assert found('((identifier) @n (#eq? @n "K"))') == [[("n", "K", 3, 7)]]
    assert found('((identifier) @n (#match? @n "^[g-h]$"))') == [[("n", "g", 2, 5)]]
    assert found('((identifier) @n (#any-of? @n "K" "g"))') == [[("n", "g", 2, 5)], [("n", "K", 3, 7)]]
    assert found('((identifier) @n (#not-eq? @n "é") (#not-eq? @n "a") (#not-eq? @n "g"))') == [[("n", "K", 3, 7)]]


def test_several_patterns_are_told_apart() -> None:
    matches = run_query(parsed(PYTHON, CODE), "(class_definition) @c (call) @d", 10, budget()).matches
    assert [(match.pattern, match.captures[0].kind) for match in matches] == [(1, "call"), (0, "class_definition")]


def test_every_node_of_a_kind_is_found() -> None:
    tree = parsed(JS, "f(a, [b, {c}], d => e(g));" * 20)
    expected = sorted((n.start_byte, n.end_byte) for n, _ in walk(tree.root, lambda _: True) if n.type == "identifier")
    matches = run_query(tree, "(identifier) @i", 1000, budget()).matches
    starts = [(each.column - 1, each.end_column - 1) for match in matches for each in match.captures]
    assert sorted(starts) == expected


def test_no_more_matches_come_than_were_asked_for() -> None:
    answer = run_query(parsed(PYTHON, CODE), "(identifier) @n", 2, budget())
    assert (len(answer.matches), answer.truncated) == (2, True)
    assert not run_query(parsed(PYTHON, CODE), "(class_definition) @n", 1, budget()).truncated


@pytest.mark.parametrize(
    ("query", "reason"),
    [
        ("(functoin_definition) @a", "line 1, column 2: invalid node type 'functoin_definition'; did you mean fun"),
        ("(module\n  (function_definition nmae: (_)))", "line 2, column 24: invalid field name 'nmae'; did you mean n"),
        ("(identifier) @a (#eq? @b 1)", "invalid"),
        ('((identifier) @a (#eq? @b "é"))', "at line 1, column 25: invalid capture name: b"),
        ("((identifier) @a", "a bracket or quote is not closed"),
        ("(identifier))", "at line 1, column 13: invalid syntax"),
        ("(module (module))", "at line 1, column 9: impossible pattern"),
        ('((identifier) @a (#match? @a "["))', "invalid predicate"),
        ("((identifier) @a (#frob? @a))", "predicate #frob? that is not known; there are #eq?"),
        ("; é\n(zzz)", "at line 2, column 2: invalid node type 'zzz'"),
        ('((identifier) @a (#not-any-of? @a "b"))', "write a #not-eq? for each value"),
    ],
)  # fmt: skip
def test_a_query_that_is_wrong_is_explained_with_the_place(query: str, reason: str) -> None:
    with pytest.raises(ToolError) as raised:
        found(query)
    assert reason in str(raised.value)


@pytest.mark.parametrize(
    ("query", "code"),
    [(SLOW, "x = [" + "a," * 20_000 + "]"), (REGEX, f"x = '{'a' * 60}b'")],
    ids=["matcher", "pattern"],
)
def test_a_query_that_takes_exponential_time_is_stopped(monkeypatch: pytest.MonkeyPatch, query: str, code: str) -> None:
    monkeypatch.setattr(module, "SECONDS", 0.5)
    with pytest.raises(OutOfTime, match=r"the query took more than 0\.5 s; make it narrower"):
        run_query(parsed(PYTHON, code), query, 10, budget())


def test_a_query_that_takes_too_much_memory_is_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    code = parsed(C, "int " + "a," * 100_000 + "b;")
    query = '[(_) ","] @a @b @c @d @e @f'
    assert run_query(code, query, 1, budget()).truncated  # a control: with all of the memory there is an answer
    monkeypatch.setattr(module, "MEMORY", 128 * 1024 * 1024)
    with pytest.raises(ToolError, match="the query needed too much memory"):
        run_query(code, query, 1, budget())


@settings(max_examples=15)
@given(st.text(st.sampled_from('()[]@#?!*+._ "\\;identifier'), max_size=30))
def test_any_text_is_a_query_or_is_explained(query: str) -> None:
    with suppress(ToolError):
        found(query)
