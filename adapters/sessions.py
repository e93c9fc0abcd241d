"""What every transport does alike: open a session, take messages in, give answers out."""

import asyncio
import logging
from collections.abc import Callable, Iterable
from typing import Any, Final, NamedTuple, Protocol, TypeAlias, TypeVar

import msgspec
from reactivex.abc import DisposableBase

from adapters.clock import new_session_id
from adapters.grant import Grant
from events import codes
from events.decided import ErrorReady, RequestCancelled, ResponseReady
from events.event import Decided, Observed, Origin, RequestId, SessionId
from events.frames import error_frame
from events.jsonrpc import decode, id_text, malformed
from events.message import Message
from events.observed import (
    CallerLeft,
    GrantReplaced,
    Headers,
    ListChanged,
    MessageMalformed,
    PolicyReplaced,
    RequestOverflowed,
    RequestReceived,
    ResourceChanged,
    SessionClosed,
    SessionOpened,
    SubscriptionEnded,
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

    def release(self, request: RequestId | None, decision: Decided) -> None:
        """End the stream on which ``request`` is answered, where there is one: its client fetches the rest."""

    def close(self, reason: str) -> None:
        """Send what was delivered, then end the connection."""


class Past(NamedTuple):
    """A session as the log has it.

    Attributes:
        opened: How it began.
        facts: All that came, in order.
        version: Of its newest record.
        policy: The policy that it followed at the end, as canonical JSON.
        at: When something came last, in seconds since the epoch.
        agreed: Whether it had a handshake.
        capabilities: What its client can do.
        follows: The resources of which it is to hear.
        pending: The requests that were owed an answer.
        begun: Those of them whose call had begun.
        sent: The messages so far on the streams that go on: those of pending requests, and that of none.
        scopes: What its caller was allowed.
        groups: What its caller belonged to.
        closed: Whether it is over.
    """

    opened: SessionOpened
    facts: list[Observed]
    version: int
    policy: bytes
    at: float
    agreed: bool
    capabilities: dict[str, Any]
    follows: frozenset[str]
    pending: dict[RequestId, Message]
    begun: frozenset[RequestId]
    sent: dict[RequestId | None, int]
    scopes: tuple[str, ...]
    groups: tuple[str, ...]
    closed: bool


class Session:
    """One recorded stream of messages, and its way out.

    Attributes:
        peer: The address of the other side; empty where there is none.
        principal: Who is calling.
        grant: What the caller last showed of itself.
        pending: The requests that came and are owed an answer, by id.
        apart: What else came and is owed one, by identity.
        follows: The resources of which it is to hear when they change.
        agreed: Whether it had a handshake, and so hears when a list changes.
        listens: Its subscriptions: what each hears of, lists by their kind and resources by their URI.
        capabilities: What the client can do, as it said in its handshake.
        transport: How it talks; see :class:`SessionOpened`.
        is_part: Whether its requests are parts of one that was let in before.
    """

    __slots__ = (
        "_gate",
        "_room",
        "agreed",
        "apart",
        "capabilities",
        "closed",
        "follows",
        "grant",
        "id",
        "is_part",
        "listens",
        "outlet",
        "peer",
        "pending",
        "principal",
        "transport",
    )

    def __init__(  # what it is told when it opens
        self,
        gate: "Gate",
        id: SessionId,
        transport: str,
        peer: str,
        principal: str,
        outlet: Outlet,
        *,
        is_part: bool = False,
    ) -> None:
        self.id = id
        self.transport = transport
        self.capabilities: dict[str, Any] = {}
        self.peer = peer
        self.principal = principal
        self.grant = Grant(principal)
        self.outlet = outlet
        self.is_part = is_part
        self.pending: dict[RequestId, Message] = {}
        self.apart: dict[int, Apart] = {}
        self.follows: frozenset[str] = frozenset()
        self.agreed = False
        self.listens: dict[RequestId, frozenset[str]] = {}
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

    def follow(self, grant: Grant) -> None:
        """Go by what the caller, who is still the same, has shown now; what changed is a fact before its request."""
        if (grant.scopes, grant.groups) != (self.grant.scopes, self.grant.groups):
            self.push(GrantReplaced(Origin(self.id, None, self._gate.clock()), grant.scopes, grant.groups))
        self.grant = grant

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
            if not self.listens or self.listens.pop(request, None) is None:  # type: ignore[arg-type]  # as above
                self._gate.in_flight -= 1
            if self._room is not None:
                self._room()

    def listen(self, request: RequestId | None, hears: Iterable[str]) -> None:
        """A request stays open, to hear of changes; it is owed nothing meanwhile, and takes no room from others."""
        if request in self.pending and request not in self.listens:
            self.listens[request] = frozenset(hears)
            self._gate.in_flight -= 1

    @property
    def owed(self) -> int:
        """Requests that wait for an answer."""
        return len(self.pending) - len(self.listens)

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
        wants_params: Whether there are tools that have headers repeat their arguments.
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
        self.wants_params = False
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
        grant: Grant | None = None,
    ) -> Session:
        """Begin a session; see :class:`SessionOpened`."""
        at = self.clock()
        session = Session(self, new_session_id(at), transport, peer, principal, outlet, is_part=bool(parent))
        session.grant = grant = grant or session.grant
        self.sessions[session.id] = session
        _log.info("session opened", extra={"session": session.id, "transport": transport, "trace": trace})
        if self.journal.failure is None:
            origin = Origin(session.id, None, at)
            about = (trace, parent, version, grant.scopes, grant.groups)
            opened = SessionOpened(origin, transport, peer, principal, self._policy, *about)
            self.ingress.push(opened)
            if self._policy != self._first_policy:  # which is what the chain begins every session with
                self.ingress.push(PolicyReplaced(origin, self._policy))
        return session

    def follow(self, policy: bytes) -> None:
        """Have the sessions that are open, and those to come, follow another policy."""
        self._policy = policy
        for session in list(self.sessions.values()):
            session.push(PolicyReplaced(Origin(session.id, None, self.clock()), policy))

    def restore(self, past: Past, outlet: Outlet) -> Session:
        """Go on with a session of before a restart: what it was owed is owed again."""
        opened = past.opened
        session = Session(self, opened.origin.session, opened.transport, opened.peer, opened.principal, outlet)
        session.agreed, session.capabilities, session.follows = past.agreed, past.capabilities, past.follows
        session.grant = Grant(opened.principal, past.scopes, past.groups)
        session.pending.update(past.pending)
        self.in_flight += len(past.pending)
        self.sessions[session.id] = session
        return session

    def catch_up(self, session: Session, policy: bytes) -> None:
        """Have a session follow the policy in force, if it followed ``policy`` and that is another."""
        if policy != self._policy:
            session.push(PolicyReplaced(Origin(session.id, None, self.clock()), self._policy))

    def changed(self, is_concerned: Callable[[str], bool]) -> None:
        """Tell each session which of the resources that it follows have changed; ``is_concerned`` knows by the URI."""
        for session in list(self.sessions.values()):
            for uri in filter(is_concerned, session.follows.union(*session.listens.values())):
                session.push(ResourceChanged(Origin(session.id, None, self.clock()), uri))

    def list_changed(self, kind: str) -> None:
        """Tell each session that hears of it that a list has changed: ``tools``, ``prompts`` or ``resources``."""
        for session in list(self.sessions.values()):
            if session.agreed or any(kind in hears for hears in session.listens.values()):
                session.push(ListChanged(Origin(session.id, None, self.clock()), kind))

    def end_subscriptions(self, reason: str) -> None:
        """Answer the requests that have stayed open: nothing more is told."""
        for session in list(self.sessions.values()):
            for request in list(session.listens):
                session.push(SubscriptionEnded(Origin(session.id, request, self.clock()), reason))

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
        self.in_flight -= session.owed
        session.pending.clear()
        session.listens.clear()
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
