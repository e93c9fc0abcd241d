"""The live chain with the past as its source and a virtual clock."""

from datetime import UTC, datetime

from reactivex.scheduler import HistoricalScheduler

from events.event import Observed, Step
from operators.measure import Meter, NoMeter
from operators.policy import Policy
from pipeline.chain import chain
from pipeline.hot import Hot


class VirtualChain:
    """Decides again what was decided once; touches nothing outside."""

    def __init__(self, policy: Policy, meter: Meter | None = None) -> None:
        self._facts: Hot[Observed] = Hot()
        self._steps: list[Step] = []
        # Starts before any recorded event: operators that subscribe on the scheduler's next turn are ready by then.
        self._clock = HistoricalScheduler()
        self._now = 0.0
        steps = self._facts.pipe(chain(policy, meter or NoMeter()))
        steps.subscribe(self._steps.append, scheduler=self._clock)

    def decide(self, fact: Observed) -> Step:
        """What follows from ``fact``, given all facts before it. A timer that is due by now fires first."""
        at = fact.origin.at
        if at > self._now:  # times of different sessions may cross by a moment
            self._now = at
            self._clock.advance_to(datetime.fromtimestamp(at, UTC))
        self._facts.emit(fact)
        step = self._steps[-1]
        self._steps.clear()
        return step
