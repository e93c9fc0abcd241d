"""Calls that go on as tasks: the client fetches what becomes of them (MCP extension tasks, SEP-2663).

A task is a session of its own, with one request in it. So it is durable before its client hears of it, what became of
it is in the log, also for a server that starts after this one, and it replays from its own events.
"""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any, Final

from adapters.keys import Keys
from adapters.seal import Broken, Seal
from adapters.sessions import ENDING, Gate, Session
from events import codes
from events.decided import RequestCancelled
from events.event import Decided, Observed, Origin, RequestId, SessionId
from events.observed import InputBrought, TaskOpened
from events.record import unpack
from events.told import as_stored, told_as
from mcp_server.calls import Answer, Call, CallRefused, Teller
from mcp_server.extensions.extended import Handler
from mcp_server.extensions.task_listeners import TaskListeners
from mcp_server.extensions.task_state import TaskState
from mcp_server.features.catalogue import Catalogue
from mcp_server.features.encode import to_json
from mcp_server.features.refusals import text_param
from mcp_server.features.rounds import ANSWERS, STATE, InputNeeded, answers_to
from mcp_server.past import OpenLog
from operators.ask_client import TASK
from operators.methods import TASK_CANCEL, TASK_GET, TASK_UPDATE
from operators.task_clients import EXTENSION, MISSING, knows_tasks
from operators.versions import MODERN
from pipeline.journal import Recorded

TTL: Final = 3600.0
"""Seconds for which a task is kept."""

POLL: Final = 1.0
"""Seconds between two looks at it that suffice."""

MOST_TASKS: Final = 100
"""Tasks of one principal that may be under way at once."""

MOST_KEPT: Final = 10_000
"""Tasks that are kept at hand; others are read from the log."""

_REQUEST: Final = 1
"""The id of the request that a task is."""

_UNKNOWN: Final = "there is no such task"


class _Outlet:
    """The way out of a task: nothing goes out, and its end is told."""

    def __init__(self) -> None:
        self.session: Session | None = None
        self._loop = asyncio.get_running_loop()

    def deliver(self, _fact: Observed, decision: Decided, _frame: bytes) -> None:
        """The result is in the log. After it nothing comes."""
        if type(decision) in ENDING and self.session is not None:
            reason = "the task was cancelled" if isinstance(decision, RequestCancelled) else "the task is over"
            self._loop.call_soon(self.session.close, reason)

    async def room(self, _request: RequestId | None) -> None:
        """There always is."""

    def release(self, _request: RequestId | None, _decision: Decided) -> None:
        """There is no stream."""

    def close(self, _reason: str) -> None:
        """There is nothing to close."""


