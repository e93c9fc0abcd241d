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
from events.incident import error_id
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
            run = _Run((self,), Event)

            def on_next(event: Event) -> None:
                for each in run.decide(event):
                    observer.on_next(each)

            return source.subscribe(on_next, observer.on_error, observer.on_completed, scheduler=scheduler)

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
            decide, forward = _Run(stages, Decided).decide, observer.on_next

            def on_next(fact: Observed) -> None:
                forward(Step(fact, tuple(decide(fact))))

            return source.subscribe(on_next, observer.on_error, observer.on_completed, scheduler=scheduler)

        return reactivex.create(subscribe)

    return lift


class _Run:
    """One subscription: the states of the sessions, and for each type of event the stages that know it."""

    def __init__(self, stages: Sequence[Stage], out: type[Event]) -> None:
        """Of what goes through all stages, ``decide`` gives back what is an ``out``."""
        self._stages = stages
        self._sessions: dict[SessionId, list[Any]] = {}
        self._plans: dict[type[Event], list[_Plan]] = {}
        self._out = out

    def decide(self, event: Event) -> list[Any]:
        """Take an event through the stages, and then what it led to: whatever a later stage made of it goes first."""
        session = event.origin.session
        states = self._sessions.get(session)
        if states is None:
            states = self._sessions[session] = [stage.fresh() for stage in self._stages]
        if type(event) is SessionClosed:
            del self._sessions[session]
        out: list[Event] = []
        waiting: list[tuple[Event, int]] = []
        start = 0
        while True:
            kind = type(event)
            lets_out, stages = (self._plans.get(kind) or self._plan(kind))[start]
            alone = (event,)
            for index, decide in stages:
                try:
                    events = decide(states[index], event)
                except Exception as error:  # noqa: BLE001 - a bug of ours: the event is lost, the stream is not
                    failed = self._failed(index, event, error)
                    events = (event, failed) if isinstance(event, Decided) else (failed,)
                if events == alone:
                    continue
                goes_on = len(events) > 0 and events[0] is event
                for each in events[:0:-1] if goes_on else events[::-1]:
                    waiting.append((each, index + 1))  # noqa: PERF401 - a comprehension is a call until Python 3.12
                if not goes_on:
                    break
            else:
                if lets_out:
                    out.append(event)
            if not waiting:
                return out
            event, start = waiting.pop()

    def _failed(self, index: int, event: Event, error: Exception) -> StageFailed:
        name, kind = self._stages[index].name, type(event).__name__
        about = {"session": event.origin.session, "error_id": error_id(event.origin.session, event.origin.request)}
        _log.error("operator %s failed on %s", name, kind, exc_info=error, extra=about)
        return StageFailed(event.origin, name, type(error).__name__, kind)

    def _plan(self, kind: type[Event]) -> list["_Plan"]:
        """For each stage where an event of ``kind`` may enter: whether it is let out, and who knows it on the way."""
        know = [(index, stage.knows[kind]) for index, stage in enumerate(self._stages) if kind in stage.knows]
        lets_out = issubclass(kind, self._out)
        plans = [(lets_out, tuple(each for each in know if each[0] >= start)) for start in range(len(self._stages) + 1)]
        self._plans[kind] = plans
        return plans


_Plan: TypeAlias = tuple[bool, tuple[tuple[int, Decision[Any]], ...]]
