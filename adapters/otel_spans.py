"""Spans made of recorded events: one for each session, request and tool call.

Names and attributes follow OpenTelemetry's semantic conventions for MCP (in development; docs/gen-ai/mcp.md of
semantic-conventions-genai). Ids are made from what is recorded, so that the same recording gives the same spans. No
argument, no result and no message of an error is among the attributes.
"""

import re
from collections.abc import Callable
from hashlib import blake2b
from typing import Any, Final

from msgspec import Struct

from events.codes import NAMES
from events.decided import CallDispatched, ErrorReady, RequestCancelled, ResponseReady, SessionAgreed
from events.event import Decided, Observed, RequestId, SessionId, Step
from events.message import Message
from events.observed import (
    CallFailed,
    CallReturned,
    MessageMalformed,
    RequestOverflowed,
    RequestReceived,
    SessionClosed,
    SessionOpened,
)
from events.outcome import TOOL_ERROR, outcome
from events.traces import parent_of
from operators.methods import LEGACY_METHODS, MODERN_METHODS
from operators.versions import META_VERSION
from pipeline.journal import Recorded

LONGEST: Final = 256
"""Characters of an attribute."""

_TARGETS: Final = {"tools/call": "gen_ai.tool.name", "prompts/get": "gen_ai.prompt.name"}
_OTHER: Final = "_OTHER"  # what the conventions call a value that is not told apart


class Context(Struct, frozen=True, gc=False):
    """A place in a trace (W3C Trace Context).

    Attributes:
        trace: The trace id, 128 bits.
        span: The span id, 64 bits.
        sampled: Whether the trace is to be exported.
        state: The ``tracestate`` as it came; empty when there was none.
        remote: Whether it came from the client.
    """

    trace: int
    span: int
    sampled: bool = True
    state: str = ""
    remote: bool = False


class Span(Struct, frozen=True, gc=False):
    """A span that has ended.

    Attributes:
        server: Whether its kind is ``SERVER``; else it is ``INTERNAL``.
        start: Seconds since the epoch; so is ``end``.
        failed: Whether its status is an error.
        problem: The name of the error; empty when it has none.
        link: Another span that it belongs to; None for none.
    """

    name: str
    server: bool
    context: Context
    parent: Context | None
    start: float
    end: float
    attributes: dict[str, str | int]
    failed: bool = False
    problem: str = ""
    link: Context | None = None


class _Request:
    __slots__ = ("at", "dispatched", "key", "message")

    def __init__(self, message: Message, at: float, key: int) -> None:
        self.message, self.at, self.key = message, at, key
        self.dispatched: CallDispatched | None = None


class _Session:
    __slots__ = ("context", "count", "opened", "requests", "shared", "version")

    def __init__(self, opened: SessionOpened, context: Context) -> None:
        self.opened, self.context = opened, context
        self.count = 0
        self.version = ""
        self.requests: dict[RequestId | None, _Request] = {}
        self.shared: dict[str, str | int] = {
            "mcp.session.id": opened.origin.session,
            "network.transport": "pipe" if opened.transport == "stdio" else "tcp",
        }
        if opened.transport in ("http", "websocket"):
            self.shared["network.protocol.name"] = opened.transport
        if opened.peer:
            self.shared["client.address"] = opened.peer[:LONGEST]


