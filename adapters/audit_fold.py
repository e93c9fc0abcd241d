"""From recorded steps to audit rows: one a request, one a malformed message, one a session.

A projection in memory: it says what changed since the last batch, and whoever stores that does it in one transaction.
"""

from collections.abc import Callable
from typing import Final

from events.decided import AccessDecided, SessionAgreed
from events.event import Observed, Origin, RequestId, SessionId, Step
from events.frames import OUTGOING, frame
from events.jsonrpc import id_text
from events.message import Message
from events.observed import MessageMalformed, RequestOverflowed, RequestReceived, SessionClosed, SessionOpened
from events.outcome import CACHED, CANCELLED, OK, REJECTED, outcome
from events.traces import trace_of
from operators.versions import META_CLIENT

MALFORMED: Final = "(malformed)"
"""The method of a message that could not be understood."""

PLACE_BITS: Final = 20
"""A row's id is its record's position and, in so many bits, its event's place in the record."""

_MOST_SESSIONS: Final = 10_000  # in memory; those that were left out are found again when something happens in them
_GOOD: Final = frozenset({OK, CACHED, CANCELLED})


class CallRow:
    """A request and what became of it.

    Attributes:
        id: Position and place of its first event; ascending in the order of the log.
        session: The number of its session.
        request: The JSON text of its id; None when it has none.
        outcome: How it ended; None while it is open.
        code: The JSON-RPC error code that it was answered with.
        latency: Milliseconds from its arrival to its end.
        bytes_in: The size of the message.
        bytes_out: The size of everything that was sent because of it.
        rule: The rule that decided whether its caller may make it; empty where there are no rules.
        stored: Whether an earlier batch has stored it.
    """

    __slots__ = (
        *("id", "session", "at", "principal", "method", "name", "request", "outcome", "code", "latency"),
        *("bytes_in", "bytes_out", "trace", "rule", "stored"),
    )

    def __init__(self, id: int, session: "SessionRow", origin: Origin, method: str, name: str, size: int) -> None:
        self.id = id
        self.session = session.id
        self.at = origin.at
        self.principal = session.principal
        self.method = method
        self.name = name
        self.request = None if origin.request is None else id_text(origin.request).decode()
        self.outcome: str | None = None
        self.code: int | None = None
        self.latency: float | None = None
        self.bytes_in = size
        self.bytes_out = 0
        self.trace = session.trace
        self.rule = ""
        self.stored = False


class SessionRow:
    """A session and what it came to so far.

    Attributes:
        id: Its number among the sessions, 1 for the first.
        open: Its requests that have not ended.
    """

    __slots__ = (
        *("id", "session", "opened", "closed", "reason", "transport", "peer", "principal", "client", "version"),
        *("trace", "requests", "errors", "last_position", "last_at", "open"),
    )

    def __init__(self, id: int, session: SessionId, at: float) -> None:
        self.id = id
        self.session = session
        self.opened = at
        self.closed: float | None = None
        self.reason = ""
        self.transport = ""
        self.peer = ""
        self.principal = ""
        self.client = ""
        self.version = ""
        self.trace = ""
        self.requests = 0
        self.errors = 0
        self.last_position = 0
        self.last_at = at
        self.open: dict[RequestId | None, CallRow] = {}


