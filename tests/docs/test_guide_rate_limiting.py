"""The examples of the page on rate limiting, run as they stand."""

import ast
import dataclasses
import inspect
import json
from typing import Any

import msgspec
import pytest

import mcp_server.performance
from events.observed import PermitRefused
from mcp_server.performance import rate_limiter
from mcp_server.performance.rate_limiter import RateLimitAlgorithm, RateLimiterConfig
from operators.limits.limit import PARTS, Algorithm, Limit
from operators.limits.sliding_window_log import MOST_LOGGED
from operators.policy import Policy
from operators.rate_limit import rate_limit
from tests.docs.pages import DOCS, blocks, coded, plain, rows
from tests.facts import admitted, origin
from tests.passing import through

PAGE = DOCS / "guide" / "rate-limiting.md"


async def test_the_python_of_the_page_runs(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("RateLimiter", "RateLimiterConfig", "RateLimitAlgorithm"):
        monkeypatch.setattr(mcp_server.performance, name, getattr(rate_limiter, name), raising=False)
    names: dict[str, Any] = {}
    first, second = blocks(PAGE, "python")
    for block in (first, second):
        code = "\n" * (block.line - 1) + block.text
        outcome = eval(compile(code, str(PAGE), "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT), names)
        if inspect.isawaitable(outcome):
            await outcome
        result = names["result"]
        assert (result.allowed, result.remaining, result.retry_after, result.limit) == (True, 119, 0.0, 120)
    assert capsys.readouterr().out == "[True, True, True, False]\n"
    # The first block asks on until it is refused.
    while (await names["limiter"].check_limit("user_123")).allowed:
        pass
    ask = first.text[first.text.index("# Check rate limit") :]
    await eval(compile(ask, str(PAGE), "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT), names)
    assert capsys.readouterr().out.startswith("Rate limited. Retry after 0.")
    await names["limiter"].stop()


def test_the_fields_of_the_configuration_are_told_with_their_defaults() -> None:
    told = {coded(name)[0]: coded(default)[0] for name, _, default in list(rows(PAGE, "field"))}
    there = {field.name: field.default for field in dataclasses.fields(RateLimiterConfig)}
    assert list(told) == list(there)
    assert {name: eval(value, {"RateLimitAlgorithm": RateLimitAlgorithm}) for name, value in told.items()} == there


def test_every_algorithm_is_told() -> None:
    assert [coded(name)[0] for name, *_ in rows(PAGE, "algorithm")] == list(Algorithm)
    assert f"at most {MOST_LOGGED:,} requests" in plain(PAGE)


def test_the_limits_that_are_shown_are_limits() -> None:
    shown = [json.loads(block.text) for block in blocks(PAGE, "json")]
    (limits,) = (each["limits"] for each in shown if "limits" in each)
    policy = msgspec.convert({"limits": limits}, Policy)
    assert [limit.name for limit in policy.limits] == ["calls", "exports", "reading", "places"]


def test_every_field_of_a_limit_is_told() -> None:
    text = PAGE.read_text().split("`limits` says more:")[1]
    told = [name for line in text.splitlines() if line.startswith("| `") for name in coded(line.split("|")[1])]
    assert sorted(told) == sorted(Limit.__struct_fields__)
    assert all(f"`{part}`" in text for part in PARTS)


def test_a_refusal_looks_as_shown() -> None:
    shown = json.loads(blocks(PAGE, "json")[-1].text)
    limit = Limit("calls", requests=1, window=1)
    refusal = PermitRefused(origin(1), "calls", shown["remaining"], shown["retryAfter"])
    rejected = through(rate_limit([limit]), admitted(1), refusal)[-1]
    assert (rejected.code, rejected.data) == (-31002, shown)  # type: ignore[attr-defined]  # a RequestRejected
