"""The table of who may do what."""

import time
from fnmatch import fnmatchcase
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from operators.access import (
    DECIDED_AS,
    DEFAULT,
    LONGEST_NAME,
    LONGEST_PATTERN,
    MOST_RULES,
    NEEDS_NO_RULE,
    OPEN,
    TOO_LONG,
    AccessRule,
    Caller,
    Otherwise,
    Table,
    Verdict,
    What,
    Who,
    subject,
)
from operators.methods import BATCH, BOTH, EXTENSIONS, LEGACY_METHODS, MODERN_METHODS
from operators.policy import Policy, dump, load
from tests.facts import message

ADA = Caller("ada", ("files:read", "files:write"), ("ops", "staff"))
BOB = Caller("bob", ("files:read",), ("staff",))
NOBODY = Caller("anonymous")

RULES = (
    AccessRule(Who(principal="mallory*"), allow=False, name="no-mallory"),
    AccessRule(what=What("tools/call", "delete_*"), needs_scope="files:read files:write"),
    AccessRule(Who(group="ops")),
    AccessRule(Who(scope="files:*"), What("resources/*", "file:*")),
    AccessRule(Who(principal="anonymous"), What("tools/*", "echo"), name="echo"),
)
TABLE = Table(RULES)


@pytest.mark.parametrize(
    ("caller", "method", "name", "verdict"),
    [
        (Caller("mallory"), "ping", "", ("no-mallory", False, "")),
        (Caller("mallory", ADA.scopes, ADA.groups), "tools/call", "delete_a", ("no-mallory", False, "")),
        (ADA, "tools/call", "delete_a", ("access[1]", True, "")),
        (BOB, "tools/call", "delete_a", ("access[1]", False, "files:read files:write")),
        (NOBODY, "tools/call", "delete_a", ("access[1]", False, "files:read files:write")),
        (ADA, "tools/call", "other", ("access[2]", True, "")),
        (BOB, "tools/call", "other", (DEFAULT, False, "")),
        (BOB, "resources/read", "file:///a", ("access[3]", True, "")),
        (BOB, "resources/read", "http://a", (DEFAULT, False, "")),
        (NOBODY, "resources/read", "file:///a", (DEFAULT, False, "")),
        (NOBODY, "tools/call", "echo", ("echo", True, "")),
        (NOBODY, "tools/call", "Echo", (DEFAULT, False, "")),
        (NOBODY, "tools/call", "echo2", (DEFAULT, False, "")),
        (NOBODY, "tools/list", "", (OPEN, True, "")),
        (NOBODY, "initialize", "", (OPEN, True, "")),
        (NOBODY, "metrics/get", "", (DEFAULT, False, "")),
    ],
)
def test_the_first_rule_that_is_about_a_request_decides(
    caller: Caller, method: str, name: str, verdict: tuple[str, bool, str]
) -> None:
    assert TABLE.decide(caller, method, name) == Verdict(*verdict)


def test_what_no_rule_is_about_goes_by_the_default() -> None:
    rules = (AccessRule(what=What("prompts/get")),)
    assert Table(rules).decide(BOB, "tools/call", "a") == Verdict(DEFAULT, allowed=False)
    assert Table(rules, "allow").decide(BOB, "tools/call", "a") == Verdict(DEFAULT, allowed=True)
    assert (bool(Table(rules)), bool(Table(()))) == (True, False)


def test_a_rule_about_what_needs_none_counts() -> None:
    closed = Table((AccessRule(Who(principal="anonymous"), allow=False),))
    for method in NEEDS_NO_RULE:
        assert not closed.decide(NOBODY, method, "").allowed
        assert closed.decide(BOB, method, "") == Verdict(OPEN, allowed=True)


def test_what_needs_no_rule_acts_on_nothing() -> None:
    """Whoever adds a method decides whether it belongs there: what acts, reads or tells has to be allowed."""
    every = BOTH | LEGACY_METHODS | MODERN_METHODS | EXTENSIONS
    assert every - NEEDS_NO_RULE == {
        *("tools/call", "resources/read", "prompts/get", "completion/complete", "completion/generate"),
        *("resources/subscribe", "resources/unsubscribe", "stream/start", "stream/resume"),
        *("health/check", "server/status", "metrics/get"),
    }
    assert BATCH in NEEDS_NO_RULE


@pytest.mark.parametrize(
    ("method", "params", "decided"),
    [
        ("tools/call", {"name": "a"}, ("tools/call", "a")),
        ("resources/subscribe", {"uri": "file:///a"}, ("resources/read", "file:///a")),
        ("resources/unsubscribe", {"uri": "file:///a"}, ("resources/read", "file:///a")),
        ("resources/subscribe", {"uri": 5, "name": "x"}, ("resources/read", "")),
        ("completion/complete", {"ref": {"type": "ref/prompt", "name": "p"}}, ("prompts/get", "p")),
        ("completion/complete", {"ref": {"type": "ref/resource", "uri": "f:{a}"}}, ("resources/read", "f:{a}")),
        ("completion/complete", {"ref": {"type": "ref/prompt", "name": ["p"]}}, ("prompts/get", "")),
        ("completion/complete", {"ref": "p", "name": "allowed"}, ("prompts/get", "")),
        ("completion/complete", {"name": "allowed"}, ("prompts/get", "")),
    ],
)
def test_what_tells_of_something_is_decided_like_its_use(
    method: str, params: dict[str, Any], decided: tuple[str, str]
) -> None:
    asked = message(1, method, params)
    assert subject(asked, method, asked.name) == decided


