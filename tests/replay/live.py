"""A server without sockets: histories for the tests of what reads the past.

Facts go in by method calls, the real pipeline decides and records, the log is in memory. Time is a number that moves
when told to.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

import orjson

from adapters.memory_cache import MemoryCache
from adapters.memory_limits import MemoryLimits
from adapters.memory_log import MemoryLog, MemoryReader
from adapters.sqlite_writer import Store
from events.decided import CacheFilled, CacheReleased
from events.event import Observed, Origin, RequestId, SessionId, Step
from events.jsonrpc import decode
from events.observed import CallFailed, CallReturned, CallYielded, SessionClosed, SessionOpened
from events.record import TOPIC, pack, unpack
from operators.measure import NoMeter
from operators.policy import CacheRule, Limit, Policy, dump
from pipeline.chain import chain
from pipeline.ingress import Ingress
from pipeline.journal import Journal
from pipeline.log import Row, VersionConflict
from pipeline.questions import Questions

POLICY: Final = Policy(
    limits=(Limit("calls", "principal", per_second=1.0, burst=3.0),),
    cache=(CacheRule("tools/call", "add", ttl=5.0), CacheRule("tools/list", "", ttl=5.0, public=True)),
)
ONE: Final = "01900000-0000-7000-8000-000000000001"
TWO: Final = "01900000-0000-7000-8000-000000000002"
START: Final = 1_700_000_000.0


class _PromptLog(MemoryLog):
    """Stores at once, so that a history needs no event loop."""

    def append(
        self,
        rows: Sequence[Row],
        done: Callable[[int], None],
        refused: Callable[[VersionConflict], None] | None = None,
    ) -> None:
        del refused
        done(self.store(rows))


class Live:
    """Takes facts in, decides, and records.

    Attributes:
        now: The time, in seconds since the epoch.
        steps: All steps so far.
        log: Where they were recorded once :meth:`flush` was called.
    """

    def __init__(self, policy: Policy = POLICY, log: MemoryLog | None = None) -> None:
        self.now = START
        self.steps: list[Step] = []
        self.log = log or _PromptLog()
        self._policy = policy
        self._ingress = Ingress()
        self._turns: list[Callable[[], object]] = []
        self._cache = MemoryCache()
        journal = Journal(self.log, self._turns.append)
        self._ingress.facts.pipe(chain(policy, NoMeter())).subscribe(journal.add)
        questions = Questions(self._ingress, MemoryLimits(policy.limits), self._cache, self.clock)
        journal.accepted.subscribe(questions.ask)
        journal.accepted.subscribe(self._accepted)

    def clock(self) -> float:
        return self.now

    def push(self, fact: Observed) -> None:
        self._ingress.push(fact)

    def flush(self) -> None:
        """Record what has gathered; each session's part of it is one record."""
        while self._turns:
            self._turns.pop(0)()

    def reader(self) -> MemoryReader:
        self.flush()
        return self.log.reader()

    def write(self, path: Path) -> None:
        """Write it down in a SQLite log, as a server would."""
        store = Store(path)
        store.add([[(record.session, record.version, TOPIC, record.state)] for record in self.reader().records()])
        store.close()

    def open(self, session: SessionId = ONE, principal: str = "alice", trace: str = "") -> None:
        origin = Origin(session, None, self.now)
        self.push(SessionOpened(origin, "websocket", "127.0.0.1", principal, dump(self._policy), trace))

    def close(self, session: SessionId = ONE, reason: str = "the peer left") -> None:
        self.push(SessionClosed(Origin(session, None, self.now), reason))

    def receive(self, raw: bytes, session: SessionId = ONE) -> None:
        self.push(decode(raw, session, self.now))

    def request(self, id: RequestId, method: str, params: object = None, session: SessionId = ONE) -> None:
        body = {"jsonrpc": "2.0", "id": id, "method": method, "params": params or {}}
        self.receive(orjson.dumps(body), session)

    def initialize(self, session: SessionId = ONE) -> None:
        info = {"name": "tester", "version": "1"}
        self.request(
            0, "initialize", {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": info}, session
        )
        self.returned(0, b"{}", session)

    def call(self, id: RequestId, tool: str = "echo", session: SessionId = ONE, **arguments: object) -> None:
        params = {"name": tool, "arguments": arguments, "_meta": {"progressToken": f"token {id}"}}
        self.request(id, "tools/call", params, session)

    def returned(
        self, id: RequestId, payload: bytes = b'{"content":[]}', session: SessionId = ONE, *, is_error: bool = False
    ) -> None:
        self.push(CallReturned(Origin(session, id, self.now), payload, is_error))

    def yielded(self, id: RequestId, payload: bytes = b'{"type":"text","text":"1"}', session: SessionId = ONE) -> None:
        self.push(CallYielded(Origin(session, id, self.now), payload))

    def failed(self, id: RequestId, session: SessionId = ONE) -> None:
        self.push(CallFailed(Origin(session, id, self.now), -32602, "no such tool"))

    def cancel(self, id: RequestId, session: SessionId = ONE) -> None:
        body = {"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": id}}
        self.receive(orjson.dumps(body), session)

    def _accepted(self, step: Step) -> None:
        self.steps.append(step)
        for decision in step.decisions:
            asker = (decision.origin.session, decision.origin.request)
            if isinstance(decision, CacheFilled) and isinstance(step.fact, CallReturned):
                self._cache.fill(decision.key, asker, step.fact.payload, decision.ttl, self.now)
            elif isinstance(decision, CacheReleased):
                self._cache.release(decision.key, asker)


def altered(reader: MemoryReader, change: Callable[[int, list[Step]], list[Step]]) -> list[Row]:
    """The rows of a log with ``change`` applied to each record's steps; it is given the record's position too."""
    return [
        Row(record.session, record.version, pack(change(record.position, unpack(record.state, record.session))))
        for record in reader.records()
    ]
