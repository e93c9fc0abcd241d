"""The one place that lifts a decision into Rx.

A decision is a plain function: what is known of a session, and an event, give the events that go on. Here it becomes
an operator. State is made per subscription and per session, so that a replay and a live run never share any, nor do
two sessions; it is dropped when the session closes. An exception is a bug of ours: it costs that one event, never the
stream, because ``on_error`` would end it for every session.
"""

import logging
from collections.abc import Callable, Sequence
from typing import Any, Final, NamedTuple, TypeAlias, TypeVar

import reactivex
from reactivex import Observable
from reactivex.abc import DisposableBase, ObserverBase, SchedulerBase

from events.decided import StageFailed
from events.event import Event, SessionId
from events.observed import SessionClosed

Operator: TypeAlias = Callable[[Observable[Event]], Observable[Event]]
State = TypeVar("State")

_log: Final = logging.getLogger(__name__)


class Stage(NamedTuple):
    """A decision with what it needs to run: by itself an operator, and with others one too (see :func:`fuse`)."""

    name: str
    fresh: Callable[[], Any]
    step: Callable[[Any, Event], Sequence[Event]]
    knows: tuple[type[Event], ...]

    def __call__(self, source: Observable[Event]) -> Observable[Event]:
        return fuse(self)(source)


def stage(
    name: str,
    fresh: Callable[[], State],
    step: Callable[[State, Event], Sequence[Event]],
    *knows: type[Event],
) -> Stage:
    """Make an operator of ``step``.

    Args:
        name: What it is called when it fails.
        fresh: Makes the state of a session that ``step`` has not met yet.
        step: Gets the session's state, which it may change, and an event; returns what goes on, in order.
        knows: The events that ``step`` is called for. All others pass.
    """
    return Stage(name, fresh, step, knows)


def fuse(*stages: Stage) -> Operator:
    """Run stages one after another as one operator.

    The same as composing them, without a hop through Rx for every stage that an event merely passes: which stage is
    the next to know an event is looked up by the event's type. (Composed, eight stages cost three times as much.)
    """

    def lift(source: Observable[Event]) -> Observable[Event]:
        def subscribe(observer: ObserverBase[Event], scheduler: SchedulerBase | None = None) -> DisposableBase:
            run = _Run(stages, observer.on_next)
            return source.subscribe(run.on_next, observer.on_error, observer.on_completed, scheduler=scheduler)

        return reactivex.create(subscribe)

    return lift


class _Run:
    """One subscription: the states, and for each type of event which stage is next."""

    def __init__(self, stages: Sequence[Stage], out: Callable[[Event], None]) -> None:
        self._stages = [(stage.fresh, stage.step, _states()) for stage in stages]
        self._names = [stage.name for stage in stages]
        self._knows = [stage.knows for stage in stages]
        self._end = len(stages)
        self._next: dict[type[Event], list[int]] = {}
        self._out = out

    def on_next(self, event: Event) -> None:
        self._pass(event, 0)
        if type(event) is SessionClosed:
            for _, _, states in self._stages:
                states.pop(event.origin.session, None)

    def _pass(self, event: Event, start: int) -> None:
        kind = type(event)
        index = (self._next.get(kind) or self._route(kind))[start]
        if index == self._end:
            self._out(event)
            return
        fresh, step, states = self._stages[index]
        session = event.origin.session
        try:
            state = states.get(session)
            if state is None:
                state = states[session] = fresh()
            events = step(state, event)
        except Exception as error:  # noqa: BLE001 - a bug of ours: the event is lost, the stream is not
            _log.exception("operator %s failed on %s", self._names[index], kind.__name__)
            events = (StageFailed(event.origin, self._names[index], type(error).__name__),)
        index += 1
        for each in events:
            self._pass(each, index)

    def _route(self, kind: type[Event]) -> list[int]:
        """For each stage, the first from it on that knows ``kind``; the number of stages when none does."""
        route = [self._end] * (self._end + 1)
        for index in reversed(range(self._end)):
            route[index] = index if issubclass(kind, self._knows[index]) else route[index + 1]
        self._next[kind] = route
        return route


def _states() -> dict[SessionId, Any]:
    return {}
