"""The way in: one fact at a time, whoever pushes it."""

from collections import deque

from reactivex import Subject

from events.event import Event, Observed


class Ingress:
    """Hands facts to whoever listens, each only when everyone is done with the one before.

    An effect may push at any moment, also while a fact is being decided on: without the queue, listeners would see
    the two in different orders.
    """

    def __init__(self) -> None:
        self.facts: Subject[Event] = Subject()
        self._queue: deque[Observed] = deque()
        self._busy = False

    def push(self, fact: Observed) -> None:
        """Take in a fact."""
        self._queue.append(fact)
        if self._busy:
            return
        self._busy = True
        try:
            while self._queue:
                self.facts.on_next(self._queue.popleft())
        finally:
            self._busy = False
