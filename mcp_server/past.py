"""Sessions as the log has them: to go on with one after a restart, and to send again what was sent on one."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from typing import Any

from adapters.sessions import ENDING, Past
from events.decided import (
    CallDispatched,
    ResourceFollowed,
    ResourceUnfollowed,
    SessionAgreed,
)
from events.event import Observed, RequestId, SessionId, Step
from events.frames import OUTGOING, frame
from events.message import Message
from events.observed import GrantReplaced, PolicyReplaced, RequestReceived, SessionClosed, SessionOpened
from events.record import unpack
from pipeline.log import LogReader

OpenLog = Callable[[], AbstractContextManager[LogReader]]


def past_of(open_log: OpenLog, session: SessionId) -> Past | None:
    """A session as it was when its newest record was written; None when there is none of that id. It reads the log.

    Raises:
        UnreadableLog: The log cannot be read.
        UnreadableRecord: A record of the session is damaged.
    """
    with open_log() as reader:
        version, steps = 0, []
        for record in reader.session(session):
            version = record.version
            steps += unpack(record.state, session)
    return _folded(steps, version) if steps and isinstance(steps[0].fact, SessionOpened) else None


def sent_on(open_log: OpenLog, session: SessionId, request: RequestId | None) -> list[bytes]:
    """The messages that were sent on the stream of a request, or on that of none, in order. It reads the log.

    Of a request id that was used again, those of the last time.

    Raises:
        UnreadableLog: The log cannot be read.
        UnreadableRecord: A record of the session is damaged.
    """
    sent: list[bytes] = []
    with open_log() as reader:
        for record in reader.session(session):
            for step in unpack(record.state, session):
                if request is not None and isinstance(step.fact, RequestReceived):
                    sent = [] if step.fact.origin.request == request else sent
                sent.extend(_frames(step, request))
    return sent


def _frames(step: Step, request: RequestId | None) -> Iterator[bytes]:
    for decision in step.decisions:
        if type(decision) in OUTGOING and decision.origin.request == request:
            yield frame(decision, step.fact)


class _Fold:
    """What is known of a session so far."""

    def __init__(self) -> None:
        self.agreed = False
        self.capabilities: dict[str, Any] = {}
        self.follows: set[str] = set()
        self.pending: dict[RequestId, Message] = {}
        self.begun: set[RequestId] = set()
        self.sent: dict[RequestId | None, int] = {}
        self.scopes: tuple[str, ...] = ()
        self.groups: tuple[str, ...] = ()

    def take(self, step: Step) -> None:
        """Take one more step in."""
        fact = step.fact
        if isinstance(fact, RequestReceived) and fact.origin.request is not None:
            self.pending[fact.origin.request] = fact.message
        elif isinstance(fact, SessionOpened | GrantReplaced):
            self.scopes, self.groups = fact.scopes, fact.groups
        for decision in step.decisions:
            request = decision.origin.request
            if type(decision) in OUTGOING and (request is None or request in self.pending):
                self.sent[request] = self.sent.get(request, 0) + 1
            match decision:
                case SessionAgreed() if isinstance(fact, RequestReceived):
                    found = fact.message.params.get("capabilities")
                    self.agreed, self.capabilities = True, found if isinstance(found, dict) else {}
                case ResourceFollowed():
                    self.follows.add(decision.uri)
                case ResourceUnfollowed():
                    self.follows.discard(decision.uri)
                case CallDispatched() if request is not None:
                    self.begun.add(request)
                case _ if type(decision) in ENDING and request is not None:
                    self.pending.pop(request, None)
                    self.begun.discard(request)
                    self.sent.pop(request, None)


def _folded(steps: list[Step], version: int) -> Past:
    fold = _Fold()
    for step in steps:
        fold.take(step)
    facts: list[Observed] = [step.fact for step in steps]
    opened = facts[0]
    assert isinstance(opened, SessionOpened)  # noqa: S101 # the caller has looked
    return Past(
        opened,
        facts,
        version,
        _policy(opened, facts),
        facts[-1].origin.at,
        fold.agreed,
        fold.capabilities,
        frozenset(fold.follows),
        fold.pending,
        frozenset(fold.begun),
        fold.sent,
        fold.scopes,
        fold.groups,
        isinstance(facts[-1], SessionClosed),
    )


def _policy(opened: SessionOpened, facts: Iterable[Observed]) -> bytes:
    """The policy that the session followed at its end."""
    policy = opened.policy
    for fact in facts:
        policy = fact.policy if isinstance(fact, PolicyReplaced) else policy
    return policy
