import asyncio

import pytest
from hypothesis import given

from adapters import memory_limits
from adapters.memory_limits import MemoryLimits
from operators.policy import Limit
from pipeline.questions import Verdict
from tests.adapters import limits_contract as contract
from tests.adapters.limits_contract import FAST, LOG, PLACES, SLOW, History, asked, histories

KEY = (("fast", "a"),)


@given(histories)
def test_it_says_what_the_algorithms_say(history: History) -> None:
    asyncio.run(contract.check_history(MemoryLimits, history))


async def test_a_refusal_takes_from_no_limit() -> None:
    await contract.check_refusal_takes_nothing(MemoryLimits)


async def test_of_several_refusals_the_longest_is_told() -> None:
    await contract.check_slowest_is_named(MemoryLimits)


async def test_what_it_is_told_is_done_in_order() -> None:
    await contract.check_what_is_told_is_done_in_order(MemoryLimits)


async def test_a_burst_is_refused_until_its_tokens_return() -> None:
    limits = MemoryLimits([FAST])
    assert [await asked(limits, KEY, at) for at in (0.0, 0.0, 0.0, 0.0, 0.25)] == [
        Verdict("fast", 2.0, None),
        Verdict("fast", 1.0, None),
        Verdict("fast", 0.0, None),
        Verdict("fast", 0.0, 0.25),
        Verdict("fast", 0.0, None),
    ]


async def test_of_many_keys_the_emptiest_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory_limits, "MOST_STATES", 10)
    limits = MemoryLimits([FAST, PLACES])
    assert (await asked(limits, [("places", "busy")], 0.0)).retry_after is None
    for _ in range(3):
        await asked(limits, [("fast", "greedy")], 0.0)
    for number in range(100):
        await asked(limits, [("fast", f"{number}")], 0.0)
    assert len(limits) <= 11
    assert (await asked(limits, [("fast", "greedy")], 0.0)).retry_after is not None
    assert limits.most_used(0.0, 2) == [(("fast", "greedy"), 1.0), (("places", "busy"), 0.5)]


async def test_what_logs_hold_together_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory_limits, "MOST_LOGGED", 50)
    limits = MemoryLimits([LOG])
    for number in range(200):
        await asked(limits, [("log", f"{number % 40}")], float(number) / 100)
    assert 0 < sum(len(log.times) for log in limits._states.values()) == limits._logged <= 50


async def test_places_that_are_free_cost_no_memory() -> None:
    limits = MemoryLimits([SLOW, PLACES])
    for number in range(10):
        await asked(limits, [("places", f"{number}")], 0.0)
        limits.give_back((("places", f"{number}"), ("slow", "unknown")), contract.ASKERS[0])
    assert len(limits) == 0


async def test_a_limit_may_cost_less_than_a_request() -> None:
    limits = MemoryLimits([Limit("parts", "server", requests=1, window=60)])
    said = [await asked(limits, [("parts", "")], 0.0, (0.1,)) for _ in range(11)]
    assert [verdict.retry_after is None for verdict in said] == [True] * 10 + [False]