class Spans:
    """Follows what is recorded and gives each span to ``emit`` when it has ended.

    Args:
        emit: Takes a span; called on the event loop, so it must not wait.
        ratio: The share of traces that are exported, 0 to 1, of those that no client decided about.
    """

    def __init__(self, emit: Callable[[Span], None], ratio: float = 1.0) -> None:
        self._emit = emit
        self._bound = round(ratio * 2**64)
        self._sessions: dict[SessionId, _Session] = {}

    def on_recorded(self, record: Recorded) -> None:
        """Follow a record. To be subscribed to ``Journal.recorded``."""
        for step in record.steps:
            self._follow(step)

    def _follow(self, step: Step) -> None:
        fact = step.fact
        name = fact.origin.session
        if type(fact) is SessionOpened:
            self._sessions[name] = _Session(fact, self._root(fact))
        session = self._sessions.get(name)
        if session is None:
            return  # it was opened before anybody followed
        if isinstance(fact, RequestReceived):
            session.count += 1
            session.requests[fact.origin.request] = _Request(fact.message, fact.origin.at, session.count)
        elif isinstance(fact, CallReturned | CallFailed):
            self._called(session, fact)
        for decision in step.decisions:
            self._decided(session, decision, fact)
        if type(fact) is SessionClosed:
            del self._sessions[name]
            self._closed(session, fact)

    def _decided(self, session: _Session, decision: Decided, fact: Observed) -> None:
        if isinstance(decision, CallDispatched):
            if request := session.requests.get(decision.origin.request):
                request.dispatched = decision
        elif isinstance(decision, SessionAgreed):
            session.version = decision.version
        elif isinstance(decision, ResponseReady | ErrorReady | RequestCancelled):
            self._ended(session, decision, fact)

    def _called(self, session: _Session, fact: CallReturned | CallFailed) -> None:
        request = session.requests.get(fact.origin.request)
        if request is None or request.dispatched is None or request.dispatched.method != "tools/call":
            return
        _, context = self._contexts(session, request)
        failed = isinstance(fact, CallFailed) or fact.is_error
        tool = request.dispatched.name[:LONGEST]
        attributes: dict[str, str | int] = {"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": tool}
        if failed:
            attributes["error.type"] = str(fact.code) if isinstance(fact, CallFailed) else "tool_error"
        own = Context(context.trace, _id(session, "call", request.key), context.sampled, context.state)
        start = request.dispatched.origin.at
        self._give(Span(f"execute_tool {tool}", False, own, context, start, fact.origin.at, attributes, failed))

    def _ended(self, session: _Session, decision: Decided, fact: Observed) -> None:
        request: _Request | None
        if isinstance(fact, RequestOverflowed):
            session.count += 1
            request = _Request(fact.message, fact.origin.at, session.count)
        elif isinstance(fact, MessageMalformed):
            return
        else:
            request = session.requests.pop(decision.origin.request, None)
        if request is None:
            return
        word = outcome(decision, fact) or ""
        attributes = self._attributes(session, request, decision.origin.request, word)
        failed, problem = isinstance(decision, ErrorReady) or word == TOOL_ERROR, ""
        if isinstance(decision, ErrorReady):
            problem = NAMES.get(decision.code, "")
            attributes["error.type"] = attributes["rpc.response.status_code"] = str(decision.code)
        elif failed:
            attributes["error.type"] = "tool_error"
        parent, context = self._contexts(session, request)
        link = session.context if parent.remote else None
        name, start, end = _name(request), request.at, decision.origin.at
        self._give(Span(name, True, context, parent, start, end, attributes, failed, problem, link))

    def _closed(self, session: _Session, fact: SessionClosed) -> None:
        opened = session.opened
        attributes = {**session.shared, "mcp_rewind.requests": session.count}
        if session.version:
            attributes["mcp.protocol.version"] = session.version
        start, end = opened.origin.at, fact.origin.at
        self._give(Span("mcp.session", False, session.context, None, start, end, attributes))

    def _attributes(
        self, session: _Session, request: _Request, id: RequestId | None, word: str
    ) -> dict[str, str | int]:
        message, dispatched = request.message, request.dispatched
        found = {
            **session.shared,
            "mcp.method.name": message.method[:LONGEST],
            "jsonrpc.request.id": str(id)[:LONGEST],
            "mcp_rewind.outcome": word,
        }
        version = (dispatched.version if dispatched else "") or message.meta.get(META_VERSION) or session.version
        if isinstance(version, str) and version:
            found["mcp.protocol.version"] = version[:LONGEST]
        if message.method == "tools/call":
            found["gen_ai.operation.name"] = "execute_tool"
        if message.name and message.method in _TARGETS:
            found[_TARGETS[message.method]] = message.name[:LONGEST]
        elif message.name and message.method == "resources/read":
            found["mcp.resource.uri"] = message.name[:LONGEST]
        return found

    def _contexts(self, session: _Session, request: _Request) -> tuple[Context, Context]:
        """Where a request's span hangs, and its own place."""
        parent = parse_parent(request.message.meta) or session.context
        return parent, Context(parent.trace, _id(session, "request", request.key), parent.sampled, parent.state)

    def _root(self, opened: SessionOpened) -> Context:
        session = opened.origin.session
        given = int(opened.trace, 16) if re.fullmatch("[0-9a-f]{32}", opened.trace) else 0
        trace = given or int.from_bytes(blake2b(session.encode(), digest_size=16).digest()) or 1
        return Context(trace, _hash(session, "session", 0), trace % 2**64 < self._bound)

    def _give(self, span: Span) -> None:
        if span.context.sampled:
            self._emit(span)


def parse_parent(meta: dict[str, Any]) -> Context | None:
    """The client's place in its trace, from ``_meta.traceparent``; None when it is none or no valid one.

    What is malformed is as if it were not there (MCP 2026-07-28, SEP-414; W3C Trace Context, section 3.2).
    """
    parent = parent_of(meta)
    if parent is None:
        return None
    state = meta.get("tracestate")
    usable = state if isinstance(state, str) and len(state) <= 512 else ""
    return Context(int(parent.trace, 16), int(parent.span, 16), parent.sampled, usable, remote=True)


def _name(request: _Request) -> str:
    """The name of a request's span; what a client made up is not told apart."""
    method, dispatched = request.message.method, request.dispatched
    if dispatched is None:
        return method if method in LEGACY_METHODS | MODERN_METHODS else _OTHER
    target = dispatched.name[:LONGEST] if method in _TARGETS else ""
    return f"{method} {target}" if target else method


def _id(session: _Session, kind: str, key: int) -> int:
    return _hash(session.opened.origin.session, kind, key)


def _hash(session: SessionId, kind: str, key: int) -> int:
    return int.from_bytes(blake2b(f"{session} {kind} {key}".encode(), digest_size=8).digest()) or 1
