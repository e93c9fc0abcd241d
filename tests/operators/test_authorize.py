from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from events import codes
from events.decided import AccessDecided, CallDispatched, RequestRejected
from events.event import Observed
from events.observed import GrantReplaced, PolicyReplaced, SessionClosed, SessionOpened
from events.record import pack
from operators.access import AccessRule, Table, What, Who
from operators.authorize import authorize
from operators.measure import NoMeter
from operators.policy import Policy, dump
from pipeline.chain import chain
from pipeline.log import Record
from replay.replay import verify
from tests.facts import OTHER, SESSION, admitted, closed, opened, origin
from tests.histories import POLICY, histories
from tests.passing import steps_of, through

REJECTED = RequestRejected(origin(1), codes.UNAUTHORIZED, "this server does not serve anonymous callers")
DENIED = RequestRejected(origin(1), codes.UNAUTHORIZED, "you may not do this")

RULES = (AccessRule(Who(group="ops"), What("tools/call", "e*"), needs_scope="tools:use", name="ops"),)
TABLE = Table(RULES)
ADA = replace(opened(principal="ada"), scopes=("tools:use",), groups=("ops",))


def test_an_open_server_serves_anyone() -> None:
    events = [opened(), admitted(1)]
    assert through(authorize(anonymous=True), *events) == events


def test_a_closed_server_serves_who_is_known() -> None:
    events = [opened(principal="alice"), admitted(1)]
    assert through(authorize(anonymous=False), *events) == events


def test_a_closed_server_serves_nobody_else() -> None:
    assert through(authorize(anonymous=False), opened(), admitted(1)) == [opened(), REJECTED]


def test_one_sessions_caller_vouches_for_no_other_session() -> None:
    alice = opened(principal="alice", session=OTHER)
    assert through(authorize(anonymous=False), opened(), alice, admitted(1)) == [opened(), alice, REJECTED]
    assert through(authorize(anonymous=False), opened(principal="alice"), closed(), admitted(1))[-1] == REJECTED


def test_whom_the_table_allows_goes_on_and_the_rule_is_told() -> None:
    decided = AccessDecided(origin(1), "ops", allowed=True)
    assert through(authorize(anonymous=True, table=TABLE), ADA, admitted(1)) == [ADA, decided, admitted(1)]


def test_whom_it_does_not_allow_is_not_told_why() -> None:
    out = through(authorize(anonymous=True, table=TABLE), opened(), admitted(1))
    assert out == [opened(), AccessDecided(origin(1), "default", allowed=False), DENIED]


def test_whoever_lacks_a_scope_is_told_which() -> None:
    lacking = replace(ADA, scopes=())
    *_, decided, rejected = through(authorize(anonymous=True, table=TABLE), lacking, admitted(1))
    assert decided == AccessDecided(origin(1), "ops", allowed=False)
    assert isinstance(rejected, RequestRejected)
    assert (rejected.code, rejected.data) == (codes.UNAUTHORIZED, {"scope": "tools:use"})


def test_another_token_counts_from_its_fact_on() -> None:
    less = GrantReplaced(origin(), (), ())
    more = GrantReplaced(origin(), ADA.scopes, ADA.groups)
    out = through(authorize(anonymous=True, table=TABLE), ADA, admitted(1), less, admitted(2), more, admitted(3))
    assert [event.allowed for event in out if isinstance(event, AccessDecided)] == [True, False, True]


def test_another_table_counts_from_its_fact_on_and_an_empty_one_is_not_asked() -> None:
    facts = [
        PolicyReplaced(origin(), dump(Policy(access=rules))) for rules in (RULES[::-1], (AccessRule(allow=False),), ())
    ]
    asked = [each for number, fact in enumerate(facts, 2) for each in (fact, admitted(number))]
    out = through(authorize(anonymous=True), ADA, admitted(1), *asked)
    decided = [(each.origin.request, each.rule, each.allowed) for each in out if isinstance(each, AccessDecided)]
    assert decided == [(2, "ops", True), (3, "access[0]", False)]
    assert out[-1] == admitted(4)


RULED = Policy(
    access=(
        AccessRule(Who(scope="s"), What("tools/call", "echo")),
        AccessRule(what=What("tools/call", "add"), needs_scope="s t"),
        AccessRule(Who(group="g")),
    ),
    extensions=POLICY.extensions,
)
grants = st.builds(
    GrantReplaced,
    st.just(origin(None, 1000.0)),
    st.sampled_from([(), ("s",), ("s", "t")]),
    st.sampled_from([(), ("g",)]),
)


@given(histories(sessions=(SESSION,)), st.lists(st.tuples(st.integers(1, 30), grants), max_size=5))
def test_whatever_comes_nothing_is_dispatched_that_was_denied_and_a_replay_decides_the_same(
    history: list[Observed], shown: list[tuple[int, GrantReplaced]]
) -> None:
    between = [each for each in history[1:-1] if not isinstance(each, SessionOpened | SessionClosed)]
    facts: list[Observed] = [replace(history[0], policy=dump(RULED)), *between, history[-1]]
    for place, grant in shown:
        at = facts[min(place, len(facts) - 1) - 1].origin.at
        facts.insert(min(place, len(facts) - 1), replace(grant, origin=origin(None, at)))
    steps = steps_of(chain(RULED, NoMeter()), *facts)
    for step in steps:
        decided = [each for each in step.decisions if isinstance(each, AccessDecided)]
        dispatched = [each for each in step.decisions if isinstance(each, CallDispatched)]
        assert not dispatched or [each.allowed for each in decided] == [True]
    records = [Record(number, SESSION, number, pack([step])) for number, step in enumerate(steps, 1)]
    assert all(verdict.holds for verdict in verify(records))


def test_verdicts_that_are_kept_at_hand_are_those_of_the_table() -> None:
    stage = authorize(anonymous=True, table=TABLE)
    requests = [admitted(number, name=f"{'ed'[number % 2]}{number % 150}") for number in range(600)]
    out = through(stage, ADA, *requests)
    allowed = [event.allowed for event in out if isinstance(event, AccessDecided)]
    assert allowed == [number % 2 == 0 for number in range(600)]
