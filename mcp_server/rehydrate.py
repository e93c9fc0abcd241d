"""Take up again a session of before a restart: what it knew is in the log, and so is what it is owed."""

import asyncio
import logging
from collections.abc import Callable
from typing import Final, TypeAlias

from adapters.prometheus import PrometheusMeter
from adapters.sessions import Gate, Outlet, Past, Session
from adapters.sqlite_reader import UnreadableLog
from events.event import Origin, RequestId, SessionId
from events.observed import Interrupted, PolicyReplaced
from events.record import UnreadableRecord
from mcp_server.past import OpenLog, past_of
from operators.policy import load
from pipeline.ingress import Ingress
from pipeline.journal import Journal

_log: Final = logging.getLogger(__name__)

MakeOutlet: TypeAlias = Callable[[dict[RequestId | None, int]], Outlet]


class Rehydrator:
    """Feeds the facts of a recorded session to the live chain, which decides as it did before; nothing acts on it.

    What was owed when the server ended is answered with an error that says so: a call whose function was cut off is
    not begun again in silence.

    Args:
        policy: With what the chain was made, as canonical JSON.
    """

    def __init__(  # what it is wired from
        self,
        gate: Gate,
        journal: Journal,
        ingress: Ingress,
        meter: PrometheusMeter,
        open_log: OpenLog,
        policy: bytes,
    ) -> None:
        self._gate = gate
        self._journal = journal
        self._ingress = ingress
        self._meter = meter
        self._open_log = open_log
        self._policy = policy
        self._coming: dict[SessionId, asyncio.Future[Session | None]] = {}

    async def restore(self, session: SessionId, principal: str, idle: float, outlet: MakeOutlet) -> Session | None:
        """Go on with a session of ``principal``; None when there is none, it is over, or was not used for so long.

        Args:
            session: Its id.
            principal: Whose it is to be.
            idle: Seconds after which an unused session is over.
            outlet: Makes its way out, from the messages so far on each of its streams that goes on.
        """
        coming = self._coming.get(session)
        if coming is None:
            coming = self._coming[session] = asyncio.ensure_future(self._restore(session, principal, idle, outlet))
            coming.add_done_callback(lambda _: self._coming.pop(session, None))
        return await asyncio.shield(coming)

    async def _restore(self, session: SessionId, principal: str, idle: float, outlet: MakeOutlet) -> Session | None:
        if self._journal.is_writing(session):  # it has closed just now, which the log does not know yet
            return None
        try:
            past = await asyncio.to_thread(past_of, self._open_log, session)
        except (UnreadableLog, UnreadableRecord) as error:
            _log.warning("a session cannot be taken up again", extra={"session": session, "reason": str(error)})
            return None
        if past is None or past.closed or not past.agreed or past.opened.principal != principal:
            return None
        if past.at < self._gate.clock() - idle or not self._fits(past):
            return None
        open_session = self._gate.sessions.get(session)
        return open_session if open_session is not None else self._take_up(past, outlet(past.sent))

    def _fits(self, past: Past) -> bool:
        """Whether this server's chain would decide what that one did: what cannot be replaced must be the same."""
        then, now = load(past.opened.policy), load(self._policy)
        return (then.cache, then.extensions) == (now.cache, now.extensions)

    def _take_up(self, past: Past, outlet: Outlet) -> Session:
        opened, *rest = past.facts
        facts = [opened, *rest]
        if past.opened.policy != self._policy:  # with which the chain begins every session
            facts.insert(1, PolicyReplaced(opened.origin, past.opened.policy))
        self._journal.restoring = self._meter.muted = True
        try:
            self._ingress.restore(facts)
        finally:
            self._journal.restoring = self._meter.muted = False
        self._journal.resume(past.opened.origin.session, past.version)
        session = self._gate.restore(past, outlet)
        _log.info("session taken up again", extra={"session": session.id, "owed": len(past.pending)})
        for request in past.pending:
            at = Origin(session.id, request, self._gate.clock())
            session.push(Interrupted(at, request in past.begun))
        self._gate.catch_up(session, past.policy)
        return session
