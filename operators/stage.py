"""The one place that lifts decisions into Rx.

A decision is a plain function: what is known of a session, and an event, give the events that go on. A stage is a table
of them, one for each class of event that it knows; here it becomes an operator. State is made per subscription and per
session, so that a replay and a live run never share any, nor do two sessions; it is dropped when the session closes. An
exception is a bug of ours: it costs that one event, never the stream, because ``on_error`` would end it for every
session. A decision it does not cost: an earlier stage has made it and counts on it.
"""

import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, NamedTuple, TypeAlias, TypeVar

import reactivex
from reactivex import Observable
from reactivex.abc import DisposableBase, ObserverBase, SchedulerBase

from events.decided import StageFailed
from events.event import Decided, Event, Observed, SessionId, Step
from events.observed import SessionClosed

State = TypeVar("State")
Decision: TypeAlias = Callable[[State, Any], Sequence[Event]]

_log: Final = logging.getLogger(__name__)


class Stage(NamedTuple):
    """A table of decisions with what they need to run: by itself an operator on events, with others one on steps.

    See :func:`stage` for the attributes.
    """

    name: str
    fresh: Callable[[], Any]
    knows: Mapping[type[Event], Decision[Any]]

    def __call__(self, source: Observable[Event]) -> Observable[Event]:
        """Apply this stage alone."""

        def subscribe(observer: ObserverBase[Event], scheduler: SchedulerBase | None = None) -> DisposableBase:
            run = _Run((self,), observer.on_next, Event)
            return source.subscribe(run.on_next, observer.on_error, observer.on_completed, scheduler=scheduler)

        return reactivex.create(subscribe)


def stage(name: str, fresh: Callable[[], State], knows: Mapping[type[Event], Decision[State]]) -> Stage:
    """Make an operator of decisions.

    They are looked up by an event's exact class. (Matching class after class would cost as much as all the rest:
    ``isinstance`` takes 0.3 µs to say no of a ``msgspec.Struct``.)

    Args:
        name: What it is called when it fails.
        fresh: Makes the state of a session that it has not met yet.
        knows: For each class of event what is decided: the function gets the session's state, which it may change, and
            the event; it returns what goes on, in order. All other events pass.
    """
    return Stage(name, fresh, knows)


def no_state() -> None:
    """The state of a stage that remembers nothing."""


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
    """One subscription: the states of the sessions, and for each type of event the stages that know it."""

    def __init__(self, stages: Sequence[Stage], forward: Callable[[Any], None], out: type[Event]) -> None:
        self._stages = stages
        self._sessions: dict[SessionId, list[Any]] = {}
        self._plans: dict[type[Event], list[_Plan]] = {}
        self._forward = forward
        self._out = out

    def on_next(self, event: Event) -> None:
        session = event.origin.session
        states = self._sessions.get(session)
        if states is None:
            states = self._sessions[session] = [stage.fresh() for stage in self._stages]
        self._pass(event, 0, states)
        if type(event) is SessionClosed:
            del self._sessions[session]

    def _pass(self, event: Event, start: int, states: list[Any]) -> None:
        """Take an event from stage ``start`` to where it ends, and before it whatever it leads to on the way."""
        kind = type(event)
        lets_out, stages = (self._plans.get(kind) or self._plan(kind))[start]
        for index, decide in stages:
            try:
                events = decide(states[index], event)
            except Exception as error:  # noqa: BLE001 - a bug of ours: the event is lost, the stream is not
                failed = self._failed(index, event, error)
                events = (event, failed) if isinstance(event, Decided) else (failed,)
            if len(events) != 1 or events[0] is not event:
                for each in events:
                    self._pass(each, index + 1, states)
                return
        if lets_out:
            self._forward(event)

    def _failed(self, index: int, event: Event, error: Exception) -> StageFailed:
        name, kind = self._stages[index].name, type(event).__name__
        _log.error("operator %s failed on %s", name, kind, exc_info=error)
        return StageFailed(event.origin, name, type(error).__name__, kind)

    def _plan(self, kind: type[Event]) -> list["_Plan"]:
        """For each stage where an event of ``kind`` may enter: whether it is let out, and who knows it on the way."""
        know = [(index, stage.knows[kind]) for index, stage in enumerate(self._stages) if kind in stage.knows]
        lets_out = issubclass(kind, self._out)
        plans = [(lets_out, tuple(each for each in know if each[0] >= start)) for start in range(len(self._stages) + 1)]
        self._plans[kind] = plans
        return plans


_Plan: TypeAlias = tuple[bool, tuple[tuple[int, Decision[Any]], ...]]
