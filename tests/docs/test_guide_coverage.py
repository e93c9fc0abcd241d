"""Every page of the guide is in the table of what is tested, with a test that is there and reads that page."""

import re

from tests.docs.pages import DOCS, ROOT, rows

GUIDE = DOCS / "guide"
TABLES = {"README.md", "coverage.md"}


def test_every_page_is_covered_by_a_test_that_reads_it() -> None:
    covered = set()
    for _, page, test in rows(GUIDE / "coverage.md", "section"):
        (name,) = re.findall(r"\]\((.+)\)", page)
        source = (ROOT / test.strip("`")).read_text()
        assert name in source or name.removesuffix(".md") in source, (name, test)
        assert "def test_" in source
        covered.add(name)
    assert covered | TABLES == {page.name for page in GUIDE.glob("*.md")}
