"""What would have become of recorded requests under other limits.

The recorded facts go through the chain again with another policy, and every permit is asked for anew; the limits are
asked in the order of the log. What a call would have come to that was never made nobody knows: it is only told that it
would have been carried out, and it takes a place among those that run at once for no time. What the cache answered
stays as it was.
"""

from collections import deque
from collections.abc import Iterable, Iterator

import msgspec
from msgspec import Struct

from events.decided import CacheAsked, CallDispatched, PermitAsked, PermitReturned
from events.event import Decided, Observed, Origin, RequestId, SessionId, Step
from events.observed import (
    MessageMalformed,
    PermitGiven,
    PermitRefused,
    PolicyReplaced,
    RequestOverflowed,
    RequestReceived,
    SessionClosed,
    SessionOpened,
)
from events.outcome import outcome
from events.record import UnreadableRecord, unpack
from operators.policy import Policy, load
from pipeline.log import Record
from pipeline.questions import Asker, Key, Limiter, permit
from replay.position import Position
from replay.virtual import VirtualChain

CARRIED_OUT = "carried out"
"""What stands for the outcome of a call that was never made, and would have been."""


class Changed(Struct, frozen=True):
    """A request that would have ended in another way.

    Attributes:
        session: Its session.
        position: Where it was received.
        request: Its id.
        method: Its method.
        name: The tool, prompt or resource that it is for.
        recorded: How it ended.
        now: How it would have ended.
    """

    session: SessionId
    position: Position
    request: RequestId | None
    method: str
    name: str
    recorded: str
    now: str


def what_if(records: Iterable[Record], policy: Policy, limiter: Limiter) -> Iterator[Changed]:
    """The requests whose outcomes would have been others, in the order of their ends.

    Args:
        records: Whole sessions, in the order of the log.
        policy: Whom to serve, and how often; its cache rules and extensions are not looked at.
        limiter: Keeps the limits of ``policy``; it must answer at once, by the times it is given.

    Raises:
        UnreadableRecord: A record is damaged, or a session has no beginning.
    """
    chains: dict[bytes, VirtualChain] = {}
    sessions: dict[SessionId, _Session] = {}
    for record in records:
        place = 0
        for step in unpack(record.state, record.session):
            if isinstance(step.fact, SessionOpened):
                chain = chains.get(step.fact.policy)
                if chain is None:
                    was = load(step.fact.policy)
                    other = msgspec.structs.replace(policy, cache=was.cache, extensions=was.extensions)
                    chain = chains[step.fact.policy] = VirtualChain(other)
                sessions[record.session] = _Session(chain, limiter)
            session = sessions.get(record.session)
            if session is None:
                raise UnreadableRecord(f"the recording of session {record.session} has no beginning")
            yield from session.take(step, Position(record.position, place))
            place += 1 + len(step.decisions)
            if isinstance(step.fact, SessionClosed):
                del sessions[record.session]


class _Session:
    """A session that is lived through again: what was received, and what would have become of it so far."""

    def __init__(self, chain: VirtualChain, limiter: Limiter) -> None:
        self._chain = chain
        self._limiter = limiter
        self._asked: dict[RequestId | None, tuple[RequestReceived, Position]] = {}
        self._now: dict[RequestId | None, str] = {}
        self._places: dict[RequestId | None, tuple[Key, ...]] = {}

    def take(self, step: Step, position: Position) -> Iterator[Changed]:
        """Go through a step; gives what ended differently in it."""
        fact = step.fact
        if isinstance(fact, RequestReceived):
            self._asked[fact.origin.request] = (fact, position)
        if not isinstance(fact, PermitGiven | PermitRefused | PolicyReplaced):
            self._live(fact)
        if isinstance(fact, MessageMalformed | RequestOverflowed):
            return  # no policy has a say in these
        for decision in step.decisions:
            recorded = outcome(decision, fact)
            if recorded is not None and (asked := self._asked.pop(decision.origin.request, None)) is not None:
                now = self._now.pop(decision.origin.request, recorded)
                self._vacate(decision.origin)  # a call that was never made will not say that it is over
                if now != recorded:
                    yield _changed(*asked, recorded, now)

    def _live(self, fact: Observed) -> None:
        facts = deque((fact,))
        while facts:
            fact = facts.popleft()
            for decision in self._chain.decide(fact).decisions:
                self._follow(decision, fact, facts)

    def _follow(self, decision: Decided, fact: Observed, facts: deque[Observed]) -> None:
        request = decision.origin.request
        if isinstance(decision, PermitAsked):
            self._ask(decision, facts)
        elif isinstance(decision, PermitReturned):
            self._vacate(decision.origin)
        elif isinstance(decision, CallDispatched | CacheAsked):
            self._now[request] = CARRIED_OUT
        elif (word := outcome(decision, fact)) is not None and request in self._asked:
            self._now[request] = word

    def _ask(self, asked: PermitAsked, facts: deque[Observed]) -> None:
        origin = asked.origin
        costs = asked.costs or (asked.cost,) * len(asked.keys)
        self._places[origin.request] = asked.keys
        self._limiter.take(
            asked.keys, costs, _asker(origin), origin.at, lambda verdict: facts.append(permit(verdict, origin))
        )

    def _vacate(self, origin: Origin) -> None:
        if keys := self._places.pop(origin.request, None):
            self._limiter.give_back(keys, _asker(origin))


def _asker(origin: Origin) -> Asker:
    return origin.session, origin.request


def _changed(asked: RequestReceived, position: Position, recorded: str, now: str) -> Changed:
    message, origin = asked.message, asked.origin
    return Changed(origin.session, position, origin.request, message.method, message.name, recorded, now)