# Patterns

patterns = st.text(st.sampled_from("ab*?./\n"), max_size=8)
names = st.text(st.sampled_from("ab./\n"), max_size=8)


@given(patterns, names)
def test_a_pattern_fits_what_it_fits_as_a_file_name(pattern: str, name: str) -> None:
    table = Table((AccessRule(what=What("*", pattern)),))
    assert table.decide(BOB, "tools/call", name).allowed == fnmatchcase(name, pattern)


@given(patterns, patterns, st.lists(names, max_size=3), st.lists(names, max_size=3), names)
def test_all_that_is_said_of_whom_a_rule_is_about_has_to_fit(
    scope: str, group: str, scopes: list[str], groups: list[str], principal: str
) -> None:
    table = Table((AccessRule(Who(principal, scope, group) if principal else Who("*", scope, group)),))
    caller = Caller(principal, tuple(scopes), tuple(groups))
    expected = (not scope or any(fnmatchcase(each, scope) for each in scopes)) and (
        not group or any(fnmatchcase(each, group) for each in groups)
    )
    assert table.decide(caller, "tools/call", "a").allowed == expected


@pytest.mark.parametrize("pattern", ["*a" * 100 + "b", "a*" * 100 + "?" * 50, "*" * 256, "*?" * 128, "a?" * 100 + "*b"])
def test_no_pattern_takes_long_whatever_it_is_matched_with(pattern: str) -> None:
    table = Table((AccessRule(what=What("*", pattern)),))
    begun = time.perf_counter()
    for _ in range(100):
        table.decide(BOB, "tools/call", "a" * LONGEST_NAME)
    assert time.perf_counter() - begun < 1.0  # one that goes back takes longer than there is time for the first of them


def test_a_name_that_is_longer_than_rules_look_at_is_denied() -> None:
    table = Table((AccessRule(),), "allow")
    assert table.decide(BOB, "tools/call", "a" * LONGEST_NAME).allowed
    assert table.decide(BOB, "tools/call", "a" * (LONGEST_NAME + 1)) == Verdict(TOO_LONG, allowed=False)


who = st.builds(Who, st.sampled_from(["*", "a*", "bob"]), st.sampled_from(["", "s*"]), st.sampled_from(["", "g"]))
what = st.builds(What, st.sampled_from(["*", "tools/*", "tools/call"]), st.sampled_from(["*", "x*", "y"]))
rules = st.lists(st.builds(AccessRule, who, what, st.booleans()), max_size=5).map(tuple)
callers = st.builds(
    Caller, st.sampled_from(["ada", "bob"]), st.sampled_from([(), ("s1",)]), st.sampled_from([(), ("g",)])
)
otherwise: st.SearchStrategy[Otherwise] = st.sampled_from(["allow", "deny"])


@given(rules, otherwise, callers, st.sampled_from(["tools/call", "tools/list", "prompts/get"]), names)
def test_a_stored_policy_decides_as_it_did(
    rules: tuple[AccessRule, ...], default: Otherwise, caller: Caller, method: str, name: str
) -> None:
    policy = Policy(access=rules, access_default=default)
    again = load(dump(policy))
    assert again == policy
    now, then = Table(rules, default), Table(again.access, again.access_default)
    assert now.decide(caller, method, name) == then.decide(caller, method, name)


@given(rules, rules, otherwise, callers, names)
def test_what_stands_below_the_rule_that_decides_changes_nothing(
    above: tuple[AccessRule, ...], below: tuple[AccessRule, ...], default: Otherwise, caller: Caller, name: str
) -> None:
    verdict = Table(above, default).decide(caller, "tools/call", name)
    if verdict.rule != DEFAULT:
        assert Table(above + below, default).decide(caller, "tools/call", name) == verdict


# What is refused


@pytest.mark.parametrize(
    ("made", "problem"),
    [
        (lambda: AccessRule(what=What("*", "a" * (LONGEST_PATTERN + 1))), "at most 256 characters"),
        (lambda: AccessRule(name="a b"), "name must be"),
        (lambda: AccessRule(name="open"), "name must be"),
        (lambda: AccessRule(name="default"), "name must be"),
        (lambda: AccessRule(name="too-long"), "name must be"),
        (lambda: AccessRule(allow=False, needs_scope="a"), "needs_scope does not go with allow false"),
        (lambda: AccessRule(needs_scope='a"b'), "a scope is printable ASCII"),
        (lambda: AccessRule(needs_scope="a  b"), "a scope is printable ASCII"),
        (lambda: AccessRule(needs_scope="a\r\nSet-Cookie: b"), "a scope is printable ASCII"),
        *((lambda method=method: AccessRule(what=What(method)), "is decided as") for method in DECIDED_AS),
        (lambda: Policy(access=(AccessRule(name="a"), AccessRule(name="a"))), "name 'a' is given to 2 rules"),
        (lambda: Policy(access=(AccessRule(),) * (MOST_RULES + 1)), "at most 1000 rules"),
    ],
)
def test_a_rule_that_cannot_be_meant_is_refused(made: Any, problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        made()
