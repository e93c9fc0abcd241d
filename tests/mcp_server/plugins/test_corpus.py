"""The tools on real code: the standard library always, JavaScript and C as far as this machine has some."""

import ast
import warnings
from collections.abc import Callable
from pathlib import Path

import pytest

from mcp_server.plugins.code.coverage import doc_coverage
from mcp_server.plugins.code.graph import file_imports
from mcp_server.plugins.code.language import Language
from mcp_server.plugins.code.metrics import metrics
from mcp_server.plugins.code.parsing import Parsed, parse
from mcp_server.plugins.code.source import Source
from mcp_server.plugins.code.syntax import syntax_errors
from mcp_server.plugins.code.uses import read_names
from soak.corpus import LEAST, files, outlines, read
from tests.mcp_server.plugins.python.oracles import (
    complexity_by_ast,
    complexity_by_us,
    has_tables,
    locals_by_symtable,
    locals_by_us,
    named_by_ast,
    named_by_us,
)
from tests.mcp_server.plugins.samples import JS, LANGUAGES, PYTHON, C, budget

PARTS = 8
STDLIB = [found.path for found in files(PYTHON)]
parts = pytest.mark.parametrize("part", range(PARTS))


def sources(files: list[Path]) -> list[Source]:
    return [source for path in files if (source := read(PYTHON, path)) is not None]


def syntax_tree(source: Source) -> ast.Module | None:
    """What Python makes of a file; None for those that are there to be wrong."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return ast.parse(source.content)
        except (SyntaxError, ValueError, RecursionError):
            return None


def only_comments(source: Source, end: int, our_end: int) -> bool:
    """Whether nothing but comments stands after line ``end`` up to line ``our_end``."""
    lines = (source.line(number).strip() for number in range(end + 1, our_end + 1))
    return our_end >= end and all(line.startswith(("#", "\f")) or not line for line in lines)


def agreeing(part: int, check: Callable[[Parsed, ast.Module], bool], step: int = 1) -> tuple[int, list[str]]:
    """How many files could be compared, and those about which the two sides differ."""
    compared, differing = 0, []
    for source in sources(STDLIB[part :: PARTS * step]):
        tree = syntax_tree(source)
        ours = parse(source, PYTHON, budget())
        if tree is None or ours.root.has_error:
            continue
        compared += 1
        if not check(ours, tree):
            differing.append(source.path)
    return compared, differing


def test_the_standard_library_is_a_corpus() -> None:
    assert len(STDLIB) >= LEAST, f"only {len(STDLIB)} files"


@parts
def test_the_outline_of_the_standard_library_has_the_functions_and_classes_that_python_sees(part: int) -> None:
    def same(ours: Parsed, tree: ast.Module) -> bool:
        found, expected = named_by_us(ours, budget()), named_by_ast(tree)
        # What is indented like a body belongs to it; to Python a comment at its end does not.
        return found.keys() == expected.keys() and all(
            only_comments(ours.source, expected[each], found[each]) for each in found
        )

    compared, differing = agreeing(part, same)
    assert compared >= LEAST / PARTS, f"only {compared} files were compared"
    assert differing == []


@parts
def test_the_complexity_of_the_standard_library_is_what_counting_in_its_syntax_trees_gives(part: int) -> None:
    def same(ours: Parsed, tree: ast.Module) -> bool:
        found = complexity_by_us(ours, budget())
        return found == complexity_by_ast(tree) or len(found) == 1000

    compared, differing = agreeing(part, same, step=8)
    assert compared >= LEAST / PARTS / 8, f"only {compared} files were compared"
    assert differing == []


@has_tables
@parts
def test_the_names_that_functions_of_the_standard_library_bind_are_those_that_the_compiler_says(part: int) -> None:
    def same(ours: Parsed, _tree: ast.Module) -> bool:
        try:
            expected = locals_by_symtable(ours.source.content.decode())
        except SyntaxError:
            return True
        return locals_by_us(ours, budget()) == expected

    compared, differing = agreeing(part, same, step=8)
    assert compared >= LEAST / PARTS / 8, f"only {compared} files were compared"
    assert differing == []


def test_the_grammar_finds_errors_in_few_files_that_python_takes() -> None:
    wrong = 0
    for source in sources(STDLIB[::8]):
        if syntax_errors(parse(source, PYTHON, budget()), budget()).count and syntax_tree(source) is not None:
            wrong += 1
    assert wrong <= 2


@pytest.mark.parametrize("language", [JS, C], ids=lambda language: language.name)
def test_every_file_of_another_language_has_an_outline(language: Language) -> None:
    found = [each.path for each in files(language)]
    chosen = found[:: max(1, len(found) // 400)]
    seen = list(outlines(language, chosen))
    refused = [(each.path, each.problem) for each in seen if each.problem]
    # One of 3,000 headers is: to the grammar its table of numbers is 8,194 levels deep.
    assert len(refused) <= len(seen) / 100, refused
    assert all("is nested more than 2000 levels deep" in problem for _, problem in refused)
    if len(seen) < LEAST:
        pytest.skip(f"this machine has only {len(seen)} {language.title} files; the corpus is {LEAST} of them")
    assert sum(each.symbols for each in seen) > len(seen)


@pytest.mark.parametrize("language", LANGUAGES, ids=lambda language: language.name)
def test_no_tool_raises_on_any_file(language: Language) -> None:
    found = [each.path for each in files(language)]
    for path in found[:: max(1, len(found) // 80)]:
        source = read(language, path)
        if source is None:
            continue
        parsed = parse(source, language, budget())
        assert bool(syntax_errors(parsed, budget()).count) == parsed.root.has_error, path
        lines = metrics(parsed, budget())
        assert (
            lines.lines
            == lines.code + lines.comment + lines.blank
            == len(source.content.split(b"\n")) - (source.content[-1:] in (b"\n", b""))
        )
        assert 0.0 <= doc_coverage(parsed, budget(), private=True).ratio <= 1.0
        for use in read_names(parsed, budget()).uses:
            assert source.text(use.start, use.end) == use.key[1]
            binding = use.scope.find(use.key)
            assert binding is None or binding.kind
        assert file_imports(parsed, None, budget()).files == 1
