"""What every limiter does, wherever it keeps what it counts. To be run over each of them."""

import asyncio
import itertools
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

import msgspec
from hypothesis import strategies as st

from adapters.memory_limits import holder
from operators.limits.limit import Algorithm
from operators.policy import Limit
from pipeline.questions import Asker, Key, Limiter, Verdict, verdict

SLOW = Limit("slow", "principal", per_second=0.5, burst=2)
FAST = Limit("fast", "session", per_second=4, burst=3)
ODD = Limit("odd", "server", requests=7, window=3, burst=2.5)
LEAKY = Limit("leaky", "server", per_second=3, burst=2, algorithm=Algorithm.LEAKY_BUCKET)
FIXED = Limit("fixed", "server", requests=3, window=1.5, algorithm=Algorithm.FIXED_WINDOW)
LOG = Limit("log", "server", requests=3, window=1.5, algorithm=Algorithm.SLIDING_WINDOW_LOG)
COUNTER = Limit("counter", "server", requests=3, window=1.5, algorithm=Algorithm.SLIDING_WINDOW_COUNTER)
DAILY = Limit("daily", "server", requests=1_000_000, window=86_400, algorithm=Algorithm.SLIDING_WINDOW_COUNTER)
PLACES = Limit("places", "server", concurrent=2, lease=4.0)
LIMITS = (SLOW, FAST, ODD, LEAKY, FIXED, LOG, COUNTER, DAILY, PLACES)

Make: TypeAlias = Callable[[Sequence[Limit]], Limiter]
"""Makes a limiter that goes by the time that comes with a question."""

ASKERS: tuple[Asker, ...] = (("a", 1), ("a", "1"), ("b", 1))
_START = 1_700_000_000_000_000

_keys = st.sampled_from([*((limit.name, "x") for limit in LIMITS), ("fast", "y"), ("log", "y"), ("places", "y")])
_costs = st.sampled_from([1.0, 1.0, 1.0, 0.5, 2.0])
_takes = st.tuples(
    st.just("take"),
    st.dictionaries(_keys, _costs, min_size=1, max_size=4),
    st.sampled_from(ASKERS),
    # Whole milliseconds, so that ticks of whatever length fall on them alike; sometimes backwards.
    st.sampled_from([0, 0, 1, 125, 250, 750, 1500, 4000, 10_000, -1, -600]),
)
_returns = st.tuples(st.just("return"), _keys.map(lambda key: {key: 1.0}), st.sampled_from(ASKERS), st.just(0))
histories = st.lists(st.one_of(_takes, _takes, _takes, _returns), min_size=1, max_size=30)
History: TypeAlias = list[tuple[str, Mapping[Key, float], Asker, int]]


class Plain:
    """The limits by the book: each algorithm's step, all or nothing, and nothing is ever forgotten."""

    def __init__(self, limits: Sequence[Limit]) -> None:
        self.rules: dict[str, Any] = {limit.name: limit.rule() for limit in limits}
        self.states: dict[Key, Any] = {}

    def take(self, costs: Mapping[Key, float], asker: Asker, at: float) -> Verdict:
        steps = {key: self._step(key, cost, asker, at) for key, cost in costs.items()}
        answers = [answer for _, answer in steps.values()]
        if all(answer.retry_after is None for answer in answers):
            self.states |= {key: state for key, (state, _) in steps.items()}
        return verdict(tuple(costs), answers)

    def give_back(self, key: Key, asker: Asker) -> None:
        if key[0] == "places":
            self.states[key] = self.rules["places"].release(self.states.get(key) or {}, holder(asker))

    def _step(self, key: Key, cost: float, asker: Asker, at: float) -> Any:
        rule, state = self.rules[key[0]], self.states.get(key)
        return rule.acquire(state, holder(asker), at) if key[0] == "places" else rule.take(state, cost, at)


async def asked(
    limiter: Limiter, keys: Sequence[Key], at: float, costs: Sequence[float] = (), asker: Asker = ASKERS[0]
) -> Verdict:
    told: asyncio.Future[Verdict] = asyncio.get_running_loop().create_future()
    limiter.take(tuple(keys), tuple(costs) or (1.0,) * len(keys), asker, at, told.set_result)
    async with asyncio.timeout(20):
        return await told


async def check_history(make: Make, history: History) -> None:
    """Whatever comes, the limiter says what the algorithms say."""
    limiter, plain, now = make(LIMITS), Plain(LIMITS), _START
    for action, costs, asker, pause in history:
        now += pause * 1000
        at = now / 1_000_000
        if action == "return":
            for key in costs:
                limiter.give_back((key,), asker)
                plain.give_back(key, asker)
        else:
            said = await asked(limiter, tuple(costs), at, tuple(costs.values()), asker)
            assert _to_the_tick(said) == _to_the_tick(plain.take(costs, asker, at))


def _to_the_tick(said: Verdict) -> Verdict:
    """A wait may be told as ticks, or as what adds up to the right moment; both are the same to the microsecond."""
    late = said.retry_after
    return msgspec.structs.replace(said, retry_after=None if late is None else round(late, 6))


async def check_refusal_takes_nothing(make: Make) -> None:
    limiter = make((SLOW, FAST, PLACES))
    all_three = (("fast", "a"), ("slow", "a"), ("places", "a"))
    for number in range(2):
        assert (await asked(limiter, all_three, 50.0, asker=("s", number))).retry_after is None
    limiter.give_back(all_three, ("s", 0))
    for number in range(5):
        assert await asked(limiter, all_three, 50.0, asker=("s", 9 + number)) == Verdict("slow", 0.0, 2.0)
    assert (await asked(limiter, (("fast", "a"), ("places", "a")), 50.0)).retry_after is None


async def check_slowest_is_named(make: Make) -> None:
    limiter = make((SLOW, FAST))
    for _ in range(2):
        await asked(limiter, (("fast", "a"), ("slow", "a")), 50.0)
    await asked(limiter, (("fast", "a"),), 50.0)
    assert await asked(limiter, (("fast", "a"), ("slow", "a")), 50.0) == Verdict("slow", 0.0, 2.0)
    assert await asked(limiter, (("fast", "a"), ("slow", "a")), 51.875) == Verdict("slow", 0.9375, 0.125)
    assert await asked(limiter, (("slow", "a"), ("fast", "a")), 52.0) == Verdict("slow", 0.0, None)


async def check_what_is_told_is_done_in_order(make: Make) -> None:
    """A place that is given back before anyone knew that it was taken is free again."""
    limiter, told = make((PLACES,)), list[Verdict]()
    key: Key = ("places", "a")
    done = asyncio.Event()

    def answer(said: Verdict) -> None:
        told.append(said)
        if len(told) == 40:
            done.set()

    for number in itertools.chain(range(20), range(20)):
        limiter.take((key,), (1.0,), ("s", number), 50.0, answer)
        limiter.give_back((key,), ("s", number))
    async with asyncio.timeout(20):
        await done.wait()
    assert told == [Verdict("places", 1.0, None)] * 40
