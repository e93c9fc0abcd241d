import itertools

import pytest

from operators.limits.cover import LONGEST_PART, Caller, Cover, Covers, address
from operators.limits.limit import Limit

CALLER = Caller("alice", "s-1", "192.0.2.1")


def limit(**fields: object) -> Limit:
    return Limit(**{"name": "calls", "requests": 100, "window": 60, **fields})  # type: ignore[arg-type]  # any field


def key(per: str | tuple[str, ...], caller: Caller = CALLER, name: str = "echo") -> str:
    return Cover(limit(per=per)).key(caller, "tools/call", name)


def test_a_key_says_whose_share_is_taken() -> None:
    assert [key(per) for per in ("principal", "session", "address", "method", "tool", "server")] == [
        *("alice", "s-1", "192.0.2.1", "tools/call", "echo", "")
    ]
    assert key("principal+tool") == key(("principal", "tool")) == "alice+echo"


def test_no_two_combinations_have_one_key() -> None:
    words = ("", "a", "+", "a+", "%2B", "a%")
    keys = {key("principal+tool", Caller(one, "", ""), other) for one, other in itertools.product(words, words)}
    assert len(keys) == len(words) ** 2


def test_a_key_does_not_grow_with_what_a_client_sends() -> None:
    long = ["x" * 1_000_000, "x" * 999_999 + "y", "\ud800" * 1000]
    keys = [key("tool", name=name) for name in long]
    assert len(set(keys)) == 3
    assert all(len(each) == LONGEST_PART for each in keys)


@pytest.mark.parametrize(
    ("peer", "counted"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("", ""),
        ("a unix socket", "a unix socket"),
    ],
)
def test_an_address_is_what_one_caller_has_to_himself(peer: str, counted: str) -> None:
    assert address(peer) == counted


def test_tools_are_covered_by_patterns() -> None:
    cover = Cover(limit(tools=("export_*", "search", "a?c")))
    assert [name for name in ("export_all", "search", "searches", "abc", "abbc", "") if cover.cost(name)] == [
        *("export_all", "search", "abc")
    ]


def test_a_cost_goes_by_name_and_then_by_the_longest_pattern() -> None:
    costs = {"*": 2.0, "export_*": 10.0, "export_small": 3.0, "free": 0.0, "[": 4.0}
    for table in (costs, dict(reversed(costs.items()))):
        cover = Cover(limit(cost=table))
        assert [cover.cost(name) for name in ("export_small", "export_big", "echo", "free", "[")] == [3, 10, 2, 0, 4]
    assert Cover(limit(cost={"dear": 5.0})).cost("echo") == 1.0


def test_every_method_is_every_one_but_a_batch_whose_requests_are_counted_each() -> None:
    covers = Covers([limit(methods=("*",)), limit(name="batches", methods=("batch", "prompts/get"))])
    names = {method: [each.limit.name for each in covers.of(method)] for method in ("x/y", "prompts/get", "batch")}
    assert names == {"x/y": ["calls"], "prompts/get": ["calls", "batches"], "batch": ["batches"]}
    assert Covers([]).of("tools/call") == ()
