"""What the server does in the world: every line of it because of an event that is in the log.

Which events count as "in the log" is the durability, the only thing that is chosen here: with ``strict`` an effect
waits until its event is durable; with ``group`` calls that act on nothing begin at once, and only their answers wait;
with ``async`` nothing waits, and a crash may lose what was done in the last moments.
"""

import logging
from collections.abc import Callable
from enum import StrEnum
from typing import Final

from adapters.sessions import Gate
from events import codes
from events.decided import (
    CacheFilled,
    CacheReleased,
    CallDispatched,
    InputGiven,
    RequestCancelled,
    ResourceFollowed,
    ResourceUnfollowed,
    SessionAgreed,
    StageFailed,
    StreamReleased,
    SubscriptionOpened,
    TasksNamed,
)
from events.event import Decided, Observed, Origin, Step
from events.frames import OUTGOING, frame
from events.incident import error_id
from events.observed import CacheMissed, CallReturned, RequestReceived, TasksFound
from mcp_server.running import Calls
from pipeline.journal import Journal, Lost, Recorded
from pipeline.questions import Asker, Cache

_log: Final = logging.getLogger(__name__)


class Durability(StrEnum):
    """When an effect may act on an event."""

    STRICT = "strict"
    GROUP = "group"
    ASYNC = "async"


