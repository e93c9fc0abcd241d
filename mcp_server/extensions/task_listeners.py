"""Who hears of tasks: the subscriptions that name them (MCP extension tasks, ``notifications/tasks``)."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Final, TypeAlias

from adapters.sessions import Gate, Session
from adapters.sqlite_reader import UnreadableLog
from events.decided import TasksNamed
from events.event import Observed, Origin, SessionId
from events.observed import TaskChanged, TasksFound
from events.record import UnreadableRecord
from events.told import as_stored, told_as
from mcp_server.calls import CallRefused
from mcp_server.extensions.task_state import TaskState
from mcp_server.features.encode import to_json

_log: Final = logging.getLogger(__name__)

Find: TypeAlias = Callable[[str, str], Awaitable[tuple[SessionId, TaskState]]]
"""Finds a task by the id that its client has, and by its principal; raises :class:`CallRefused`."""


class TaskListeners:
    """Finds out which tasks a subscription may hear of, and has it hear of them: how each is, and what it becomes.

    A task is heard of until it is over. What is pushed into a session whose subscription has ended, the chain leaves.
    """

    def __init__(self, gate: Gate, find: Find) -> None:
        self._gate = gate
        self._find = find
        self._listeners: dict[SessionId, dict[tuple[SessionId, str], None]] = {}
        self._finding: set[asyncio.Task[None]] = set()

    def open(self, decision: TasksNamed, _fact: Observed) -> None:
        """Find the tasks that a subscription names. An effect."""
        if session := self._gate.sessions.get(decision.origin.session):
            finding = asyncio.ensure_future(self._open(session, decision))
            self._finding.add(finding)
            finding.add_done_callback(self._finding.discard)

    def tell(self, task: SessionId, state: TaskState) -> None:
        """A task has changed."""
        for listener, id in list(self._listeners.get(task, ())):
            session = self._gate.sessions.get(listener)
            if session is None:
                del self._listeners[task][listener, id]
            else:
                self._tell(session, id, state)
        if state.over or not self._listeners.get(task, True):
            self._listeners.pop(task, None)

    async def aclose(self) -> None:
        """Find no more."""
        for finding in self._finding:
            finding.cancel()
        await asyncio.gather(*self._finding, return_exceptions=True)

    async def _open(self, session: Session, decision: TasksNamed) -> None:
        known = [id for id in decision.tasks if await self._known(session, id)]
        session.push(TasksFound(Origin(session.id, decision.origin.request, self._gate.clock()), tuple(known)))
        for id in known:
            if found := await self._known(session, id):  # anew: it may have changed meanwhile
                task, state = found
                self._tell(session, id, state)
                if not state.over:
                    self._listen(session, id, task)

    async def _known(self, session: Session, id: str) -> tuple[SessionId, TaskState] | None:
        """The task that a session's caller knows by an id; one of somebody else is none."""
        try:
            return await self._find(id, session.principal)
        except CallRefused:
            return None
        except (UnreadableLog, UnreadableRecord) as error:
            _log.warning("a task cannot be read", extra={"session": session.id, "reason": str(error)})
            return None

    def _listen(self, session: Session, id: str, task: SessionId) -> None:
        listeners = self._listeners.setdefault(task, {})
        for gone in [each for each in listeners if each[0] not in self._gate.sessions]:
            del listeners[gone]
        listeners[session.id, id] = None

    def _tell(self, session: Session, id: str, state: TaskState) -> None:
        told, stored = to_json(state.detail(id)), to_json(state.detail(id, as_stored))
        payload = told if told == stored else told_as(stored, told)
        origin = Origin(session.id, None, self._gate.clock())
        session.push(self._gate.redact(TaskChanged(origin, id, payload)))
