"""Events in, events out."""

from collections.abc import Callable
from typing import TypeVar

from reactivex import Observable
from reactivex.subject import Subject

from events.event import Event

Out = TypeVar("Out")


def through(operator: Callable[[Observable[Event]], Observable[Out]], *events: Event) -> list[Out]:
    """What comes out of an operator when ``events`` go in, one after another, into a new subscription."""
    source: Subject[Event] = Subject()
    out: list[Out] = []
    operator(source).subscribe(out.append)
    for event in events:
        source.on_next(event)
    return out
