from collections.abc import Callable, Sequence

from events.decided import CacheAsked, CallDispatched, PermitAsked, PermitReturned
from events.event import Decided, Observed, Step
from events.observed import CacheHit, CacheMissed, PermitGiven, PermitRefused
from pipeline.ingress import Ingress
from pipeline.journal import Lost
from pipeline.questions import Asker, Kept, Key, Questions, Verdict
from tests.facts import SESSION, closed, opened, origin, request


class Shared:
    """Limits and a cache that answer when they are told to."""

    def __init__(self) -> None:
        self.asked: list[tuple[object, ...]] = []
        self.verdicts: list[Callable[[Verdict], None]] = []
        self.lookups: list[Callable[[Kept | None], None]] = []

    def take(
        self,
        keys: Sequence[Key],
        costs: Sequence[float],
        asker: Asker,
        at: float,
        answer: Callable[[Verdict], None],
    ) -> None:
        self.asked.append((keys, costs, asker, at))
        self.verdicts.append(answer)

    def give_back(self, keys: Sequence[Key], asker: Asker) -> None:
        self.asked.append(("back", keys, asker))

    def look(self, key: str, asker: Asker, at: float, answer: Callable[[Kept | None], None]) -> None:
        self.asked.append((key, asker, at))
        self.lookups.append(answer)

    def fill(self, key: str, asker: Asker, payload: bytes, ttl: float, at: float, tags: tuple[str, ...] = ()) -> None:
        raise AssertionError("asking fills nothing")

    def release(self, key: str, asker: Asker) -> None:
        raise AssertionError("asking releases nothing")


class Desk:
    def __init__(self) -> None:
        self.shared = Shared()
        self.now = 5.0
        self.ingress = Ingress()
        self.answers: list[Observed] = []
        self.ingress.push(opened())
        self.ingress.facts.subscribe(self.answers.append)
        self.questions = Questions(self.ingress, self.shared, self.shared, lambda: self.now)

    def decide(self, *decisions: Decided) -> None:
        self.questions.ask(Step(request(1), decisions))


PERMIT = PermitAsked(origin(1, 2.0), (("calls", SESSION),), 1.0)
LOOKUP = CacheAsked(origin("a", 2.0), "key")


def test_what_the_chain_asks_is_asked_with_the_time_of_its_fact() -> None:
    desk = Desk()
    desk.decide(PERMIT, CallDispatched(origin(2), "tools/list", "", "2025-11-25"), LOOKUP)
    assert desk.shared.asked == [((("calls", SESSION),), (1.0,), (SESSION, 1), 2.0), ("key", (SESSION, "a"), 2.0)]
    assert desk.answers == []


def test_a_verdict_comes_back_as_a_fact_of_the_request_that_asked() -> None:
    desk = Desk()
    desk.decide(PERMIT)
    desk.now = 6.0
    desk.shared.verdicts[0](Verdict("calls", 0.5, None))
    desk.decide(PERMIT)
    desk.shared.verdicts[1](Verdict("calls", 0.25, 0.75))
    assert desk.answers == [
        PermitGiven(origin(1, 6.0), "calls", 0.5),
        PermitRefused(origin(1, 6.0), "calls", 0.25, 0.75),
    ]


def test_a_wait_is_told_in_milliseconds_and_never_too_short() -> None:
    desk = Desk()
    for number, wait in enumerate((0.0, 0.000001, 0.75, 0.7500004, 0.750001, 59.9999)):
        desk.decide(PERMIT)
        desk.shared.verdicts[number](Verdict("calls", 0.0, wait))
    told = [answer.retry_after for answer in desk.answers if isinstance(answer, PermitRefused)]
    assert told == [0.0, 0.001, 0.75, 0.75, 0.751, 60.0]


def test_each_limit_is_asked_for_its_own_cost_where_they_differ() -> None:
    desk = Desk()
    keys = (("calls", SESSION), ("dear", ""))
    desk.decide(PermitAsked(origin(1), keys, 1.0, (1.0, 5.0)))
    assert desk.shared.asked == [(keys, (1.0, 5.0), (SESSION, 1), 0.0)]


def test_a_verdict_on_a_request_that_is_gone_does_not_count_for_the_next_one_of_its_id() -> None:
    desk = Desk()
    desk.decide(PERMIT)
    desk.decide(PermitAsked(origin(1, 3.0), (("calls", SESSION),), 1.0))
    desk.shared.verdicts[0](Verdict("calls", 0.5, None))
    assert desk.answers == []
    desk.shared.verdicts[1](Verdict("calls", 0.0, 1.0))
    assert [type(answer) for answer in desk.answers] == [PermitRefused]


def test_what_is_returned_is_given_back_and_also_when_it_cannot_be_recorded() -> None:
    desk = Desk()
    returned = PermitReturned(origin(1), (("slots", ""),))
    desk.decide(returned)
    desk.questions.on_lost(Lost(SESSION, [Step(request(1), (returned, LOOKUP))]))
    assert desk.shared.asked == [("back", (("slots", ""),), (SESSION, 1))] * 2


def test_the_caches_word_comes_back_as_a_fact_of_the_request_that_asked() -> None:
    desk = Desk()
    desk.decide(LOOKUP)
    desk.shared.lookups[0](None)
    desk.shared.lookups[0](Kept(b"{}", 1.5))
    assert desk.answers == [CacheMissed(origin("a", 5.0)), CacheHit(origin("a", 5.0), b"{}", 1.5)]


def test_an_answer_for_a_session_that_has_closed_goes_nowhere() -> None:
    desk = Desk()
    desk.decide(PERMIT, LOOKUP)
    desk.ingress.push(closed())
    desk.shared.verdicts[0](Verdict("calls", 0.5, None))
    desk.shared.lookups[0](None)
    assert desk.answers == [closed()]
