import base64
from typing import Any

import pytest

from events import codes
from events.decided import RequestRejected
from events.observed import Headers, PolicyReplaced
from operators.admit import admit
from operators.admitted import Admitted
from operators.param_headers import ParamHeader
from operators.policy import Policy, dump
from tests.facts import modern, origin
from tests.passing import through

REGION = ParamHeader("query", "region", ("region",))
DEEP = ParamHeader("query", "deep", ("a", "b"))


def encoded(text: str) -> str:
    return f"=?base64?{base64.b64encode(text.encode()).decode()}?="


def refused(arguments: Any, sent: dict[str, str] | None, tool: str = "query") -> str:
    """What is wrong with a call; empty when nothing is."""
    headers = Headers("2026-07-28", "tools/call", tool, sent)
    params = {"name": tool} if arguments is None else {"name": tool, "arguments": arguments}
    last = through(admit((), (REGION, DEEP)), modern(1, "tools/call", params, headers=headers))[-1]
    if isinstance(last, Admitted):
        return ""
    assert isinstance(last, RequestRejected)
    assert last.code == codes.HEADER_MISMATCH
    return last.message


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("eu", "eu"),
        ("eu", "  eu "),
        ("Hello", "=?base64?SGVsbG8=?="),
        ("Z\u00fcrich", encoded("Z\u00fcrich")),
        (" eu", encoded(" eu")),
        ("SGVsbG8=", "SGVsbG8="),
        ("=?base64?SGVsbG8=", "=?base64?SGVsbG8="),
        ("", ""),
        (42, "42"),
        (42, "42.0"),
        (2**60 + 1, str(2**60 + 1)),
        (True, "true"),
        (False, "false"),
    ],
)
def test_a_header_that_says_what_the_argument_says_is_let_in(value: Any, text: str) -> None:
    assert refused({"region": value}, {"region": text}) == ""


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("eu", "us"),
        ("eu", "EU"),
        ("Hello", "=?base64?SGVsbG8?="),
        ("Hello", "=?base64?SGVs!!!bG8=?="),
        ("Hello", "=?base64?/w==?="),
        ("eu", "eu, eu"),
        (42, "43"),
        (42, "forty-two"),
        (2**60 + 1, str(2**60)),
        (True, "True"),
        (True, "1"),
        (1, "true"),
    ],
)
def test_one_that_says_something_else_is_not(value: Any, text: str) -> None:
    assert "does not say what the argument region does" in refused({"region": value}, {"region": text})


def test_header_and_argument_come_together_or_not_at_all() -> None:
    assert "Mcp-Param-region is missing" in refused({"region": "eu"}, {})
    assert "Mcp-Param-region is missing" in refused({"region": "eu"}, None)
    assert "the argument region is not" in refused({}, {"region": "eu"})
    assert "the argument region is not" in refused({"region": None}, {"region": "eu"})
    assert "the argument region is not" in refused(None, {"region": "eu"})
    assert refused({"region": None}, {}) == refused(None, {}) == refused(None, {"other": "x"}) == ""


def test_an_argument_may_stand_deeper() -> None:
    assert refused({"a": {"b": "x"}}, {"deep": "x"}) == ""
    assert "a.b" in refused({"a": {"b": "x"}}, {})
    assert refused({"a": "b"}, {}) == ""


def test_other_tools_and_transports_without_headers_bring_none() -> None:
    assert refused({"region": "eu"}, {}, "other") == ""
    call = modern(1, "tools/call", {"name": "query", "arguments": {"region": "eu"}})
    assert isinstance(through(admit((), (REGION,)), call)[-1], Admitted)


def test_headers_that_are_wanted_later_count_from_then_on() -> None:
    headers = Headers("2026-07-28", "tools/call", "query", {})
    call = modern(1, "tools/call", {"name": "query", "arguments": {"region": "eu"}}, headers=headers)
    replaced = PolicyReplaced(origin(None), dump(Policy(headers=(REGION,))))
    assert isinstance(through(admit(), call)[-1], Admitted)
    assert isinstance(through(admit(), replaced, call)[-1], RequestRejected)
