"""Links lead somewhere, and every page can be found."""

import re
from pathlib import Path
from urllib.parse import unquote

import pytest

from tests.docs.pages import DOCS, PAGES, ROOT, plain

_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")


def links(page: Path) -> list[str]:
    return [link for link in _LINK.findall(plain(page)) if "://" not in link]


def anchors(page: Path) -> set[str]:
    """The headings of a page, as links name them."""
    headings = re.findall(r"^#+ (.+)$", plain(page), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    for link in links(page):
        path, _, anchor = link.partition("#")
        target = (page.parent / unquote(path)).resolve() if path else page
        assert target.exists(), f"{link} leads nowhere"
        assert target.is_relative_to(ROOT)
        if anchor:
            assert anchor in anchors(target), f"{target.name} has no heading {anchor}"


def test_every_page_can_be_reached_from_the_readme() -> None:
    found, left = set(), [ROOT / "README.md"]
    while left:
        page = left.pop().resolve()
        if page.suffix == ".md" and page not in found:
            found.add(page)
            left += [page.parent / unquote(link.partition("#")[0]) for link in links(page) if link[0] != "#"]
    assert set(DOCS.rglob("*.md")) <= found


def test_every_decision_is_in_the_list_of_decisions() -> None:
    listed = set(links(DOCS / "decisions" / "README.md"))
    assert listed == {page.name for page in (DOCS / "decisions").glob("*.md")} - {"README.md"}


def test_tests_that_are_named_exist() -> None:
    """A page that says what guards a rule names tests that are there."""
    tests = "\n".join(test.read_text() for test in (ROOT / "tests").rglob("test_*.py"))
    for page in PAGES:
        for name in re.findall(r"`(test_\w+)`", plain(page)):
            assert f"def {name}(" in tests, f"{page.name} names {name}"