class Fold:
    """Takes steps in, and gathers what changed.

    Args:
        find: Finds a session that an earlier run has stored, with its open requests.
        next_session: The number for the next new session.

    Attributes:
        begun: Rows that are new since the last :meth:`settle`.
        changed: Stored rows that have changed since, by id.
        touched: Sessions that something happened in since.
    """

    def __init__(self, find: Callable[[SessionId], SessionRow | None], next_session: int) -> None:
        self._find = find
        self._next = next_session
        self._sessions: dict[SessionId, SessionRow] = {}
        self.begun: list[CallRow] = []
        self.changed: dict[int, CallRow] = {}
        self.touched: dict[int, SessionRow] = {}

    def take(self, position: int, steps: list[Step]) -> None:
        """Take in the steps of the record at ``position``, all of one session."""
        place = position << PLACE_BITS
        for step in steps:
            session = self._session(step.fact)
            self._take_step(place, session, step)
            place += 1 + len(step.decisions)
            session.last_position, session.last_at = position, step.fact.origin.at

    def settle(self) -> None:
        """What changed is stored: begin to gather anew."""
        for row in self.begun:
            row.stored = True
        self.begun = []
        self.changed = {}
        for session in self.touched.values():
            if session.closed is not None:
                self._sessions.pop(session.session, None)
        self.touched = {}
        if len(self._sessions) > _MOST_SESSIONS:  # the sessions of a server that was killed never close
            self._sessions = dict(list(self._sessions.items())[_MOST_SESSIONS // 2 :])

    def _session(self, fact: Observed) -> SessionRow:
        id = fact.origin.session
        session = self._sessions.get(id)
        if session is None and type(fact) is not SessionOpened:
            session = self._find(id)
        if session is None:
            session = SessionRow(self._next, id, fact.origin.at)
            self._next += 1
        self._sessions[id] = session
        self.touched[session.id] = session
        return session

    def _take_step(self, place: int, session: SessionRow, step: Step) -> None:
        fact = step.fact
        match fact:
            case RequestReceived(origin, message):
                call = self._begin(place, session, origin, message)
                session.open[origin.request] = call
                self._decided(session, call, step)
                return
            case RequestOverflowed(origin, message):
                self._decided(session, self._begin(place, session, origin, message), step)
                return
            case MessageMalformed(origin):
                call = CallRow(place, session, origin, MALFORMED, "", fact.length)
                self._add(session, call)
                self._decided(session, call, step)
                if call.outcome is None:
                    self._end(session, call, REJECTED, origin.at)
                return
            case SessionOpened():
                session.transport, session.peer = fact.transport, fact.peer
                session.principal, session.trace = fact.principal, fact.trace
            case SessionClosed(origin, reason):
                session.closed, session.reason = origin.at, reason
        self._decided(session, None, step)

    def _begin(self, id: int, session: SessionRow, origin: Origin, message: Message) -> CallRow:
        call = CallRow(id, session, origin, message.method, message.name, len(message.raw))
        if meta := message.meta:
            call.trace = trace_of(meta) or call.trace
            if not session.client and isinstance(info := meta.get(META_CLIENT), dict):
                session.client = " ".join(str(info.get(key, ""))[:64] for key in ("name", "version")).strip()
        self._add(session, call)
        return call

    def _add(self, session: SessionRow, call: CallRow) -> None:
        self.begun.append(call)
        session.requests += 1

    def _decided(self, session: SessionRow, begun: CallRow | None, step: Step) -> None:
        """Follow what was decided about ``begun``, or about the requests that the decisions name."""
        fact = step.fact
        for decision in step.decisions:
            if type(decision) is SessionAgreed:
                session.version, session.client = decision.version, decision.client
            call = begun or session.open.get(decision.origin.request)
            if call is None:
                continue
            if type(decision) is AccessDecided:  # with the request that it is about, so the row is not stored yet
                call.rule = decision.rule
            if type(decision) in OUTGOING:
                call.bytes_out += len(frame(decision, fact))
                self._change(call)
            if (word := outcome(decision, fact)) is not None:
                call.code = getattr(decision, "code", None)
                if session.open.get(decision.origin.request) is call:
                    del session.open[decision.origin.request]
                self._end(session, call, word, decision.origin.at)

    def _end(self, session: SessionRow, call: CallRow, word: str, at: float) -> None:
        call.outcome = word
        call.latency = (at - call.at) * 1000
        session.errors += word not in _GOOD
        self._change(call)

    def _change(self, call: CallRow) -> None:
        if call.stored:
            self.changed[call.id] = call
