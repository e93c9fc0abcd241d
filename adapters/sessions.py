"""What every transport does alike: open a session, take messages in, give answers out."""

import asyncio
import logging
from collections.abc import Callable
from typing import Final, Protocol, TypeAlias, TypeVar

import msgspec
from reactivex.abc import DisposableBase

from adapters.clock import new_session_id
from events import codes
from events.decided import ErrorReady, RequestCancelled, ResponseReady
from events.event import Decided, Observed, Origin, RequestId, SessionId
from events.frames import error_frame
from events.jsonrpc import decode, id_text, malformed
from events.message import Message
from events.observed import (
    CallerLeft,
    Headers,
    MessageMalformed,
    PolicyReplaced,
    RequestOverflowed,
    RequestReceived,
    ResourceChanged,
    SessionClosed,
    SessionOpened,
)
from pipeline.ingress import Ingress
from pipeline.journal import Journal, Lost, Recorded

Kind = TypeVar("Kind", MessageMalformed, RequestOverflowed)
Fact = TypeVar("Fact", bound=Observed)

_log: Final = logging.getLogger(__name__)

Apart: TypeAlias = MessageMalformed | RequestOverflowed
"""What is answered for itself: its id, if it has one, may be that of a request in flight, and counts for nothing."""

ENDING: Final = frozenset({ResponseReady, ErrorReady, RequestCancelled})
"""The decisions after which a request is owed nothing."""

HIGH_WATER: Final = 64 * 1024
"""Bytes that may wait for a client before those who have more to tell it are to wait too."""

_NOTHING_DONE: Final = "the event log has failed: nothing was done"

_OWED: Final = frozenset({RequestReceived, RequestOverflowed, MessageMalformed, CallerLeft})
"""The facts that concern something owed an answer. A cancellation or a response of the client is never answered."""


class Redact(Protocol):
    """Takes the secrets out of a fact, and gives a fact without any back as it is."""

    def __call__(self, fact: Fact, /) -> Fact:
        """The fact as it is stored."""


def _as_it_is(fact: Fact) -> Fact:
    return fact


class Outlet(Protocol):
    """The way out of one session."""

    def deliver(self, fact: Observed, decision: Decided, frame: bytes) -> None:
        """Send ``frame``, which ``decision`` made because of ``fact``. Must not block; an empty frame sends nothing."""

    async def room(self, request: RequestId | None) -> None:
        """Wait until the client has taken what it was sent of ``request``, if more waits than :data:`HIGH_WATER`."""

    def close(self, reason: str) -> None:
        """Send what was delivered, then end the connection."""


