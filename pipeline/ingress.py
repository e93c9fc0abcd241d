"""The way in: one fact at a time, whoever pushes it."""

from collections import deque

from events.event import Observed
from pipeline.hot import Hot


class Ingress:
    """Hands facts to whoever listens, each only when everyone is done with the one before.

    An effect may push at any moment, also while a fact is being decided on: without the queue, listeners would see
    the two in different orders.
    """

    def __init__(self) -> None:
        self.facts: Hot[Observed] = Hot()
        self._queue: deque[Observed] = deque()
        self._busy = False

    def push(self, fact: Observed) -> None:
        """Take in a fact."""
        self._queue.append(fact)
        if self._busy:
            return
        self._busy = True
        emit = self.facts.emit
        try:
            while self._queue:
                emit(self._queue.popleft())
        finally:
            self._busy = False