class Tasks:
    """Answers calls of tools that may be tasks, and what is asked about tasks.

    Args:
        catalogue: Makes the results.
        gate: Where sessions are opened.
        keys: The ids of tasks are sealed with one of these.
        open_log: Opens the log for reading.
        call: Answers a call that is none.

    Attributes:
        find: Acts on a subscription that names tasks.
        aclose: Lets go of what is under way.
    """

    def __init__(
        self,
        catalogue: Catalogue,
        gate: Gate,
        keys: Keys,
        open_log: OpenLog,
        call: Callable[[Call, Teller], Awaitable[Answer]],
    ) -> None:
        self._catalogue = catalogue
        self._gate = gate
        self._ids = Seal(keys, "tasks")
        self._open_log = open_log
        self._call = call
        self._kept: dict[SessionId, TaskState] = {}
        self._under_way: Counter[str] = Counter()
        self._listeners = TaskListeners(gate, self._known)
        self.find = self._listeners.open
        self.aclose = self._listeners.aclose
        catalogue.capabilities.setdefault("extensions", {})[EXTENSION] = {}
        gate.journal.recorded.subscribe(self._on_recorded)

    def handlers(self) -> dict[str, Handler]:
        """The methods that are answered here."""
        return {
            "tools/call": self._start,
            TASK_GET: self._get,
            TASK_UPDATE: self._update,
            TASK_CANCEL: self._cancel,
        }

    def sweep(self) -> None:
        """End the tasks whose time is over, and forget them. To be called every second or so."""
        now = self._gate.clock()
        for session, state in [each for each in self._kept.items() if each[1].expired(now)]:
            open_session = self._gate.sessions.get(session)
            if open_session is None or state.over:
                del self._kept[session]
            else:
                open_session.leave(_REQUEST)

    def _start(self, call: Call, teller: Teller) -> Awaitable[Answer]:
        options = self._catalogue.task_options(call.params.get("name"))
        if options is None or call.transport == TASK or call.version not in MODERN:
            return self._call(call, teller)
        return self._open(call, teller, *options)

    async def _open(self, call: Call, teller: Teller, mode: str, first: dict[str, Any]) -> Answer:
        if not knows_tasks(call.params):
            if mode == "required":
                raise _undeclared("this tool is a task")
            return await self._call(call, teller)
        answers = answers_to(call)
        if left := {key: question for key, question in first.items() if key not in answers}:
            return self._catalogue.input_required(call, InputNeeded(left, answers))
        if self._under_way[call.principal] >= MOST_TASKS:
            wait = {"retryAfter": 1.0}
            raise CallRefused(codes.OVERLOADED, f"{MOST_TASKS} tasks are under way already, which is the most", wait)
        session, recorded = self._begin(call, answers)
        if not await recorded:
            self._ended(call.principal)
            raise CallRefused(codes.LOG_FAILED, "it could not be recorded, so it was not done")
        id = self._ids.close(session.id.encode(), call.principal)
        return self._catalogue.typed(self._kept[session.id].about(id), "task")

    def _begin(self, call: Call, answers: dict[str, Any]) -> tuple[Session, "asyncio.Future[bool]"]:
        outlet = _Outlet()
        parent = self._gate.sessions.get(call.session)
        peer, grant = (parent.peer, parent.grant) if parent is not None else ("", None)
        part = {"parent": call.session, "version": call.version}
        session = self._gate.open(TASK, peer, call.principal, outlet, grant=grant, **part)
        outlet.session = session
        self._kept[session.id] = TaskState()
        if len(self._kept) > MOST_KEPT:
            self._kept.pop(next((id for id, state in self._kept.items() if state.over), ""), None)
        self._under_way[call.principal] += 1
        session.push(TaskOpened(Origin(session.id, None, self._gate.clock()), TTL, POLL))
        params = {key: value for key, value in call.params.items() if key not in (STATE, ANSWERS)}
        if answers:
            params[ANSWERS] = answers
        message = {"jsonrpc": "2.0", "id": _REQUEST, "method": call.method, "params": params}
        fact = session.read(to_json(message))
        session.push(fact)
        return session, session.durable(fact)

    async def _get(self, call: Call, _teller: Teller) -> Answer:
        id = self._named(call)
        _, state = await self._known(id, call.principal)
        told = self._catalogue.typed(state.detail(id), "complete")
        stored = self._catalogue.typed(state.detail(id, as_stored), "complete").payload
        return told if told.payload == stored else Answer(told_as(stored, told.payload))

    async def _update(self, call: Call, _teller: Teller) -> Answer:
        session, state = await self._known(self._named(call), call.principal)
        open_session = self._gate.sessions.get(session)
        for key, answer in answers_to(call).items():
            if open_session is not None and key in state.questions:
                origin = Origin(session, _REQUEST, self._gate.clock())
                open_session.push(self._gate.redact(InputBrought(origin, key, to_json(answer))))
        return self._catalogue.typed({}, "complete")

    async def _cancel(self, call: Call, _teller: Teller) -> Answer:
        session, _ = await self._known(self._named(call), call.principal)
        if (open_session := self._gate.sessions.get(session)) is not None:
            open_session.leave(_REQUEST)
        return self._catalogue.typed({}, "complete")

    def _named(self, call: Call) -> str:
        if call.version not in MODERN:
            raise CallRefused(codes.METHOD_NOT_FOUND, f"there is no method {call.method!r}")
        if not knows_tasks(call.params):
            raise _undeclared("tasks are for clients that know them")
        return text_param(call.params, "taskId")

    async def _known(self, id: str, principal: str) -> tuple[SessionId, TaskState]:
        """The task of ``principal`` that has this id: at hand, or from the log.

        Raises:
            CallRefused: There is none.
        """
        try:
            session = self._ids.open(id, principal).decode()
        except Broken:
            raise CallRefused(codes.INVALID_PARAMS, _UNKNOWN) from None
        state = self._kept.get(session)
        if state is None or not state.ttl:
            state = await asyncio.to_thread(self._recorded, session)
            if state is not None and not state.over and session not in self._gate.sessions:
                state.cut_off()
        if state is None or state.principal != principal or state.expired(self._gate.clock()):
            raise CallRefused(codes.INVALID_PARAMS, _UNKNOWN)
        return session, state

    def _recorded(self, session: SessionId) -> TaskState | None:
        with self._open_log() as reader:
            return TaskState.of(step for record in reader.session(session) for step in unpack(record.state, session))

    def _on_recorded(self, record: Recorded) -> None:
        session = record.steps[0].fact.origin.session
        state = self._kept.get(session) if self._kept else None
        if state is None:
            return
        over, before = state.over, (state.status, set(state.questions))
        for step in record.steps:
            state.take(step)
        if state.over and not over:
            self._ended(state.principal)
        if (state.status, set(state.questions)) != before:
            self._listeners.tell(session, state)

    def _ended(self, principal: str) -> None:
        self._under_way[principal] -= 1
        if self._under_way[principal] <= 0:
            del self._under_way[principal]


def _undeclared(why: str) -> CallRefused:
    return CallRefused(codes.MISSING_CAPABILITY, f"{why}: declare the extension {EXTENSION}", MISSING)
