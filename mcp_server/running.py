"""The calls that are under way."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final, Protocol, TypeVar

from adapters.redacted_facts import as_it_came
from events import codes
from events.decided import CallDispatched
from events.event import Observed, Origin, RequestId, SessionId
from events.incident import error_id
from events.message import Message, parse
from events.observed import (
    CallFailed,
    CallReturned,
    CallYielded,
    InputBrought,
    InputWanted,
    MessageLogged,
    ProgressReported,
    ResponseReceived,
    StreamLeft,
)
from events.told import original
from mcp_server.calls import UNDER_WAY, Answer, AskRefused, Call, CallRefused, Lent, Teller
from mcp_server.incidents import described
from mcp_server.runners import Job, Runners
from operators.ask_client import TASK
from pipeline.ingress import Ingress

_log: Final = logging.getLogger(__name__)

Key = tuple[SessionId, RequestId | None]


Fact = TypeVar("Fact", bound=Observed)


class RedactReport(Protocol):
    """Takes the secrets out of what a call reports, and gives a fact without any as it is."""

    def __call__(self, fact: Fact, asked: Message, /) -> Fact:
        """The fact as it is stored; ``asked`` is the message that the call was made with."""


def _as_it_is(fact: Fact, _asked: Message) -> Fact:
    return fact


class Catalogue(Protocol):
    """Whatever can carry out a request."""

    def answer(self, call: Call, teller: Teller) -> Awaitable[Answer]:
        """Carry out a call.

        Raises:
            CallRefused: It ends with a JSON-RPC error.
        """

    def is_read_only(self, method: str, name: str) -> bool:
        """Whether the call acts on nothing."""


class Caller(Protocol):
    """The session that a call belongs to.

    Attributes:
        principal: Who asks; the policy has already agreed.
        transport: How it talks.
        capabilities: What its client can do, as it said in its handshake.
    """

    principal: str
    transport: str
    capabilities: dict[str, Any]

    def durable(self, fact: Observed) -> Awaitable[bool]:
        """Whether ``fact``, just told, was recorded, once that is known."""

    async def room(self, request: RequestId | None) -> None:
        """Wait for the client, if much that it was sent of ``request`` still waits."""


MOST_AHEAD: Final = 64
"""Reports that a call makes before it waits until the last of them is recorded."""


class Report:
    """Tells what a running call reports, as facts of its session."""

    __slots__ = ("_ahead", "_asked", "_caller", "_calls", "_key", "_recorded")

    def __init__(self, calls: "Calls", key: Key, caller: Caller, asked: Message) -> None:
        self._calls = calls
        self._asked = asked
        self._key = key
        self._caller = caller
        self._ahead = 0
        self._recorded: Awaitable[bool] | None = None

    def progress(self, progress: float, total: float | None, message: str) -> None:
        """How far the call is."""
        self._tell(ProgressReported(self._calls.origin(self._key), progress, total, message))

    def log(self, level: str, logger: str, payload: bytes) -> None:
        """Something to tell the client."""
        self._tell(MessageLogged(self._calls.origin(self._key), level, logger, payload))

    def chunk(self, payload: bytes) -> None:
        """A part of the result."""
        self._tell(CallYielded(self._calls.origin(self._key), payload))

    def release(self, retry: float) -> None:
        """Let go of the stream."""
        self._tell(StreamLeft(self._calls.origin(self._key), retry))

    async def ask(self, key: str, method: str, params: bytes) -> dict[str, Any]:
        """Ask the client, and wait for its answer."""
        wanted = InputWanted(self._calls.origin(self._key), key, method, params)
        return await self._calls.ask(self._key, self.redacted(wanted))

    async def room(self) -> None:
        """Let others have their turn, and wait for the log or the client if one of them is far behind."""
        await asyncio.sleep(0)
        if recorded := self._recorded:
            self._recorded = None
            await recorded
        await self._caller.room(self._key[1])

    def redacted(self, fact: Fact) -> Fact:
        """``fact`` without the secrets that the call was made with, or that it came upon."""
        return self._calls.redact(fact, self._asked)

    def _tell(self, fact: Observed) -> None:
        fact = self.redacted(fact)
        self._calls.tell(fact)
        self._ahead += 1
        if self._ahead >= MOST_AHEAD:
            self._ahead = 0
            self._recorded = self._caller.durable(fact)


class Calls:
    """Begins calls, cancels them, and tells what came of them.

    Args:
        timeout: Seconds that a call may take.

    Attributes:
        lent: What calls are lent.
        redact: Takes the secrets out of what a call reports that a message asked for.
    """

    def __init__(
        self,
        catalogue: Catalogue,
        ingress: Ingress,
        clock: Callable[[], float],
        timeout: float,
        lent: Lent | None = None,
    ) -> None:
        self._catalogue = catalogue
        self._ingress = ingress
        self._clock = clock
        self.timeout = timeout
        self.lent = lent or Lent()
        self.redact: RedactReport = _as_it_is
        self._runners = Runners()
        self._jobs: dict[Key, Job] = {}
        self._begun: dict[Key, float] = {}
        self._asked: dict[Key, dict[str, asyncio.Future[dict[str, Any]]]] = {}

    def __len__(self) -> int:
        return len(self._jobs)

    @property
    def begun(self) -> Mapping[Key, float]:
        """The calls that are under way, and when each was dispatched, in seconds since the epoch."""
        return self._begun

    def reads(self, dispatched: CallDispatched) -> bool:
        """Whether the call acts on nothing."""
        return self._catalogue.is_read_only(dispatched.method, dispatched.name)

    def begin(self, dispatched: CallDispatched, caller: Caller, message: Message) -> None:
        """Start a call that was dispatched; what comes of it is pushed in as a fact."""
        session, request = dispatched.origin.session, dispatched.origin.request
        if request is None:
            return
        key = (session, request)
        call = Call(
            session,
            request,
            caller.principal,
            dispatched.method,
            as_it_came(message).params,
            dispatched.version,
            dispatched.origin.at,
            self.lent,
            caller.transport,
            caller.capabilities,
        )
        if caller.transport != TASK:  # a task has a time of its own
            self._begun[key] = dispatched.origin.at
        self._jobs[key] = self._runners.start(self._run(key, call, Report(self, key, caller, message)))

    async def ask(self, key: Key, wanted: InputWanted) -> dict[str, Any]:
        """Tell what a call wants to know of its client, and wait until it is given.

        Raises:
            AskRefused: The client answered with an error.
            ValueError: The call has asked that already, and waits.
        """
        asked, question = self._asked.setdefault(key, {}), wanted.key
        if question in asked:
            raise ValueError(f"the question {question!r} is asked already, and not answered yet")
        waiting: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
        asked[question] = waiting
        self.tell(wanted)
        try:
            return await waiting
        finally:
            asked.pop(question, None)
            if not asked:
                self._asked.pop(key, None)

    def give(self, key: Key, question: str, fact: Observed) -> None:
        """Give a call the answer to a question, which ``fact`` holds."""
        waiting = self._asked.get(key, {}).get(question)
        if waiting is None or waiting.done():
            return
        if isinstance(fact, InputBrought):
            waiting.set_result(parse(original(fact.payload)))
        elif isinstance(fact, ResponseReceived):
            _settle(waiting, as_it_came(fact.message).body)

    def cancel(self, session: SessionId, request: RequestId | None) -> None:
        """Stop a call. Nothing more is told of it."""
        self._begun.pop((session, request), None)
        if job := self._jobs.pop((session, request), None):
            job.cancel()

    def cancel_all(self, session: SessionId) -> None:
        """Stop the calls of a session. Nothing more is told of them."""
        for key in [key for key in self._jobs if key[0] == session]:
            self.cancel(*key)

    def stop(self, key: Key, code: int, message: str, data: dict[str, object] | None = None) -> None:
        """End a call that is under way, and tell that it failed."""
        if key in self._jobs:
            self.cancel(*key)
            self.tell(CallFailed(self.origin(key), code, message, data))

    def expire(self) -> None:
        """End the calls that have taken too long. To be called every second or so."""
        late = self._clock() - self.timeout
        for key in [key for key, begun in self._begun.items() if begun < late]:
            self.stop(key, codes.TIMED_OUT, f"the call took longer than {self.timeout:g} s and was stopped")

    def abort(self, reason: str) -> None:
        """End all calls; each is told to have failed."""
        for key in list(self._jobs):
            self.stop(key, codes.ABORTED, reason)

    def origin(self, key: Key) -> Origin:
        """Now, for a fact about a call."""
        return Origin(key[0], key[1], self._clock())

    def tell(self, fact: Observed) -> None:
        """Push a fact in."""
        self._ingress.push(fact)

    async def _run(self, key: Key, call: Call, report: Report) -> None:
        job = self._jobs.get(key)
        before = UNDER_WAY.set(call)
        try:
            answer = await self._catalogue.answer(call, report)
            fact: Observed = CallReturned(
                self.origin(key), answer.payload, answer.is_error, answer.detail, answer.partial
            )
        except CallRefused as refused:
            fact = CallFailed(self.origin(key), refused.code, refused.message, refused.data)
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if self._jobs.get(key) is not job or (task is not None and task.cancelling()):
                raise  # cancelled by us, who have told why, or with everything else when the event loop ends
            fact = CallFailed(self.origin(key), codes.INTERNAL_ERROR, "the call was cancelled from within")
        except Exception as error:  # noqa: BLE001 - whatever it was, the caller gets an answer and others go on
            about = error_id(call.session, call.request)
            data: dict[str, object] = {"errorId": about}
            detail = described(error, about)
            fact = CallFailed(self.origin(key), codes.INTERNAL_ERROR, "internal error", data, detail)
        finally:
            try:  # noqa: SIM105 - half a microsecond less
                UNDER_WAY.reset(before)
            except ValueError:  # the garbage collector closes it, in another context
                pass
        fact = report.redacted(fact)
        if (type(fact) is CallReturned or type(fact) is CallFailed) and fact.detail:
            _log_incident(call, fact.detail)
        if self._jobs.get(key) is job:
            del self._jobs[key]
            self._begun.pop(key, None)
            self.tell(fact)


def _settle(waiting: "asyncio.Future[dict[str, Any]]", response: dict[str, Any]) -> None:
    """Take what a client's response says, which may be anything."""
    result, error = response.get("result"), response.get("error")
    if isinstance(result, dict):
        waiting.set_result(result)
    elif isinstance(error, dict):
        code = error.get("code")
        told = str(error.get("message", "the client gave no reason"))[:1000]
        waiting.set_exception(AskRefused(code if type(code) is int else codes.INTERNAL_ERROR, told))
    else:
        waiting.set_exception(AskRefused(codes.INVALID_REQUEST, "the client's response has no result"))


def _log_incident(call: Call, detail: str) -> None:
    """A line by which whoever runs the server finds what the client was told the id of."""
    incident, _, what = detail.partition(": ")
    about = {"session": call.session, "request": call.request, "method": call.method}
    _log.error("call failed", extra={**about, "error_id": incident, "detail": what})
