"""Turns of work and rest, for a job beside something more urgent.

A job in the scheduler's idle class still slows what runs beside it: they share caches, memory and often a core.
"""

import time
from collections.abc import Callable, Iterable, Iterator
from typing import Final, Protocol, TypeVar

T = TypeVar("T")

STRETCH: Final = 50
"""Items between two rests: well under a millisecond of work, where a call takes some."""


class Pace(Protocol):
    """Hands items on, when it is time for each."""

    def __call__(self, items: Iterable[T], /) -> Iterable[T]: ...


def at_once(items: Iterable[T], /) -> Iterable[T]:
    """The pace of a job that somebody waits for."""
    return items


class Turns:
    """Rests after each stretch for as long as it took, while something more urgent goes on.

    On a busy machine a stretch takes longer, and so does the rest: the job holds back the more.
    """

    def __init__(
        self,
        urgent: Callable[[], bool],
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], object] = time.sleep,
    ) -> None:
        """``urgent`` says whether something has gone on since it was last asked; ``clock`` is in seconds."""
        self._urgent = urgent
        self._clock = clock
        self._sleep = sleep

    def __call__(self, items: Iterable[T], /) -> Iterator[T]:
        began = self._clock()
        for number, item in enumerate(items, 1):
            yield item
            if not number % STRETCH:
                if self._urgent():
                    self._sleep(self._clock() - began)
                began = self._clock()
