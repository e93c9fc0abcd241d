"""Limits in the memory of one process."""

from collections.abc import Callable, Iterable, Sequence
from heapq import nlargest
from typing import Any, Final

from events.jsonrpc import id_text
from operators.limits.concurrency import Concurrency, Permits
from operators.limits.exact import Answer
from operators.limits.limit import Rate
from operators.limits.sliding_window_log import Log
from operators.policy import Limit
from pipeline.questions import Asker, Key, Verdict, verdict

MOST_STATES: Final = 100_000
"""Keys that are kept. Past it the emptiest half is forgotten: an empty state and a forgotten one are the same."""

MOST_LOGGED: Final = 2_000_000
"""Requests that all logs together hold, at 16 bytes each; past it the emptiest half of the keys is forgotten too."""


class MemoryLimits:
    """Limits that the sessions of one process share."""

    def __init__(self, limits: Iterable[Limit]) -> None:
        self._limits: dict[str, Limit] = {}
        self._states: dict[Key, Any] = {}
        self._permits: dict[Key, Permits] = {}  # places that are taken are never forgotten
        self._logged = 0
        self.replace(limits)

    def replace(self, limits: Iterable[Limit]) -> None:
        """Go by other limits from here on. One that is the same goes on where it is, any other rate begins anew.

        Places that are taken stay taken, as long as there is a limit of that name.
        """
        before, self._limits = self._limits, {limit.name: limit for limit in limits}
        rules = {name: limit.rule() for name, limit in self._limits.items()}
        self._rates: dict[str, Rate] = {name: rule for name, rule in rules.items() if not isinstance(rule, Concurrency)}
        self._concurrent = {name: rule for name, rule in rules.items() if isinstance(rule, Concurrency)}
        same = {name for name in self._rates if self._limits[name] == before.get(name)}
        self._states = {key: state for key, state in self._states.items() if key[0] in same}
        self._permits = {key: places for key, places in self._permits.items() if key[0] in self._concurrent}
        self._logged = sum(map(_logged, self._states.values()))

    def take(
        self,
        keys: Sequence[Key],
        costs: Sequence[float],
        asker: Asker,
        at: float,
        answer: Callable[[Verdict], None],
    ) -> None:
        """Take its cost from each limit, or nothing from any; answer at once."""
        if len(keys) == 1 and (rate := self._rates.get(keys[0][0])) is not None:  # by far the most common
            key = keys[0]
            state, said = rate.take(self._states.get(key), costs[0], at)
            if said.retry_after is None:
                if type(state) is Log:
                    self._keep(key, state, at)
                else:
                    self._states[key] = state
                    if len(self._states) > MOST_STATES:
                        self._forget(at)
            answer(Verdict(key[0], said.remaining, said.retry_after))
            return
        states: list[Any] = []
        answers: list[Answer] = []
        for key, cost in zip(keys, costs, strict=True):
            state, each = self._step(key, cost, asker, at)
            states.append(state)
            answers.append(each)
        together = verdict(keys, answers)
        if together.retry_after is None:
            for key, state in zip(keys, states, strict=True):
                self._keep(key, state, at)
        answer(together)

    def give_back(self, keys: Sequence[Key], asker: Asker) -> None:
        """Free the places that ``asker`` holds."""
        for key in keys:
            if permits := self._permits.get(key):
                left = self._concurrent[key[0]].release(permits, holder(asker))
                if left:
                    self._permits[key] = left
                else:
                    del self._permits[key]

    def most_used(self, at: float, most: int = 20) -> list[tuple[Key, float]]:
        """The keys of which most is used, and what share of it, from 0 to 1."""
        shares = {key: self._used(key, at) for key in self._states}
        shares |= {key: self._concurrent[key[0]].used(permits, at) for key, permits in self._permits.items()}
        return nlargest(most, shares.items(), key=lambda each: each[1])

    def __len__(self) -> int:
        """Keys that are kept."""
        return len(self._states) + len(self._permits)

    def _step(self, key: Key, cost: float, asker: Asker, at: float) -> tuple[Any, Answer]:
        rate = self._rates.get(key[0])
        if rate is not None:
            return rate.take(self._states.get(key), cost, at)
        return self._concurrent[key[0]].acquire(self._permits.get(key), holder(asker), at)

    def _keep(self, key: Key, state: Any, at: float) -> None:
        if key[0] in self._concurrent:
            self._permits[key] = state
            return
        if type(state) is Log:
            self._logged += len(state.times) - _logged(self._states.get(key))
        self._states[key] = state
        if len(self._states) > MOST_STATES or self._logged > MOST_LOGGED:
            self._forget(at)

    def _used(self, key: Key, at: float) -> float:
        return self._rates[key[0]].used(self._states[key], at)

    def _forget(self, at: float) -> None:
        emptiest = sorted(self._states, key=lambda key: self._used(key, at))
        for key in emptiest[: (len(emptiest) + 1) // 2]:
            self._logged -= _logged(self._states.pop(key))


def holder(asker: Asker) -> str:
    """What a place is held under: the request ``1`` is another than ``"1"``."""
    return f"{asker[0]} {id_text(asker[1]).decode()}"


def _logged(state: object) -> int:
    return len(state.times) if type(state) is Log else 0
