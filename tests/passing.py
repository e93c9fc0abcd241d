"""Events in, events out."""

from collections.abc import Callable
from typing import TypeAlias

from reactivex import Observable
from reactivex.subject import Subject

from events.event import Event
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
