"""The way in: one fact at a time, whoever pushes it."""

from collections import deque
from collections.abc import Iterable

from events.event import Observed, SessionId
from events.observed import SessionClosed, SessionOpened
from pipeline.hot import Hot


class Ingress:
    """Hands facts to whoever listens, each only when everyone is done with the one before.

    An effect may push at any moment, also while a fact is being decided on: without the queue, listeners would see
    the two in different orders.

    A session begins with its opening and ends with its closing. What is told of it later is dropped: a tool may return
    and a lookup may be answered before the closing is recorded, and so before anyone is told to stop.
    """

    def __init__(self) -> None:
        self.facts: Hot[Observed] = Hot()
        self._queue: deque[Observed] = deque()
        self._open: set[SessionId] = set()
        self._busy = False

    def restore(self, facts: Iterable[Observed]) -> None:
        """Take in again the facts of one session, which are recorded already: as before, it goes on after them."""
        for fact in facts:
            self._open.add(fact.origin.session)
            self.facts.emit(fact)

    def push(self, fact: Observed) -> None:
        """Take in a fact."""
        self._queue.append(fact)
        if self._busy:
            return
        self._busy = True
        emit, is_open = self.facts.emit, self._open
        try:
            while self._queue:
                fact = self._queue.popleft()
                session = fact.origin.session
                if session in is_open:
                    if type(fact) is SessionClosed:
                        is_open.remove(session)
                elif type(fact) is SessionOpened:
                    is_open.add(session)
                else:
                    continue
                emit(fact)
        finally:
            self._busy = False
