"""What is owed for a batch of frames, and whether it came: one answer for each frame that one is owed for, no more."""

from collections import Counter
from collections.abc import Iterator
from typing import Any

import orjson

from events.event import Observed, RequestId
from events.observed import CancelReceived, MessageMalformed, RequestReceived
from soak.wire import TEXT

Id = RequestId | None


class Batch:
    """Frames that went out together over a websocket, where answers come in any order.

    Attributes:
        last: The id of an honest request behind the frames: its answer says that all of them have been read.
        frames: The frames and their opcodes.
    """

    def __init__(self, last: RequestId) -> None:
        self.last = last
        self.frames: list[tuple[bytes, int]] = []
        self._owed: Counter[Id] = Counter({last: 1})
        self._cancelled: Counter[Id] = Counter()
        self._came: Counter[Id] = Counter()

    def expect(self, raw: bytes, fact: Observed, opcode: int = TEXT) -> None:
        """A frame goes out that ``decode`` takes for ``fact``."""
        self.frames.append((raw, opcode))
        if owed(fact):
            self._owed[fact.origin.request] += 1
        elif isinstance(fact, CancelReceived):
            self._cancelled[fact.origin.request] += 1

    def take(self, answer: bytes) -> str | None:
        """A message came back; what is wrong with it, if anything is."""
        body: dict[str, Any] = orjson.loads(answer)
        if "method" in body:
            return f"a request of the server's own: {answer[:200]!r}" if "id" in body else None
        if ("result" in body) == ("error" in body) or "id" not in body:
            return f"no answer: {answer[:200]!r}"
        self._came[body["id"]] += 1
        return None

    @property
    def complete(self) -> bool:
        """Whether as many answers came as are owed at most."""
        return self._came.total() >= self._owed.total()

    @property
    def enough(self) -> bool:
        """Whether as many answers came as are owed at least: what was cancelled may have been answered or not."""
        least = self._owed.total() - sum(min(times, self._owed[id]) for id, times in self._cancelled.items())
        return self._came[self.last] == 1 and self._came.total() >= least

    def problems(self) -> Iterator[str]:
        """What is wrong with the answers, now that no more will come.

        A repeated id that was still in flight is refused under the id null; so of an id that went out several times
        some answers may bear null, and the sum decides.
        """
        if not self.enough:
            yield f"{self._came.total()} answers for {self._owed.total()} frames that are owed one"
        for id, times in self._came.items():
            if id is not None and times > self._owed[id]:
                yield f"{times} answers to {id!r}, which was asked {self._owed[id]} times"
        for id, times in self._owed.items():
            if times == 1 and id is not None and not self._came[id] and not self._cancelled[id]:
                yield f"no answer to {id!r}"
        if self._came.total() > self._owed.total():
            yield f"{self._came.total()} answers where {self._owed.total()} are owed"


def owed(fact: Observed) -> bool:
    """Whether an answer is owed for a frame that ``decode`` takes for ``fact``."""
    return isinstance(fact, RequestReceived) or (isinstance(fact, MessageMalformed) and fact.answer)


def http_problem(fact: Observed, status: int, body: bytes) -> str | None:
    """What is wrong with the HTTP response to a frame; responses come in the order of the requests."""
    told = f"status {status} {body[:200]!r}"
    if status >= 500:
        return f"the server failed: {told}"
    if not owed(fact):
        return f"nothing is owed, and yet {told}" if body and status != 400 else None
    try:
        answer = orjson.loads(body)
    except ValueError:
        return f"no JSON: {told}"
    if ("result" in answer) == ("error" in answer):
        return f"no answer: {told}"
    return None if answer.get("id") == fact.origin.request else f"an answer to {answer.get('id')!r}: {told}"
