"""Every example of the guide is in the table of what is tested, stands unchanged on its page, and has a test."""

import ast
import hashlib
import re
from collections import Counter
from pathlib import Path

import pytest

from tests.docs.pages import DOCS, ROOT, blocks, coded, rows

GUIDE = DOCS / "guide"
TABLE = GUIDE / "coverage.md"
TABLES = {"README.md", "coverage.md"}

EXAMPLES = Counter(python=17, json=11, bash=11, dockerfile=1, yaml=1)
"""What the guide has, by language. Its text is not kept here: the table has a digest of each example."""


def digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def problems(table: Path, guide: Path) -> list[str]:
    """What is wrong with a table of examples, and the pages beside it."""
    found, seen = [], Counter[str]()
    for section, example, page, test in rows(table, "section"):
        language, digests = example.split()[0], coded(example)
        seen[language] += 1
        (name,) = re.findall(r"\]\((.+)\)", page)
        there = {digest(block.text) for block in blocks(guide / name, language)}
        found += [f"{section}: {each} is not on {name}" for each in digests if each not in there]
        if not digests:
            found.append(f"{section}: no example is named")
        found += [f"{section}: {problem}" for problem in without_test(coded(test)[0], name)]
    found += [
        f"{EXAMPLES[name]} examples are {name}, not {seen[name]}"
        for name in EXAMPLES | seen
        if EXAMPLES[name] != seen[name]
    ]
    every = [each for _, example, *_ in rows(table, "section") for each in coded(example)]
    return found + [f"{each} is there twice" for each, times in Counter(every).items() if times > 1]


def without_test(named: str, page: str) -> list[str]:
    """Why a test is none of this page's."""
    path, _, name = named.partition("::")
    if not (ROOT / path).is_file():
        return [f"there is no file {path}"]
    source = (ROOT / path).read_text()
    if name not in {
        each.name for each in ast.walk(ast.parse(source)) if isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef)
    }:
        return [f"there is no test {named}"]
    if page not in source:
        return [f"{path} does not read {page}"]
    return []


def test_every_example_of_the_guide_stands_on_its_page_and_has_a_test() -> None:
    assert problems(TABLE, GUIDE) == []


def test_every_page_is_covered() -> None:
    covered = {re.findall(r"\]\((.+)\)", page)[0] for _, _, page, _ in rows(TABLE, "section")}
    for page, test in rows(TABLE, "page"):
        (name,) = re.findall(r"\]\((.+)\)", page)
        assert name in (ROOT / coded(test)[0]).read_text()
        covered.add(name)
    assert covered | TABLES == {page.name for page in GUIDE.glob("*.md")}


@pytest.mark.parametrize(
    ("file", "before", "after", "told"),
    [
        ("coverage.md", r"\| API: batch request .*\n", "", "11 examples are json, not 10"),
        ("coverage.md", "::test_lines_are_written_as_shown", "::test_nothing", "there is no test"),
        ("coverage.md", "test_guide_cache.py", "test_no_cache.py", "there is no file"),
        (
            "coverage.md",
            "test_guide_cache.py::test_the_example_runs_w",
            "test_links.py::test_the_example_runs_w",
            "no test",
        ),
        ("coverage.md", r"python `7cb9a9b8f78b`", "python", "no example is named"),
        ("production.md", "duration_ms=150.5", "duration_ms=151.5", "`22938815c758` is not on production.md"),
        ("production.md", r"curl -X POST http://localhost:8080/admin/gc\n", "", "is not on production.md"),
        ("configuration.md", "STREAMING_ENABLED=true\n", "", "is not on configuration.md"),
    ],
)
def test_what_is_missing_is_noticed(tmp_path: Path, file: str, before: str, after: str, told: str) -> None:
    """The control: a row, a test or a line of an example is gone."""
    for page in GUIDE.glob("*.md"):
        text = page.read_text()
        if page.name == file:
            changed = re.sub(before, after, text)
            assert changed != text
            text = changed
        (tmp_path / page.name).write_text(text)
    assert any(told.replace("`", "") in problem for problem in problems(tmp_path / "coverage.md", tmp_path))
