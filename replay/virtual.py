"""The live chain with the past as its source and a virtual clock."""

from datetime import UTC, datetime

from reactivex import Subject
from reactivex.scheduler import HistoricalScheduler

from events.event import Decided, Event, Observed
from operators.measure import Meter, NoMeter
from operators.policy import Policy
from pipeline.chain import decisions


class VirtualChain:
    """Decides again what was decided once; touches nothing outside."""

    def __init__(self, policy: Policy, meter: Meter | None = None) -> None:
        self._facts: Subject[Event] = Subject()
        self._decided: list[Decided] = []
        # Starts before any recorded event: operators that subscribe on the scheduler's next turn are ready by then.
        self._clock = HistoricalScheduler()
        self._now = 0.0
        chain = decisions(self._facts, policy, meter or NoMeter())
        chain.subscribe(self._decided.append, scheduler=self._clock)

    def decide(self, fact: Observed) -> tuple[Decided, ...]:
        """What follows from ``fact``, given all facts before it. A timer that is due by now fires first."""
        at = fact.origin.at
        if at > self._now:  # times of different sessions may cross by a moment
            self._now = at
            self._clock.advance_to(datetime.fromtimestamp(at, UTC))
        self._facts.on_next(fact)
        decided = tuple(self._decided)
        self._decided.clear()
        return decided
