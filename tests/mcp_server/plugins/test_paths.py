import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcp_server.plugins.paths import BadPath, is_served, parts_of

ODD = st.text(st.sampled_from("a.b/\\\0~ \u2024\uff0e\uff0f\u202e\u2044é\n:"), max_size=12)


@pytest.mark.parametrize(
    "path",
    [
        *("/etc/passwd", "//server/share", "C:/x", "c:x", "a\\b", "..\\x"),
        *("..", "../x", "a/..", "a/../b", "./a", "a/./b", "a//b", "a/b//"),
        *(".git/config", "a/.env", ".hidden", "node_modules/x.js", "src/__pycache__/x.pyc", "CVS/Root"),
        *("a\0b", "a\nb", "a\x1bb", "a\u202eb", "a\u200db", "a\u2028b", "\udc80"),
        *("\uff0e\uff0e/x", "a/\u2025/b", "\u2024\u2024/x", "a\uff0fb", "\uff0egit/config", "a\uff3cb"),
        *("x" * 1025, "/".join("a" * 65)),
    ],
)
def test_paths_that_lead_elsewhere_or_hide_something_are_refused(path: str) -> None:
    with pytest.raises(BadPath):
        parts_of(path)


@pytest.mark.parametrize(
    ("path", "parts"),
    [
        ("", ()),
        (".", ()),
        ("a", ("a",)),
        ("a/b.py", ("a", "b.py")),
        ("a/", ("a",)),
        ("é/日本/a b", ("é", "日本", "a b")),
        ("a..b/...c"[:4], ("a..b",)),
    ],
)
def test_relative_paths_are_taken_apart(path: str, parts: tuple[str, ...]) -> None:
    assert parts_of(path) == parts


@given(ODD | st.text(max_size=20))
def test_no_part_that_is_let_through_means_more_than_its_name(path: str) -> None:
    try:
        parts = parts_of(path)
    except BadPath:
        return
    assert "/".join(parts) == ("" if path == "." else path.removesuffix("/"))
    for part in parts:
        plain = unicodedata.normalize("NFKC", part)
        assert part
        assert not plain.startswith(".")
        assert not set(plain) & set("/\\\0\n")
        assert is_served(part)


def test_folders_can_be_left_out_by_name() -> None:
    assert parts_of("node_modules/x.js", frozenset()) == ("node_modules", "x.js")
    with pytest.raises(BadPath, match="folders named vendor are left out"):
        parts_of("a/vendor/x.js", frozenset({"vendor"}))
