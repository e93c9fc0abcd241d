import re

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from mcp_server.prompts.text import BadText, Text

SOURCES = st.lists(st.sampled_from(["{", "}", "{a}", "{b_1}", "{c-d}", "{a.b}", "x", "1", "!", ":", " ", "\n"])).map(
    "".join
)
VALUES = st.text("{}ab.!:", max_size=8)


def by_hand(source: str, value: str) -> str | None:
    """What is to come out, read character by character; each name stands for itself and ``value``. None: refused."""
    out, at = "", 0
    while at < len(source):
        if source[at : at + 2] in ("{{", "}}"):
            out, at = out + source[at], at + 2
        elif source[at] == "{":
            end = source.find("}", at)
            name = source[at + 1 : end]
            if end < 0 or not re.fullmatch("[a-z_][a-z0-9_-]*", name):
                return None
            out, at = out + name + value, end + 1
        elif source[at] == "}":
            return None
        else:
            out, at = out + source[at], at + 1
    return out


def fill(text: Text, value: str) -> str:
    return text.fill({name: name + value for name in text.names})


@given(SOURCES, VALUES)
@example("{{{a}}}", "{b_1}")
@example("}}{{", "")
def test_a_text_is_filled_as_by_hand(source: str, value: str) -> None:
    expected = by_hand(source, value)
    if expected is None:
        with pytest.raises(BadText):
            Text(source)
    else:
        text = Text(source)
        assert fill(text, value) == expected
        assert text.size({name: name + value for name in text.names}) == len(expected)


@given(SOURCES, VALUES)
def test_what_is_accepted_means_what_it_means_to_format(source: str, value: str) -> None:
    assume(by_hand(source, value) is not None)
    text = Text(source)
    assert fill(text, value) == source.format_map({name: name + value for name in text.names})


@given(st.text())
def test_doubled_braces_come_out_as_they_were(text: str) -> None:
    assert Text(text.replace("{", "{{").replace("}", "}}")).fill({}) == text


@given(st.text(), st.text())
def test_values_are_never_expanded(one: str, other: str) -> None:
    assert Text("{a}{b}-{a}").fill({"a": one, "b": other}) == f"{one}{other}-{one}"


def test_replacing_one_name_after_the_other_would_expand_values() -> None:
    """The control: the property above tells the two apart."""
    values = {"a": "{b}", "b": "x"}
    replaced = "{a}{b}-{a}"
    for name, value in values.items():
        replaced = replaced.replace(f"{{{name}}}", value)
    assert replaced == "xx-x"
    assert Text("{a}{b}-{a}").fill(values) == "{b}x-{b}"


@pytest.mark.parametrize("inside", ["a.b", "a[0]", "a!r", "a:>9", "", "0", "a b", "a{b}", " a", "é"])
def test_only_a_name_stands_between_braces(inside: str) -> None:
    with pytest.raises(BadText, match="literal brace is doubled"):
        Text(f"x {{{inside}}}")


@pytest.mark.parametrize(
    ("source", "line"), [("{", 0), ("one\ntwo }\n", 1), ("{a}\n\n{", 2), ("{a\n}\n", 0), ("{{{a}}}\n}}}", 1)]
)
def test_a_lone_brace_is_told_with_its_line(source: str, line: int) -> None:
    with pytest.raises(BadText) as caught:
        Text(source)
    assert caught.value.line == line


def test_names_are_told_with_the_line_where_they_first_stand() -> None:
    assert Text("{{a}}\n{b} {a}\n\n{b}{c}").names == {"b": 1, "a": 1, "c": 3}
