"""Events in, events out."""

from collections.abc import Callable
from typing import TypeAlias

from reactivex import Observable
from reactivex.subject import Subject

from events.event import Event, Observed, Step
from operators.stage import Stage

Operator: TypeAlias = Callable[[Observable[Event]], Observable[Event]]


def through(operator: Stage | Operator, *events: Event) -> list[Event]:
    """What comes out of an operator when ``events`` go in, one after another, into a new subscription."""
    source: Subject[Event] = Subject()
    out: list[Event] = []
    operator(source).subscribe(out.append)
    for event in events:
        source.on_next(event)
    return out


def steps_of(chain: Callable[[Observable[Observed]], Observable[Step]], *facts: Observed) -> list[Step]:
    """What a whole chain makes of ``facts``, one after another."""
    source: Subject[Observed] = Subject()
    out: list[Step] = []
    chain(source).subscribe(out.append)
    for fact in facts:
        source.on_next(fact)
    return out
