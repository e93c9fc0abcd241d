import pytest
from hypothesis import given
from hypothesis import strategies as st

from operators.limits.limit import PARTS, Algorithm
from operators.policy import CacheRule, Limit, Policy, dump, load

methods = st.lists(st.text(min_size=1, max_size=5), min_size=1, max_size=2).map(tuple)
patterns = st.lists(st.text(min_size=1, max_size=5), max_size=2).map(tuple)
parts = st.lists(st.sampled_from(PARTS[:-1]), min_size=1, max_size=3, unique=True).map(tuple)
cover = {
    "name": st.uuids().map(str),
    "per": st.one_of(parts, parts.map("+".join), st.just("server")),
    "methods": methods,
    "tools": patterns,
}
costs = st.dictionaries(st.text(max_size=5), st.integers(0, 1000).map(lambda parts: parts / 1000), max_size=3)
limits = st.one_of(
    st.builds(Limit, per_second=st.floats(0.001, 1e6), burst=st.floats(1, 1e6), cost=costs, **cover),
    st.builds(
        Limit,
        requests=st.floats(1, 1e4),
        window=st.floats(0.1, 1e5),
        algorithm=st.sampled_from(list(Algorithm)).map(str),
        cost=costs,
        **cover,
    ),
    st.builds(Limit, concurrent=st.integers(1, 100), lease=st.floats(1, 1e4), **cover),
)
rules = st.builds(CacheRule, st.text(max_size=5), st.text(max_size=5), st.floats(0, 1e6), st.booleans())
policies = st.builds(
    Policy, st.booleans(), st.lists(limits, max_size=2).map(tuple), st.lists(rules, max_size=2).map(tuple)
)


@given(policies)
def test_a_policy_is_stored_and_read_again_the_same(policy: Policy) -> None:
    assert load(dump(policy)) == policy
    assert dump(load(dump(policy))) == dump(policy)


def test_a_policy_that_is_older_than_a_field_takes_its_default() -> None:
    assert load(b"{}") == Policy()


def test_a_policy_that_is_older_than_most_of_a_limit_means_what_it_meant() -> None:
    old = b'{"limits":[{"name":"a","per":"session","per_second":2.0,"burst":5.0,"methods":["tools/call"]}]}'
    assert load(old) == Policy(limits=(Limit("a", "session", 2.0, 5.0, ("tools/call",)),))


def test_equal_tables_of_costs_give_equal_bytes() -> None:
    one, other = ({"a": 1.0, "b": 2.0}, {"b": 2.0, "a": 1.0})
    written = [dump(Policy(limits=(Limit("l", requests=5, window=1, cost=cost),))) for cost in (one, other)]
    assert written[0] == written[1]


def test_two_limits_of_one_name_are_refused() -> None:
    twice = (Limit("calls", "session", 1, 1), Limit("calls", "server", 1, 1))
    with pytest.raises(ValueError, match="limit 'calls': name is given to 2 limits; each needs one of its own"):
        Policy(limits=twice)


@pytest.mark.parametrize("document", [b"", b"[]", b'{"anonymous":1}', b'{"limits":[{"name":"a"}]}'])
def test_what_is_no_policy_is_refused(document: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - whatever it says
        load(document)
