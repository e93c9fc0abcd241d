import pytest

from events.event import Event, Observed
from pipeline.ingress import Ingress
from tests.facts import OTHER, cancelled, closed, missed, opened, request, returned


def test_facts_arrive_in_the_order_in_which_they_were_pushed() -> None:
    ingress, seen = Ingress(), list[Event]()
    ingress.facts.subscribe(seen.append)
    facts = [opened(), request(1), request(2), cancelled(1), closed()]
    for fact in facts:
        ingress.push(fact)
    assert seen == facts


def test_a_listener_may_push_and_all_listeners_still_see_one_order() -> None:
    ingress, first, second = Ingress(), list[Event](), list[Event]()

    def answer(fact: Observed) -> None:
        first.append(fact)
        if fact == request(1):
            ingress.push(returned(1))

    ingress.facts.subscribe(answer)
    ingress.facts.subscribe(second.append)
    for fact in (opened(), request(1), request(2)):
        ingress.push(fact)
    assert first == second == [opened(), request(1), returned(1), request(2)]


def test_what_is_pushed_while_busy_waits_for_all_that_was_pushed_before() -> None:
    ingress, seen = Ingress(), list[Event]()

    def answer(fact: Observed) -> None:
        seen.append(fact)
        if fact == opened():
            ingress.push(request(1))
            ingress.push(request(2))
        if fact == request(1):
            ingress.push(returned(1))

    ingress.facts.subscribe(answer)
    ingress.push(opened())
    assert seen == [opened(), request(1), request(2), returned(1)]


def test_what_is_told_of_a_session_after_its_closing_is_dropped() -> None:
    ingress, seen = Ingress(), list[Event]()
    ingress.facts.subscribe(seen.append)
    for fact in (opened(), request(1), closed(), returned(1), missed(1), closed()):
        ingress.push(fact)
    assert seen == [opened(), request(1), closed()]


def test_what_is_told_of_a_session_that_never_began_is_dropped() -> None:
    ingress, seen = Ingress(), list[Event]()
    ingress.facts.subscribe(seen.append)
    for fact in (opened(), request(1, session=OTHER), opened(session=OTHER), request(2, session=OTHER)):
        ingress.push(fact)
    assert seen == [opened(), opened(session=OTHER), request(2, session=OTHER)]


def test_a_listener_that_fails_costs_one_fact_and_stops_nothing() -> None:
    ingress, seen = Ingress(), list[Event]()

    def fail(fact: Observed) -> None:
        if fact == request(1):
            raise ZeroDivisionError
        seen.append(fact)

    ingress.facts.subscribe(fail)
    ingress.push(opened())
    with pytest.raises(ZeroDivisionError):
        ingress.push(request(1))
    ingress.push(request(2))
    assert seen == [opened(), request(2)]
