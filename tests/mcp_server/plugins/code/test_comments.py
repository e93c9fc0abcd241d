import pytest

from mcp_server.plugins.code.comments import plain


@pytest.mark.parametrize(
    ("comment", "words"),
    [
        ("// one", "one"),
        ("/// two", "two"),
        ("//! three", "three"),
        ("/* four */", "four"),
        ("/** five */", "five"),
        ("/*! six */", "six"),
        ("/**\n * seven\n *   eight\n *\n * nine\n **/", "seven\n  eight\n\nnine"),
        ("/*\n   ten\n   eleven\n*/", "ten\n   eleven"),
        ("/**/", ""),
        ("//", ""),
        ("/* * */", ""),
        ("/***********\n * twelve *\n ***********/", "twelve *"),
    ],
)
def test_the_marks_of_a_comment_are_taken_off(comment: str, words: str) -> None:
    assert plain(comment) == words
