from collections.abc import Callable, Sequence

from events.decided import CacheAsked, CallDispatched, PermitAsked
from events.event import Decided, Observed, Step
from events.observed import CacheHit, CacheMissed, PermitGiven, PermitRefused
from pipeline.ingress import Ingress
from pipeline.questions import Asker, Kept, Questions, Verdict
from tests.facts import SESSION, closed, opened, origin, request


class Shared:
    """Limits and a cache that answer when they are told to."""

    def __init__(self) -> None:
        self.asked: list[tuple[object, ...]] = []
        self.verdicts: list[Callable[[Verdict], None]] = []
        self.lookups: list[Callable[[Kept | None], None]] = []

    def take(self, keys: Sequence[tuple[str, str]], cost: float, at: float, answer: Callable[[Verdict], None]) -> None:
        self.asked.append((keys, cost, at))
        self.verdicts.append(answer)

    def look(self, key: str, asker: Asker, at: float, answer: Callable[[Kept | None], None]) -> None:
        self.asked.append((key, asker, at))
        self.lookups.append(answer)

    def fill(self, key: str, asker: Asker, payload: bytes, ttl: float, at: float) -> None:
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
        self._questions = Questions(self.ingress, self.shared, self.shared, lambda: self.now)

    def decide(self, *decisions: Decided) -> None:
        self._questions.ask(Step(request(1), decisions))


PERMIT = PermitAsked(origin(1, 2.0), (("calls", SESSION),), 1.0)
LOOKUP = CacheAsked(origin("a", 2.0), "key")


def test_what_the_chain_asks_is_asked_with_the_time_of_its_fact() -> None:
    desk = Desk()
    desk.decide(PERMIT, CallDispatched(origin(2), "tools/list", "", "2025-11-25"), LOOKUP)
    assert desk.shared.asked == [((("calls", SESSION),), 1.0, 2.0), ("key", (SESSION, "a"), 2.0)]
    assert desk.answers == []


def test_a_verdict_comes_back_as_a_fact_of_the_request_that_asked() -> None:
    desk = Desk()
    desk.decide(PERMIT)
    desk.now = 6.0
    desk.shared.verdicts[0](Verdict("calls", 0.5, None))
    desk.shared.verdicts[0](Verdict("calls", 0.25, 0.75))
    assert desk.answers == [
        PermitGiven(origin(1, 6.0), "calls", 0.5),
        PermitRefused(origin(1, 6.0), "calls", 0.25, 0.75),
    ]


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
