"""The one place that lifts a decision into Rx.

A decision is a plain function: what is known of a session, and an event, give the events that go on. Here it becomes
an operator. State is made per subscription and per session, so that a replay and a live run never share any, nor do
two sessions; it is dropped when the session closes. An exception is a bug of ours: it costs that one event, never the
stream, because ``on_error`` would end it for every session.
"""

import logging
from collections.abc import Callable, Sequence
from typing import Any, Final, NamedTuple, TypeVar

import reactivex
from reactivex import Observable
from reactivex.abc import DisposableBase, ObserverBase, SchedulerBase

from events.decided import StageFailed
from events.event import Decided, Event, Observed, SessionId, Step
from events.observed import SessionClosed

State = TypeVar("State")

_log: Final = logging.getLogger(__name__)


class Stage(NamedTuple):
    """A decision with what it needs to run: by itself an operator on events, with others one on steps.

    See :func:`stage` for the attributes.
    """

    name: str
    fresh: Callable[[], Any]
    step: Callable[[Any, Event], Sequence[Event]]
    knows: tuple[type[Event], ...]

    def __call__(self, source: Observable[Event]) -> Observable[Event]:
        """Apply this stage alone."""

        def subscribe(observer: ObserverBase[Event], scheduler: SchedulerBase | None = None) -> DisposableBase:
            run = _Run((self,), observer.on_next, Event)
            return source.subscribe(run.on_next, observer.on_error, observer.on_completed, scheduler=scheduler)

        return reactivex.create(subscribe)


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


def fuse(*stages: Stage) -> Callable[[Observable[Observed]], Observable[Step]]:
    """Make of each fact a step, with what the stages, one after another, decide because of it.

    The same as composing the stages and gathering what comes out, without a hop through Rx for every stage that an
    event merely passes: which stage is the next to know an event is looked up by the event's type. (Composed, the
    chain costs three times as much.)
    """

    def lift(source: Observable[Observed]) -> Observable[Step]:
        def subscribe(observer: ObserverBase[Step], scheduler: SchedulerBase | None = None) -> DisposableBase:
            decisions: list[Any] = []
            run = _Run(stages, decisions.append, Decided)
            forward = observer.on_next

            def on_next(fact: Observed) -> None:
                run.on_next(fact)
                step = Step(fact, tuple(decisions))
                decisions.clear()
                forward(step)

            return source.subscribe(on_next, observer.on_error, observer.on_completed, scheduler=scheduler)

        return reactivex.create(subscribe)

    return lift


class _Run:
    """One subscription: the states, and for each type of event which stage is next."""

    def __init__(self, stages: Sequence[Stage], forward: Callable[[Event], None], out: type[Event]) -> None:
        self._stages = [(stage.fresh, stage.step, _states()) for stage in stages]
        self._names = [stage.name for stage in stages]
        self._knows = [stage.knows for stage in stages]
        self._end = len(stages)
        self._routes: dict[type[Event], list[int]] = {}
        self._forward = forward
        self._out = out

    def on_next(self, event: Event) -> None:
        self._pass(event, 0)
        if type(event) is SessionClosed:
            for _, _, states in self._stages:
                states.pop(event.origin.session, None)

    def _pass(self, event: Event, start: int) -> None:
        """Take an event from stage ``start`` to where it ends, and before it whatever it leads to on the way."""
        routes, stages, end = self._routes, self._stages, self._end
        while True:
            kind = type(event)
            index = (routes.get(kind) or self._route(kind))[start]
            if index >= end:
                if index == end:
                    self._forward(event)
                return
            fresh, step, states = stages[index]
            session = event.origin.session
            try:
                state = states.get(session)
                if state is None:
                    state = states[session] = fresh()
                events = step(state, event)
            except Exception as error:  # noqa: BLE001 - a bug of ours: the event is lost, the stream is not
                events = (self._failed(index, event, error),)
            start = index + 1
            if not events:
                return
            for each in events[:-1]:
                self._pass(each, start)
            event = events[-1]

    def _failed(self, index: int, event: Event, error: Exception) -> StageFailed:
        _log.error("operator %s failed on %s", self._names[index], type(event).__name__, exc_info=error)
        return StageFailed(event.origin, self._names[index], type(error).__name__)

    def _route(self, kind: type[Event]) -> list[int]:
        """For each stage, the first from it on that knows ``kind``.

        When none does, a number past the last: the first such lets the event out, the second does not.
        """
        last = self._end if issubclass(kind, self._out) else self._end + 1
        route = [last] * (self._end + 1)
        for index in reversed(range(self._end)):
            route[index] = index if issubclass(kind, self._knows[index]) else route[index + 1]
        self._routes[kind] = route
        return route


def _states() -> dict[SessionId, Any]:
    return {}
