from hypothesis import given
from hypothesis import strategies as st

from mcp_server.plugins.code.source import Source, decode, one_line

TEXT = st.text(st.sampled_from("ab é\u65e5\U0001f600\n\r\t"), max_size=60)


@given(TEXT)
def test_positions_are_what_counting_characters_gives(text: str) -> None:
    source = Source(text)
    clean = text.replace("\r\n", "\n").replace("\r", "\n")
    line, column = 1, 1
    for index, character in enumerate(clean):
        offset = len(clean[:index].encode())
        assert source.position(offset) == (line, column)
        assert source.offset(line, column) == offset
        line, column = (line + 1, 1) if character == "\n" else (line, column + 1)
    assert source.position(len(source.content)) == (line, column)


@given(TEXT)
def test_lines_are_those_that_python_sees(text: str) -> None:
    source = Source(text)
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    assert [source.line(number) for number in range(1, len(lines) + 1)] == lines
    assert source.lines == len(lines) - (lines[-1] == "")


def test_positions_that_are_not_there_have_no_offset() -> None:
    source = Source("ab\nc")
    assert [source.offset(*at) for at in ((1, 3), (1, 4), (3, 1), (0, 1), (2, 2))] == [2, None, None, None, 4]


def test_a_byte_order_mark_is_no_character() -> None:
    assert Source("\ufeffa").content == b"a"


def test_text_with_a_half_of_a_surrogate_pair_can_be_read() -> None:
    assert Source("a\udc80b").content == b"a?b"


def test_what_is_no_utf8_is_latin1() -> None:
    assert decode("é".encode()) == "é"
    assert decode(b"caf\xe9") == "café"


def test_long_text_is_cut() -> None:
    assert one_line(" a\n  b\t", 10) == "a b"
    assert one_line("abcdefghij", 8) == "abcde..."
