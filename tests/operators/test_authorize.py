from msgspec.structs import replace

from events import codes
from events.decided import AccessDecided, RequestRejected
from events.observed import GrantReplaced, PolicyReplaced
from operators.access import AccessRule, Table, What, Who
from operators.authorize import authorize
from operators.policy import Policy, dump
from tests.facts import OTHER, admitted, closed, opened, origin
from tests.passing import through

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


def test_verdicts_that_are_kept_at_hand_are_those_of_the_table() -> None:
    stage = authorize(anonymous=True, table=TABLE)
    requests = [admitted(number, name=f"{'ed'[number % 2]}{number % 150}") for number in range(600)]
    out = through(stage, ADA, *requests)
    allowed = [event.allowed for event in out if isinstance(event, AccessDecided)]
    assert allowed == [number % 2 == 0 for number in range(600)]