class Session:
    """One recorded stream of messages, and its way out.

    Attributes:
        peer: The address of the other side; empty where there is none.
        principal: Who is calling.
        pending: The requests that came and are owed an answer, by id.
        apart: What else came and is owed one, by identity.
        follows: The resources of which it is to hear when they change.
        is_part: Whether its requests are parts of one that was let in before.
    """

    __slots__ = (
        "_gate",
        "_room",
        "apart",
        "closed",
        "follows",
        "id",
        "is_part",
        "outlet",
        "peer",
        "pending",
        "principal",
    )

    def __init__(
        self, gate: "Gate", id: SessionId, peer: str, principal: str, outlet: Outlet, *, is_part: bool = False
    ) -> None:
        self.id = id
        self.peer = peer
        self.principal = principal
        self.outlet = outlet
        self.is_part = is_part
        self.pending: dict[RequestId, Message] = {}
        self.apart: dict[int, Apart] = {}
        self.follows: frozenset[str] = frozenset()
        self.closed = False
        self._gate = gate
        self._room: Callable[[], None] | None = None

    def read(self, raw: bytes, headers: Headers | None = None) -> Observed:
        """Understand a message and count it in. Follow with :meth:`push`."""
        fact = self._gate.redact(decode(raw, self.id, self._gate.clock(), headers))
        request = fact.origin.request
        if type(fact) is RequestReceived:
            if request in self.pending:
                return self._repeated(raw, fact.origin)
            gate = self._gate
            if gate.in_flight >= gate.window and (gate.window or not self.is_part):
                return self.owe(RequestOverflowed(fact.origin, fact.message, gate.in_flight, gate.retry_after))
            gate.in_flight += 1
            self.pending[request] = fact.message  # type: ignore[index]  # a request has an id
        elif type(fact) is MessageMalformed:
            if request in self.pending:
                fact = msgspec.structs.replace(fact, origin=Origin(self.id, None, fact.origin.at))
            return self.owe(fact)
        return fact

    def malformed(self, raw: bytes, code: int, problem: str) -> MessageMalformed:
        """Count in bytes that the transport itself cannot take. Follow with :meth:`push`."""
        return self.owe(self._gate.redact(malformed(raw, Origin(self.id, None, self._gate.clock()), code, problem)))

    def owe(self, fact: Kind) -> Kind:
        """Count in what gets an error of its own, where one is owed. Follow with :meth:`push`."""
        if type(fact) is not MessageMalformed or fact.answer:
            self.apart[id(fact)] = fact
        return fact

    def push(self, fact: Observed) -> None:
        """Take a fact in; when it cannot be recorded, answer with an error at once, and do nothing."""
        if self._gate.journal.failure is None and not self.closed:
            self._gate.ingress.push(fact)
        else:
            self._gate.refuse(self, fact)

    def leave(self, request: RequestId) -> None:
        """The client closed the stream on which ``request`` was to be answered."""
        if request in self.pending:
            self.push(CallerLeft(Origin(self.id, request, self._gate.clock())))

    def deliver(self, fact: Observed, decision: Decided, frame: bytes) -> None:
        """Give a frame to the outlet, and make room when it was the last of its request."""
        if type(decision) in ENDING:
            if type(fact) in (MessageMalformed, RequestOverflowed):
                self.apart.pop(id(fact), None)
            else:
                self.settle(decision.origin.request)
        if not self.closed:
            self.outlet.deliver(fact, decision, frame)

    def settle(self, request: RequestId | None) -> None:
        """A request is owed nothing any more."""
        if self.pending.pop(request, None) is not None:  # type: ignore[arg-type]  # None is never in it
            self._gate.in_flight -= 1
            if self._room is not None:
                self._room()

    def durable(self, fact: Observed) -> asyncio.Future[bool]:
        """See :meth:`Gate.durable`."""
        return self._gate.durable(fact)

    async def room(self, request: RequestId | None) -> None:
        """See :meth:`Outlet.room`."""
        await self.outlet.room(request)

    def when_room(self, wake: Callable[[], None] | None) -> None:
        """Have ``wake`` called whenever a request has been answered."""
        self._room = wake

    def close(self, reason: str) -> None:
        """No more messages will come, and none can be sent."""
        if self.closed:
            return
        self.closed = True
        if self._gate.journal.failure is None:
            self._gate.ingress.push(SessionClosed(Origin(self.id, None, self._gate.clock()), reason))
        self._gate.forget(self)
        _log.info("session closed", extra={"session": self.id, "reason": reason})

    def _repeated(self, raw: bytes, origin: Origin) -> MessageMalformed:
        problem = f"the request id {id_text(origin.request).decode()} is already in flight in this session"
        fact = malformed(raw, Origin(self.id, None, origin.at), codes.INVALID_REQUEST, problem)
        return self.owe(self._gate.redact(fact))


