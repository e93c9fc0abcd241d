"""The calls of a recording, each with what came of it."""

from collections.abc import Iterable, Iterator
from typing import Any

from msgspec import Struct

from events.decided import CallDispatched
from events.event import Decided, Observed, RequestId, SessionId
from events.message import Message
from events.observed import CallFailed, CallReturned, RequestReceived, SessionClosed, SessionOpened
from events.outcome import outcome
from events.record import unpack
from pipeline.log import Record
from replay.difference import readable
from replay.position import Position


class RecordedCall(Struct, frozen=True):
    """A call that was dispatched.

    Attributes:
        position: Where it was dispatched.
        session: The session that asked for it.
        request: The request's id.
        principal: Who asked.
        method: The JSON-RPC method.
        name: The tool, prompt or resource.
        params: The parameters as they came.
        version: The protocol version that the answer followed.
        at: When it was dispatched, in seconds since the epoch.
        result: What came of it, as the response says it: ``{"result": ...}`` or ``{"error": ...}``.
    """

    position: Position
    session: SessionId
    request: RequestId
    principal: str
    method: str
    name: str
    params: dict[str, Any]
    version: str
    at: float
    result: dict[str, Any]


def recorded_calls(records: Iterable[Record]) -> Iterator[RecordedCall]:
    """The calls that came to a result, in the order of their results. Those that were cancelled are left out.

    Raises:
        UnreadableRecord: A record is damaged.
    """
    sessions: dict[SessionId, _Session] = {}
    for record in records:
        session = sessions.setdefault(record.session, _Session())
        place = 0
        for step in unpack(record.state, record.session):
            if (call := session.observe(step.fact)) is not None:
                yield call
            for decision in step.decisions:
                place += 1
                session.decide(decision, step.fact, Position(record.position, place))
            place += 1
            if isinstance(step.fact, SessionClosed):
                sessions.pop(record.session, None)


class _Session:
    """What is known of a session: who it is, what it asked, and what is under way."""

    def __init__(self) -> None:
        self._principal = ""
        self._asked: dict[RequestId | None, Message] = {}
        self._under_way: dict[RequestId | None, tuple[Position, CallDispatched]] = {}

    def observe(self, fact: Observed) -> RecordedCall | None:
        request = fact.origin.request
        match fact:
            case SessionOpened():
                self._principal = fact.principal
            case RequestReceived():
                self._asked[request] = fact.message
            case CallReturned() | CallFailed() if request in self._under_way:
                return self._ended(fact)
        return None

    def decide(self, decision: Decided, fact: Observed, position: Position) -> None:
        request = decision.origin.request
        if isinstance(decision, CallDispatched):
            self._under_way[request] = (position, decision)
        elif outcome(decision, fact) is not None:
            self._under_way.pop(request, None)
            self._asked.pop(request, None)

    def _ended(self, fact: CallReturned | CallFailed) -> RecordedCall | None:
        request = fact.origin.request
        position, call = self._under_way.pop(request)
        message = self._asked.get(request)
        if message is None or request is None:
            return None
        if isinstance(fact, CallReturned):
            result = {"result": readable(fact.payload)}
        else:
            result = {"error": error_value(fact.code, fact.message, fact.data)}
        session, principal = fact.origin.session, self._principal
        params, at = message.params, call.origin.at
        return RecordedCall(
            position, session, request, principal, call.method, call.name, params, call.version, at, result
        )


def error_value(code: int, message: str, data: dict[str, Any] | None) -> dict[str, Any]:
    """An error as the response says it."""
    return {"code": code, "message": message} | ({} if data is None else {"data": data})
