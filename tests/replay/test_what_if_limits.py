"""What other limits would have done, with every algorithm."""

import pytest

from adapters.memory_limits import MemoryLimits
from operators.limits.limit import Algorithm
from operators.policy import Limit, Policy
from replay.what_if import CARRIED_OUT, what_if
from tests.replay.live import Live


def throttled(live: Live, *limits: Limit) -> list[object]:
    policy = Policy(limits=limits)
    changes = what_if(live.reader().records(), policy, MemoryLimits(limits))
    return [change.request for change in changes if change.now == "throttled"]


def calls(*, pause: float) -> Live:
    """Six calls that were all answered, each half a second after it came."""
    live = Live(Policy())
    live.open()
    live.initialize()
    for id in range(1, 7):
        live.call(id)
        live.now += pause
    for id in range(1, 7):
        live.returned(id)
    live.close()
    return live


@pytest.mark.parametrize("algorithm", Algorithm)
def test_every_algorithm_may_be_tried_on_what_was_recorded(algorithm: Algorithm) -> None:
    limit = Limit("few", requests=2, window=1000, algorithm=algorithm, burst=2 if "bucket" in algorithm else 0)
    assert throttled(calls(pause=0.5), limit) == [3, 4, 5, 6]
    assert throttled(calls(pause=1000.0), limit) == []


def test_costs_and_tools_count() -> None:
    assert throttled(calls(pause=0.5), Limit("dear", requests=6, window=60, cost={"echo": 3})) == [3, 4, 5, 6]
    assert throttled(calls(pause=0.5), Limit("others", requests=1, window=60, tools=("add",))) == []


def test_a_limit_on_what_runs_at_once_would_have_refused_what_overlapped() -> None:
    assert throttled(calls(pause=0.5), Limit("places", "session", concurrent=4)) == [5, 6]


def test_a_call_that_was_never_made_would_have_held_its_place_for_no_time() -> None:
    live = Live(Policy(limits=(Limit("one", "session", 0.001, 1.0),)))
    live.open()
    live.initialize()
    for id in (1, 2, 3):
        live.call(id)
        live.returned(id)
    live.close()
    places = (Limit("places", "session", concurrent=1),)
    found = list(what_if(live.reader().records(), Policy(limits=places), MemoryLimits(places)))
    assert [(each.request, each.recorded, each.now) for each in found] == [
        (2, "throttled", CARRIED_OUT),
        (3, "throttled", CARRIED_OUT),
    ]