class Gate:
    """All open sessions, and the window of unanswered requests that they share.

    Args:
        policy: What the chain was made with; see :meth:`follow`.

    Attributes:
        in_flight: Requests that came and are owed an answer.
        window: The most of those; one that comes on top is refused. When it is 0, the server drains: what was let in
            may go on, and so may the parts of it.
        retry_after: Seconds after which a refused client is told to try again.
        redact: Takes the secrets out of what came, before anybody else sees it.
    """

    def __init__(
        self, ingress: Ingress, journal: Journal, clock: Callable[[], float], policy: bytes, window: int
    ) -> None:
        self.ingress = ingress
        self.journal = journal
        self.clock = clock
        self.window = window
        self.in_flight = 0
        self.retry_after = 1.0
        self.redact: Redact = _as_it_is
        self.sessions: dict[SessionId, Session] = {}
        self._policy = self._first_policy = policy
        self._durable: dict[int, asyncio.Future[bool]] = {}
        self._watch: DisposableBase | None = None

    def open(
        self,
        transport: str,
        peer: str,
        principal: str,
        outlet: Outlet,
        trace: str = "",
        *,
        parent: SessionId = "",
        version: str = "",
    ) -> Session:
        """Begin a session; see :class:`SessionOpened`."""
        at = self.clock()
        session = Session(self, new_session_id(at), peer, principal, outlet, is_part=bool(parent))
        self.sessions[session.id] = session
        _log.info("session opened", extra={"session": session.id, "transport": transport, "trace": trace})
        if self.journal.failure is None:
            origin = Origin(session.id, None, at)
            opened = SessionOpened(origin, transport, peer, principal, self._policy, trace, parent, version)
            self.ingress.push(opened)
            if self._policy != self._first_policy:  # which is what the chain begins every session with
                self.ingress.push(PolicyReplaced(origin, self._policy))
        return session

    def follow(self, policy: bytes) -> None:
        """Have the sessions that are open, and those to come, follow another policy."""
        self._policy = policy
        for session in list(self.sessions.values()):
            session.push(PolicyReplaced(Origin(session.id, None, self.clock()), policy))

    def changed(self, is_concerned: Callable[[str], bool]) -> None:
        """Tell each session which of the resources that it follows have changed; ``is_concerned`` knows by the URI."""
        for session in list(self.sessions.values()):
            for uri in filter(is_concerned, session.follows):
                session.push(ResourceChanged(Origin(session.id, None, self.clock()), uri))

    def durable(self, fact: Observed) -> asyncio.Future[bool]:
        """Whether ``fact`` was recorded, once that is known. To be asked in the turn in which it was pushed."""
        waiter: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        if self.journal.failure is not None:
            waiter.set_result(False)
            return waiter
        self._durable[id(fact)] = waiter
        if self._watch is None:  # only while somebody waits: most of what is recorded nobody asks about
            self._watch = self.journal.recorded.subscribe(self._on_recorded)
        return waiter

    def _on_recorded(self, record: Recorded) -> None:
        for step in record.steps:
            waiter = self._durable.pop(id(step.fact), None)
            if waiter is not None and not waiter.done():
                waiter.set_result(True)
        if not self._durable and self._watch is not None:
            self._watch.dispose()
            self._watch = None

    def on_lost(self, lost: Lost) -> None:
        """A session cannot be recorded: answer everything that it is owed, and end it."""
        for step in lost.steps:
            waiter = self._durable.pop(id(step.fact), None)
            if waiter is not None and not waiter.done():
                waiter.set_result(False)
        session = self.sessions.get(lost.session)
        if session is not None and not session.closed:
            self._refuse_owed(session, "this session cannot be recorded any more: nothing was done; begin another one")
            session.outlet.close("it cannot be recorded")
            session.close("it cannot be recorded")

    def forget(self, session: Session) -> None:
        """A session has closed: what it was owed is owed no more."""
        self.sessions.pop(session.id, None)
        self.in_flight -= len(session.pending)
        session.pending.clear()
        session.apart.clear()

    def refuse(self, session: Session, fact: Observed, why: str = _NOTHING_DONE) -> None:
        """Answer that nothing was done, because it could not be recorded."""
        if (type(fact) is MessageMalformed and not fact.answer) or type(fact) not in _OWED:
            return
        error = ErrorReady(fact.origin, codes.LOG_FAILED, why)
        session.deliver(fact, error, error_frame(id_text(fact.origin.request), error.code, error.message))

    def refuse_all(self) -> None:
        """The log has failed: answer everything that is owed an answer."""
        for waiter in self._durable.values():
            if not waiter.done():
                waiter.set_result(False)
        for session in list(self.sessions.values()):
            self._refuse_owed(session, _NOTHING_DONE)

    def _refuse_owed(self, session: Session, why: str) -> None:
        for request in list(session.pending):
            self.refuse(session, CallerLeft(Origin(session.id, request, self.clock())), why)
        for fact in list(session.apart.values()):
            self.refuse(session, fact, why)
