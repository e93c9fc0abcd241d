"""A session's events in order, each with when, about what, and how it ended."""

from collections.abc import Iterable, Iterator

from msgspec import Struct

from events.event import Decided, Event, Observed, RequestId
from events.frames import OUTGOING, frame
from events.message import Message
from events.observed import (
    MessageMalformed,
    NotificationReceived,
    RequestOverflowed,
    RequestReceived,
    ResponseReceived,
)
from events.outcome import outcome
from events.record import unpack
from pipeline.log import Record
from replay.notes import note
from replay.position import Position


class Entry(Struct, frozen=True):
    """One line of a timeline. Texts are as recorded, and may hold anything.

    Attributes:
        position: Where the event stands.
        at: Seconds since the epoch (UTC).
        offset: Milliseconds since the session began.
        event: The event itself.
        method: The method of the request or notification that it concerns; empty when it concerns none.
        name: The tool, prompt or resource that the request is for.
        outcome: How the request ended, when this event ended it.
        note: A few words on what the event holds.
        frame: The message that came in, or that the event sent out; None when it did neither.
    """

    position: Position
    at: float
    offset: float
    event: Event
    method: str
    name: str
    outcome: str | None
    note: str
    frame: bytes | None

    @property
    def is_fact(self) -> bool:
        """Whether it came from outside; if not, it is a decision."""
        return isinstance(self.event, Observed)


class Flight(Struct):
    """A request that is owed an answer.

    Attributes:
        request: Its id.
        method: Its method.
        name: The tool, prompt or resource that it is for.
        position: Where it was received.
        since: Milliseconds from the session's beginning to its arrival.
        latest: The newest event about it.
    """

    request: RequestId | None
    method: str
    name: str
    position: Position
    since: float
    latest: str


class Timeline:
    """Reads a session's records.

    Attributes:
        in_flight: The requests that are owed an answer after the entry that was given last, by id.
    """

    def __init__(self, records: Iterable[Record]) -> None:
        self._records = records
        self._began: float | None = None
        self._ended: Flight | None = None
        self.in_flight: dict[RequestId | None, Flight] = {}

    def entries(self, upto: Position | None = None) -> Iterator[Entry]:
        """The entries, up to and with that at ``upto``.

        Raises:
            UnreadableRecord: A record is damaged.
        """
        for record in self._records:
            place = 0
            for step in unpack(record.state, record.session):
                for event in (step.fact, *step.decisions):
                    position = Position(record.position, place)
                    if upto is not None and position > upto:
                        return
                    yield self._entry(position, step.fact, event)
                    place += 1

    def _entry(self, position: Position, fact: Observed, event: Event) -> Entry:
        at = event.origin.at
        if self._began is None:
            self._began = at
        offset = (at - self._began) * 1000
        method, name = self._concerned(position, offset, fact, event)
        ended = outcome(event, fact) if isinstance(event, Decided) else None
        request = event.origin.request
        if not isinstance(fact, MessageMalformed | RequestOverflowed | ResponseReceived):
            if ended is not None:
                self._ended = self.in_flight.pop(request, None)
            elif (flight := self.in_flight.get(request)) is not None:
                flight.latest = type(event).__name__
        return Entry(position, at, offset, event, method, name, ended, note(event), _frame(event, fact))

    def _concerned(self, position: Position, offset: float, fact: Observed, event: Event) -> tuple[str, str]:
        match fact:
            case RequestOverflowed(message=message) | NotificationReceived(message=message):
                return message.method, message.name
            case ResponseReceived() | MessageMalformed():  # their ids are not those of requests in flight
                return "", ""
        request = event.origin.request
        if isinstance(event, RequestReceived):
            message = event.message
            flight = Flight(request, message.method, message.name, position, offset, type(event).__name__)
            self.in_flight[request] = flight
        found = self.in_flight.get(request)
        if found is None and self._ended is not None and self._ended.request == request:
            found = self._ended  # what follows the answer in the same step
        return (found.method, found.name) if found else ("", "")


def _frame(event: Event, fact: Observed) -> bytes | None:
    if isinstance(event, Decided):
        return frame(event, fact) if type(event) in OUTGOING else None
    if isinstance(event, MessageMalformed):
        return event.frame or None
    message = getattr(event, "message", None)
    return message.raw if isinstance(message, Message) else None
