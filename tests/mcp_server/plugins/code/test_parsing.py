import sys
import threading
import time
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tree_sitter import Parser

from mcp_server.features.results import ToolError
from mcp_server.plugins.code import parsing
from mcp_server.plugins.code.budget import Budget, OutOfTime
from mcp_server.plugins.code.language import Language
from mcp_server.plugins.code.parsing import parse, too_deep, walk
from mcp_server.plugins.code.source import Source
from tests.mcp_server.plugins.samples import LANGUAGES, PYTHON, budget, parsed

CODE = st.lists(st.sampled_from(["(", ")", "[", "]", "a", "+", ",", ":", "if a:", "\n", "    ", "{", "}"]), max_size=40)
languages = pytest.mark.parametrize("language", LANGUAGES, ids=lambda language: language.name)


def every(node: object) -> bool:
    return True


@given(CODE.map("".join), st.sampled_from(LANGUAGES))
def test_a_walk_shows_what_recursion_does(code: str, language: Language) -> None:
    root = parsed(language, code).root
    expected: list[tuple[int, int]] = []

    def recurse(node: object, depth: int) -> None:
        expected.append((node.id, depth))  # type: ignore[attr-defined]
        for child in node.children:  # type: ignore[attr-defined]
            recurse(child, depth + 1)

    recurse(root, 0)
    assert [(node.id, depth) for node, depth in walk(root, every)] == expected


@given(CODE.map("".join), st.integers(1, 12))
def test_a_tree_is_too_deep_when_a_node_is(code: str, most: int) -> None:
    root = parsed(PYTHON, code).root
    deepest = max(depth for _, depth in walk(root, every))
    assert too_deep(root, most) == (deepest >= most)


def test_a_walk_leaves_out_what_it_is_told_to() -> None:
    root = parsed(PYTHON, "def f():\n    x = 1\ny = 2").root
    kinds = [node.type for node, _ in walk(root, lambda node: node.type == "module")]
    assert kinds == ["module", "function_definition", "expression_statement"]


@languages
def test_ten_thousand_levels_are_refused(language: Language) -> None:
    with pytest.raises(ToolError, match="deep is nested more than 2000 levels deep"):
        parsed(language, "(" * 10_000 + "1" + ")" * 10_000, "deep")
    assert parsed(language, "(" * 900 + "1" + ")" * 900)


@languages
def test_a_file_with_more_syntax_than_any_that_people_write_is_refused(language: Language) -> None:
    with pytest.raises(ToolError, match="the code has too much syntax for one file"):
        parse(Source("a;" * 1000), language, budget(), effort=10)
    with pytest.raises(ToolError, match="too much syntax"):
        parsed(language, "a;" * (1 << 20))


def test_parsing_stops_when_its_time_is_over() -> None:
    with pytest.raises(OutOfTime, match="this took more than 0 s"):
        parse(Source("x = [1, 2]\n" * 20_000), PYTHON, Budget(0.0))


@languages
@pytest.mark.parametrize(("line", "effort"), [("f(a)\n", 10**9), ("f(a)\n", 10), ("\\\n", 10**9)])
def test_a_text_that_was_parsed_is_let_go_of(language: Language, line: str, effort: int) -> None:
    source = Source(line * 9000)
    before = sys.getrefcount(source.content)
    with suppress(ToolError):
        parse(source, language, budget(), effort=effort)
    after = sys.getrefcount(source.content)  # an assertion holds on to what it shows
    assert after == before


def test_the_library_keeps_what_it_is_given_to_parse() -> None:
    content = b"f(a)\n" * 100
    before = sys.getrefcount(content)
    Parser(PYTHON.grammar).parse(lambda offset, _point: content[offset:])
    after = sys.getrefcount(content)
    assert after > before, "mended: parse() needs no views that it releases"


def test_parsing_stops_when_nobody_waits_for_it() -> None:
    asked = 0

    def cancelled() -> bool:
        nonlocal asked
        asked += 1
        return asked > 3

    with pytest.raises(OutOfTime):
        parse(Source("x = [1, 2]\n" * 20_000), PYTHON, Budget(60.0, cancelled))
    assert asked < 10


def test_other_threads_run_while_a_file_is_parsed() -> None:
    done = threading.Event()
    turns = 0

    def count() -> None:
        nonlocal turns
        while not done.is_set():
            turns += 1
            time.sleep(0)

    other = threading.Thread(target=count)
    other.start()
    try:
        before = turns
        parse(Source("x = [1, 2, 3]\n" * 15_000), PYTHON, budget())
        assert turns > before + 3
    finally:
        done.set()
        other.join()


def test_the_bounds_are_those_that_the_docs_tell() -> None:
    assert (parsing.DEPTH, parsing.EFFORT) == (2000, 20_000)
