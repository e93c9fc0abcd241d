import pytest
from hypothesis import given
from hypothesis import strategies as st

from operators.policy import CacheRule, Limit, Policy, dump, load

limits = st.builds(
    Limit,
    st.text(max_size=5),
    st.sampled_from(["principal", "session", "server"]),
    st.floats(0.001, 1e6),
    st.floats(1, 1e6),
    st.lists(st.text(max_size=5), max_size=2).map(tuple),
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


@pytest.mark.parametrize("document", [b"", b"[]", b'{"anonymous":1}', b'{"limits":[{"name":"a"}]}'])
def test_what_is_no_policy_is_refused(document: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - whatever it says
        load(document)
