import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from mcp_server.prompts import PromptArgument, PromptTemplate
from mcp_server.prompts.markdown import BadFile, parse_template

GOOD = """\
---
name: api_documentation
title: API documentation
description: Generate API documentation for endpoints
category: documentation
tags: [api, "1.0"]
arguments:
  - name: endpoint
    description: API endpoint path
  - {name: method, required: false, default: GET, suggestions: [GET, POST]}
---

# {endpoint}

Document {method} with an example such as {{}}.

"""


def refused(text: str | bytes) -> tuple[int, str]:
    with pytest.raises(BadFile) as caught:
        parse_template(text.encode() if isinstance(text, str) else text, "file")
    return caught.value.line, str(caught.value)


def test_a_file_is_a_template() -> None:
    expected = PromptTemplate(
        "api_documentation",
        "Generate API documentation for endpoints",
        "# {endpoint}\n\nDocument {method} with an example such as {{}}.",
        [
            PromptArgument("endpoint", "API endpoint path"),
            PromptArgument("method", "", False, "GET", ["GET", "POST"]),
        ],
        "documentation",
        ["api", "1.0"],
        "API documentation",
    )
    assert parse_template(GOOD.encode(), "file") == expected
    assert parse_template(b"\xef\xbb\xbf" + GOOD.replace("\n", "\r\n").encode(), "file") == expected


@pytest.mark.parametrize("front", ["", "# nothing\n", "title:\ntags:\narguments:\n"])
def test_the_name_is_that_of_the_file_unless_it_is_given(front: str) -> None:
    assert parse_template(f"---\n{front}---\nhello\n".encode(), "greet") == PromptTemplate("greet", "", "hello")


def test_three_dashes_in_the_text_are_text() -> None:
    assert parse_template(b"---\n---\na\n---\nb", "x").prompt == "a\n---\nb"


@pytest.mark.parametrize(
    ("text", "line", "told"),
    [
        ("", 1, "the first line must be ---"),
        ("# Title\n", 1, "the first line must be ---"),
        ("---\nname: x\n", 1, "has no end"),
        ("---\nname: x\n---\n\n \n", 5, "there is no prompt"),
        ("---\n- a\n---\nx", 2, "must be fields such as name"),
        ("---\nname: x\ntags: [a\ncategory: b\n---\nx", 4, "no YAML"),
        ("---\nname: x\n\tb: 1\n---\nx", 3, "no YAML"),
        ("---\nname: x\ndescription: a\x01b\n---\nx", 3, "no YAML: special characters"),
        ("---\nname: x\ndiscription: y\n---\nx", 3, "no field discription; did you mean description?"),
        ("---\nname: x\nname: y\n---\nx", 3, "name is given twice"),
        ("---\nname: 12\n---\nx", 2, "YAML takes 12 for none: quote it"),
        ("---\nname: a b\n---\nx", 2, "name must be"),
        ("---\ndescription: [a]\n---\nx", 2, "description must be text"),
        ("---\nname: x\ntags: api\n---\nx", 3, "tags must be a list"),
        ("---\nname: x\ntags:\n  - a\n  - 1\n---\nx", 5, "tags must be text"),
        ("---\nname: x\ntags:\n  - a\n  - ' '\n---\nx", 5, "tags must be text on one line"),
        ("---\narguments:\n  - a\n---\n{a}", 3, "an argument must be fields such as name"),
        ("---\narguments:\n  - description: a\n---\n{a}", 3, "an argument has no name"),
        ("---\narguments:\n  - name: a\n    need: true\n---\n{a}", 4, "an argument has no field need"),
        ("---\narguments:\n  - name: a\n    required: maybe\n---\n{a}", 4, "required must be true or false"),
        ("---\narguments:\n  - name: a\n    required: true\n    default: x\n---\n{a}", 5, "a has a default"),
        ("---\narguments:\n  - name: a.b\n---\n{a}", 3, "cannot be an argument's name"),
        ("---\narguments:\n  - name: a\n  - name: b\n---\n{a}", 4, "the argument b is never used"),
        ("---\nname: x\n---\n\nfirst\n{a}\n", 6, "{a} stands for no argument that is declared"),
        ("---\nname: x\n---\nfirst\n\n{a.b}\n", 6, "{a.b} is no placeholder"),
        ("---\nname: x\n---\n" + "x" * 70_000, 4, "at most 65536"),
        ("---\n# " + "x" * 20_000 + "\n---\nx", 2, "at most 16384"),
        (b"---\nname: x\n---\nabc\n\xff\n", 5, "it is not UTF-8"),
        ("---\nname: !!python/object/apply:os.system [echo]\n---\nx", 2, "name must be text"),
        ('---\ndescription: "\\ud800"\n---\nx', 2, "not valid Unicode"),
    ],
)
def test_what_is_wrong_is_told_with_its_line(text: str | bytes, line: int, told: str) -> None:
    at, problem = refused(text)
    assert told in problem
    assert at == line


@pytest.mark.parametrize(
    "front",
    [
        "tags: " + "[" * 5_000,
        "{" * 5_000,
        "a: &a [x]\n" + "\n".join(f"b{n}: &b{n} [{', '.join(['*a'] * 9)}]" for n in range(50)),
        "tags: &a [*a]",
        "? [a]\n: b",
        "a: 1\n---\nb: 2",
        "name: x\n...\nname: y",
        "&a name: x\n*a : y",
    ],
)
def test_hostile_front_matter_costs_an_error(front: str) -> None:
    refused(f"---\n{front}\n---\nx")


@given(
    st.one_of(
        st.binary(),
        st.text().map(str.encode),
        st.text("-{}[]:#&*!|>'\"%@, \nab").map(lambda t: f"---\n{t}\n---\nx".encode()),
    )
)
@example(b"---\r\n---\r\nx")
def test_any_bytes_are_a_template_or_a_bad_line(data: bytes) -> None:
    found: PromptTemplate | BadFile
    lines = range(1, data.count(b"\n") + 2)
    try:
        found = parse_template(data, "file")
    except BadFile as error:
        found = error
    assert isinstance(found, PromptTemplate) or found.line in lines


TEXTS = st.text(st.characters(codec="utf-8", categories=("L", "N", "P", "Zs")), min_size=1, max_size=20)


@given(TEXTS, TEXTS, st.lists(TEXTS, max_size=3))
def test_what_is_quoted_comes_back_as_it_was(description: str, prompt: str, tags: list[str]) -> None:
    import yaml

    front = yaml.safe_dump({"description": description, "tags": tags}, allow_unicode=True)
    body = prompt.replace("{", "{{").replace("}", "}}")
    try:
        expected = PromptTemplate("file", description, f"|{body}|", tags=tags)
    except TypeError:  # such as a tag of spaces
        return
    assert parse_template(f"---\n{front}---\n|{body}|".encode(), "file") == expected