class Effects:
    """Carries out decisions: begins and cancels calls, sends answers, keeps results."""

    def __init__(
        self,
        gate: Gate,
        calls: Calls,
        cache: Cache,
        clock: Callable[[], float],
        acts: dict[type[Decided], Callable[..., None]] | None = None,
    ) -> None:
        """``acts`` act on decisions in the place of what does so here; more may come while the server runs."""
        self._gate = gate
        self._calls = calls
        self._cache = cache
        self._clock = clock
        self._finding: dict[Asker, tuple[str, ...]] = {}  # the tags of results that calls under way are to find
        own: dict[type[Decided], Callable[..., None]] = {
            CallDispatched: self._begin,
            RequestCancelled: self._cancel,
            StageFailed: self._stop,
            CacheFilled: self._fill,
            CacheReleased: self._release,
            ResourceFollowed: self._follow,
            ResourceUnfollowed: self._unfollow,
            SessionAgreed: self._agree,
            InputGiven: self._give,
            **dict.fromkeys(OUTGOING, self._send),
            SubscriptionOpened: self._listen,
            StreamReleased: self._release_stream,
            TasksNamed: self._find_tasks,
        }
        self._act = {} if acts is None else acts
        for kind, effect in own.items():
            self._act.setdefault(kind, effect)

    def watch(self, journal: Journal, durability: Durability) -> None:
        """Begin to act on what ``journal`` writes."""
        journal.lost.subscribe(self.on_lost)
        match durability:
            case Durability.STRICT:
                journal.recorded.subscribe(self.on_recorded)
            case Durability.GROUP:
                journal.accepted.subscribe(self._on_accepted_reads)
                journal.recorded.subscribe(self._on_recorded_rest)
            case Durability.ASYNC:
                journal.accepted.subscribe(self._on_accepted)

    def on_recorded(self, record: Recorded) -> None:
        """Act on steps that are durable."""
        for step in record.steps:
            self._on_accepted(step)

    def on_lost(self, lost: Lost) -> None:
        """Let go of what a session held that cannot be recorded: others may wait for a result that it was to find."""
        self._calls.cancel_all(lost.session)
        for step in lost.steps:
            for decision in step.decisions:
                if isinstance(decision, CacheFilled | CacheReleased):
                    self._do(self._release, decision, step.fact)

    def _on_accepted(self, step: Step) -> None:
        act, fact = self._act, step.fact
        for decision in step.decisions:
            if effect := act.get(type(decision)):
                self._do(effect, decision, fact)

    def _on_accepted_reads(self, step: Step) -> None:
        for decision in step.decisions:
            if isinstance(decision, CallDispatched) and self._calls.reads(decision):
                self._do(self._begin, decision, step.fact)

    def _on_recorded_rest(self, record: Recorded) -> None:
        for step in record.steps:
            for decision in step.decisions:
                if (effect := self._act.get(type(decision))) and not self._reads(decision):
                    self._do(effect, decision, step.fact)

    def _do(self, effect: Callable[..., None], decision: Decided, fact: Observed) -> None:
        try:
            effect(decision, fact)
        except Exception:  # noqa: BLE001 - a bug of ours costs this one effect, not those recorded together with it
            _log.exception("effect of %s failed", type(decision).__name__, extra={"session": decision.origin.session})

    def _reads(self, decision: Decided) -> bool:
        return isinstance(decision, CallDispatched) and self._calls.reads(decision)

    def _begin(self, decision: CallDispatched, fact: Observed) -> None:
        origin = decision.origin
        session = self._gate.sessions.get(origin.session)
        if session is None or origin.request is None:
            return  # it closed meanwhile, and the chain knows
        message = session.pending.get(origin.request)
        if message is not None:
            if type(fact) is CacheMissed:
                tags = (message.method, f"{message.method} {message.name}")
                self._finding[origin.session, origin.request] = tags
            self._calls.begin(decision, session, message)

    def _cancel(self, decision: Decided, fact: Observed) -> None:
        origin = decision.origin
        self._calls.cancel(origin.session, origin.request)
        if session := self._gate.sessions.get(origin.session):
            session.deliver(fact, decision, b"")

    def _stop(self, decision: StageFailed, _fact: Observed) -> None:
        """End the call that a bug of ours met: its request is answered, or will be when the call has failed."""
        origin = decision.origin
        data: dict[str, object] = {"errorId": error_id(origin.session, origin.request)}
        self._calls.stop((origin.session, origin.request), codes.INTERNAL_ERROR, "internal error", data)

    def _send(self, decision: Decided, fact: Observed) -> None:
        session = self._gate.sessions.get(decision.origin.session)
        if session is not None:
            session.deliver(fact, decision, frame(decision, fact))

    def _follow(self, decision: ResourceFollowed, _fact: Observed) -> None:
        if session := self._gate.sessions.get(decision.origin.session):
            session.follows |= {decision.uri}

    def _unfollow(self, decision: ResourceUnfollowed, _fact: Observed) -> None:
        if session := self._gate.sessions.get(decision.origin.session):
            session.follows -= {decision.uri}

    def _agree(self, _decision: SessionAgreed, fact: Observed) -> None:
        session = self._gate.sessions.get(fact.origin.session)
        if session is not None and isinstance(fact, RequestReceived):
            session.agreed = True
            found = fact.message.params.get("capabilities")
            session.capabilities = found if isinstance(found, dict) else {}

    def _listen(self, decision: SubscriptionOpened, fact: Observed) -> None:
        if session := self._gate.sessions.get(decision.origin.session):
            session.listen(decision.origin.request, (*decision.kinds, *decision.uris, *decision.tasks))
        self._send(decision, fact)

    def _find_tasks(self, decision: TasksNamed, _fact: Observed) -> None:
        """Of a server without tasks nobody has any."""
        if session := self._gate.sessions.get(decision.origin.session):
            session.push(TasksFound(Origin(session.id, decision.origin.request, self._clock()), ()))

    def _release_stream(self, decision: StreamReleased, _fact: Observed) -> None:
        if session := self._gate.sessions.get(decision.origin.session):
            session.outlet.release(decision.origin.request, decision)

    def _give(self, decision: InputGiven, fact: Observed) -> None:
        self._calls.give((decision.origin.session, decision.origin.request), decision.key, fact)

    def _fill(self, decision: CacheFilled, fact: Observed) -> None:
        asker = (decision.origin.session, decision.origin.request)
        # By now its answer has gone out, and its session may have closed.
        tags = self._finding.pop(asker, ())
        if isinstance(fact, CallReturned):
            self._cache.fill(decision.key, asker, fact.payload, decision.ttl, self._clock(), tags)

    def _release(self, decision: CacheReleased | CacheFilled, _fact: Observed) -> None:
        asker = (decision.origin.session, decision.origin.request)
        self._finding.pop(asker, None)
        self._cache.release(decision.key, asker)
