"""Feed recorded facts through the live chain again, and check every decision against the recorded one."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import zip_longest

from msgspec import Struct

from events.event import Observed, SessionId, Step
from events.observed import SessionClosed, SessionOpened
from events.record import UnreadableRecord, pack, pack_event, unpack, unpack_facts
from operators.measure import Meter
from operators.policy import load
from pipeline.log import Record
from replay.divergence import Divergence
from replay.position import Position
from replay.virtual import VirtualChain


class Verdict(Struct, frozen=True):
    """What the replay of one session showed.

    Attributes:
        session: The session.
        records: Records that were replayed.
        events: Facts and decisions in them.
        closed: Whether the recording has an end; that of a server that was killed has none.
        divergence: The first decision that came out differently, if one did.
        problem: Why the session cannot be replayed to its end; empty when it can.
    """

    session: SessionId
    records: int
    events: int
    closed: bool
    divergence: Divergence | None = None
    problem: str = ""

    @property
    def holds(self) -> bool:
        """Whether every recorded decision came out the same."""
        return self.divergence is None and not self.problem


def verify(records: Iterable[Record], meter: Meter | None = None) -> Iterator[Verdict]:
    """Replay records, of one session or of many that alternate, and give each session's verdict once it is known.

    There is one chain for each distinct policy; it forgets a session when the session closes, and so does this. A
    session that diverged is not replayed any further.

    Args:
        records: The records, in the order of the log.
        meter: Where to measure the past window again; nowhere when None.
    """
    replay = Replay(meter)
    for record in records:
        verdict = replay.check(record)
        if verdict is not None:
            yield verdict
    yield from replay.finish()


class _Session:
    """A session that is being replayed."""

    __slots__ = ("chain", "events", "records")

    def __init__(self, chain: VirtualChain) -> None:
        self.chain = chain
        self.records = 0
        self.events = 0


class Replay:
    """Checks records one by one; see :func:`verify`."""

    def __init__(self, meter: Meter | None = None) -> None:
        self._meter = meter
        self._chains: dict[bytes, VirtualChain] = {}
        self._sessions: dict[SessionId, _Session] = {}
        self._failed: set[SessionId] = set()

    def check(self, record: Record) -> Verdict | None:
        """Replay the next record; the verdict when this settles it."""
        if record.session in self._failed:
            return None
        try:
            facts = unpack_facts(record.state, record.session)
            session = self._sessions.get(record.session) or self._begin(record, facts)
            verdict = self._replay(session, record, facts)
        except (ValueError, OverflowError) as error:  # UnreadableRecord is one; a time may be beyond the calendar
            verdict = self._given_up(record, str(error))
        if verdict is not None:
            self._sessions.pop(record.session, None)
            if not verdict.closed:
                self._failed.add(record.session)
        return verdict

    def finish(self) -> Iterator[Verdict]:
        """The verdicts on the sessions that have no end yet."""
        for id, session in self._sessions.items():
            yield Verdict(id, session.records, session.events, closed=False)
        self._sessions.clear()

    def _begin(self, record: Record, facts: Sequence[Observed]) -> _Session:
        opened = facts[0] if facts else None
        if not isinstance(opened, SessionOpened):
            raise UnreadableRecord(f"the recording of session {record.session} has no beginning")
        chain = self._chains.get(opened.policy)
        if chain is None:
            chain = self._chains[opened.policy] = VirtualChain(load(opened.policy), self._meter)
        session = self._sessions[record.session] = _Session(chain)
        return session

    def _replay(self, session: _Session, record: Record, facts: Sequence[Observed]) -> Verdict | None:
        if session.records + 1 != record.version:
            raise UnreadableRecord(f"record {session.records + 1} of session {record.session} is missing")
        steps = [session.chain.decide(fact) for fact in facts]
        session.records += 1
        session.events += len(steps) + sum(len(step.decisions) for step in steps)
        # Equal bytes are equal events, and need no unpacking; unequal ones may be of an older form.
        divergence = None if pack(steps) == record.state else _first_divergence(record, steps)
        closed = any(type(fact) is SessionClosed for fact in facts)
        if divergence is None and not closed:
            return None
        return Verdict(record.session, session.records, session.events, closed, divergence)

    def _given_up(self, record: Record, problem: str) -> Verdict:
        session = self._sessions.get(record.session)
        records, events = (session.records, session.events) if session else (0, 0)
        return Verdict(record.session, records, events, False, None, f"at {record.position}: {problem}")


def _first_divergence(record: Record, replayed: Sequence[Step]) -> Divergence | None:
    place = 0
    for recorded, again in zip(unpack(record.state, record.session), replayed, strict=True):
        place += 1
        for expected, actual in zip_longest(recorded.decisions, again.decisions):
            if expected is None or actual is None or pack_event(expected) != pack_event(actual):
                return Divergence(record.session, Position(record.position, place), expected, actual)
            place += 1
    return None
