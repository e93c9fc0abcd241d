import re
from time import perf_counter
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcp_server.features.unusable import Unusable
from mcp_server.features.uris import UriTemplate


@pytest.mark.parametrize(
    ("template", "uri", "values"),
    [
        ("notes://today", "notes://today", {}),
        ("notes://today", "notes://Today", None),
        ("notes://{day}", "notes://monday", {"day": "monday"}),
        ("notes://{day}", "notes://", None),
        ("notes://{day}", "notes://a/b", None),
        ("notes://{day}", "notes://a?b", None),
        ("notes://{day}/{part}", "notes://a/b", {"day": "a", "part": "b"}),
        ("notes://{day}/{part}", "notes://a/b/c", None),
        ("notes://{day}.txt", "notes://a.txt.txt", {"day": "a.txt"}),
        ("notes://{day}.txt", "notes://.txt", None),
        ("notes://{a}-{b}", "notes://x-y-z", {"a": "x", "b": "y-z"}),
        ("file:///{+path}", "file:///a/b/c.txt", {"path": "a/b/c.txt"}),
        ("file:///{path*}", "file:///a/b?c", {"path": "a/b?c"}),
        ("file:///{+path}/end", "file:///a/b/end", {"path": "a/b"}),
        ("notes://{day}", "notes://caf%C3%A9%20", {"day": "caf\u00e9 "}),
        ("notes://{day}", "notes://%ff", None),
        ("notes://{day}", "notes://a%00", None),
        ("notes://{day}", "notes://a%2Fb", None),
        ("notes://{day}", "notes://..", None),
        ("notes://{day}", "notes://%2e%2E", None),
        ("file:///{+path}", "file:///..%2Fetc", {"path": "../etc"}),
    ],
)
def test_a_template_matches_what_it_stands_for(template: str, uri: str, values: dict[str, str] | None) -> None:
    assert UriTemplate(template).match(uri) == values


words = st.text(min_size=1, max_size=8).filter(lambda word: not set(word) & set("/\0") and word.strip("."))


@given(words, words, words)
def test_what_was_put_in_comes_out(a: str, b: str, c: str) -> None:
    template = UriTemplate("x://{a}/mid/{b}?q={+c}")
    uri = f"x://{quote(a, safe='')}/mid/{quote(b, safe='')}?q={quote(c)}"
    assert template.match(uri) == {"a": a, "b": b, "c": c}


@given(st.text(alphabet="x:/-%.a2Ff", max_size=30))
def test_every_value_is_found_again_in_the_uri(uri: str) -> None:
    values = UriTemplate("x:{a}-{b}-{+c}").match(uri)
    if values is not None:
        assert re.match(r"x:[^/?#]+?-[^/?#]+?-.", uri)
        assert "/" not in values["a"] + values["b"]


def test_matching_takes_time_that_grows_with_the_uri_and_no_faster() -> None:
    template = UriTemplate("x:{a}-{b}-{c}-{d}-{e}-{f}!")
    began = perf_counter()
    assert template.match("x:" + "-" * 1_000_000) is None
    assert template.match("x:" + "a-" * 1_000_000) is None
    assert perf_counter() - began < 1.0


@pytest.mark.parametrize(
    ("template", "told"),
    [
        ("notes", "no absolute URI"),
        ("{scheme}://x", "no absolute URI"),
        ("x://{a}{b}", "nothing between them"),
        ("x://{a}/{a}", "uses a variable twice"),
        ("x://{?q}", "{?q} is not served"),
        ("x://{a,b}", "{a,b} is not served"),
        ("x://{}", "{} is not served"),
        ("x://{a", "a brace without its partner"),
        ("x://a}", "a brace without its partner"),
    ],
)
def test_a_template_that_is_not_served_says_so(template: str, told: str) -> None:
    with pytest.raises(Unusable, match=re.escape(told)):
        UriTemplate(template)
