"""What would have become of recorded requests under other limits."""

from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.memory_limits import MemoryLimits
from operators.policy import Limit, Policy
from replay.what_if import CARRIED_OUT, Changed, what_if
from tests.replay.live import POLICY, TWO, Live

TIGHT = Policy(limits=(Limit("one", "session", 0.001, 1.0),))


def changes(live: Live, policy: Policy) -> list[Changed]:
    return list(what_if(live.reader().records(), policy, MemoryLimits(policy.limits)))


def five_calls() -> Live:
    """Three are answered, two throttled."""
    live = Live()
    live.open()
    live.initialize()
    for id in range(1, 6):
        live.call(id, text=str(id))
    for id in range(1, 4):
        live.returned(id)
    live.close()
    return live


def test_tighter_limits_would_have_refused_what_passed() -> None:
    found = changes(five_calls(), TIGHT)
    assert [(each.request, each.name, each.recorded, each.now) for each in found] == [
        (2, "echo", "ok", "throttled"),
        (3, "echo", "ok", "throttled"),
    ]


def test_without_limits_what_was_refused_would_have_been_carried_out() -> None:
    found = changes(five_calls(), Policy())
    assert [(each.request, each.recorded, each.now) for each in found] == [
        (4, "throttled", CARRIED_OUT),
        (5, "throttled", CARRIED_OUT),
    ]


def test_whom_a_policy_does_not_serve_it_would_have_denied() -> None:
    live = Live()
    live.open(principal="anonymous")
    live.initialize()
    assert [(each.method, each.now) for each in changes(live, Policy(anonymous=False))] == [("initialize", "denied")]


def test_limits_that_sessions_share_are_shared_again() -> None:
    live = Live(Policy())
    for session in (TWO, TWO.replace("0002", "0003")):
        live.open(session, principal="alice")
        live.initialize(session)
        live.call(1, session=session)
        live.returned(1, session=session)
        live.now += 0.1
    shared = Policy(limits=(Limit("one", "principal", 0.001, 1.0),))
    assert [each.session for each in changes(live, shared)] == [TWO.replace("0002", "0003")]


@given(
    st.lists(
        st.tuples(st.sampled_from(["call", "returned", "cancel", "flush", "tick"]), st.integers(1, 4)), max_size=40
    )
)
@settings(max_examples=60, deadline=None)
def test_the_policy_that_was_in_force_would_have_changed_nothing(history: list[tuple[str, int]]) -> None:
    live = Live()
    live.open()
    live.initialize()
    for action, value in history:
        match action:
            case "call":
                live.call(value, "add" if value % 2 else "echo")
            case "tick":
                live.now += value
            case "flush":
                live.flush()
            case _:
                getattr(live, action)(value)
    live.close()
    assert changes(live, POLICY) == []
