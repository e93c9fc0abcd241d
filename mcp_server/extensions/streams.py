"""``stream/start`` and ``stream/resume``: what a model finds, told piece by piece, and told again from the log.

A stream is the call that began it: its pieces are facts of its session, the chain numbers them and ends them once, and
its answer comes last. So a client that lost its connection finds in the log what it missed.
"""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Any, Final

import orjson

from adapters.sessions import Gate
from events.codes import INVALID_PARAMS
from events.decided import CallDispatched, StreamEmitted
from events.event import RequestId, SessionId, Step
from events.frames import frame
from events.jsonrpc import is_id
from events.observed import SessionOpened
from events.record import unpack
from mcp_server.calls import Answer, Call, CallRefused, Teller
from mcp_server.extensions.completions import Completions
from mcp_server.features.catalogue import Catalogue
from mcp_server.features.refusals import text_param, unknown
from operators.emit_chunks import stream_id
from operators.methods import STREAM
from pipeline.log import LogReader

MOST_PARTS: Final = 1000
"""Parts that one answer to ``stream/resume`` holds; the next are asked for with ``after``."""

KINDS: Final = ("completion",)


class Streams:
    """Answers ``stream/start`` and ``stream/resume``.

    Args:
        catalogue: Makes the results.
        completions: What streams of the type ``completion`` are made of.
        gate: Knows which requests are under way.
        open_log: Opens the log for reading.
    """

    def __init__(
        self,
        catalogue: Catalogue,
        completions: Completions,
        gate: Gate,
        open_log: Callable[[], AbstractContextManager[LogReader]],
    ) -> None:
        self._catalogue = catalogue
        self._completions = completions
        self._gate = gate
        self._open_log = open_log

    async def start(self, call: Call, teller: Teller) -> Answer:
        """Carry a stream out: ``params.type`` says of what, ``params.params`` are the parameters of that.

        Raises:
            CallRefused: The request is malformed, or the model could not do it.
        """
        kind = text_param(call.params, "type")
        if kind not in KINDS:
            raise unknown("type of stream", kind, KINDS)
        told = await self._completions.told(call.params.get("params"), teller, "params.params")
        members = {"streamId": stream_id(call.session, call.request), **told}
        return self._catalogue.result(members, call.version)

    async def resume(self, call: Call, _teller: Teller) -> Answer:
        """The parts of a stream after ``params.after``, an index; all of them without it.

        A stream that was cut off, as by a kill of the server, ends here with a part that says so.

        Raises:
            CallRefused: The request is malformed, or there is no such stream of this caller.
        """
        stream = text_param(call.params, "streamId")
        after = call.params.get("after", -1)
        if type(after) is not int or after < -1:
            raise CallRefused(INVALID_PARAMS, "params.after must be an index of a part, or -1")
        if (named := _named(stream)) is None:
            raise CallRefused(INVALID_PARAMS, _UNKNOWN)
        under_way = self._under_way(*named)  # before the look: what ends meanwhile is in the log by then, or not yet
        found = await asyncio.to_thread(self._recorded, *named, call.principal, after)
        if found is None:
            raise CallRefused(INVALID_PARAMS, _UNKNOWN)
        if not found.ended and not under_way and found.count > after:
            found.parts.append({"index": found.count, "isFinal": True, "reason": "error"})
        shown = found.parts[:MOST_PARTS]
        more = len(found.parts) > len(shown) or (under_way and not found.ended)
        return self._catalogue.result({"streamId": stream, "parts": shown, "more": more}, call.version)

    def _under_way(self, session: SessionId, request: RequestId) -> bool:
        open_session = self._gate.sessions.get(session)
        return open_session is not None and request in open_session.pending

    def _recorded(self, session: SessionId, request: RequestId, principal: str, after: int) -> "_Found | None":
        """What was sent of a stream; None when it is not there, or somebody else's, which is the same to the caller."""
        found = _Found()
        with self._open_log() as reader:
            for step in _steps(reader, session):
                if isinstance(step.fact, SessionOpened) and step.fact.principal != principal:
                    return None
                for decision in step.decisions:
                    if decision.origin.request != request:
                        continue
                    if isinstance(decision, CallDispatched) and decision.method == STREAM:
                        found = _Found()
                        found.begun = True
                    elif isinstance(decision, StreamEmitted):
                        found.count = decision.index + 1
                        found.ended = bool(decision.ended)
                        if after < decision.index <= after + MOST_PARTS + 1:
                            found.parts.append(_part(decision, step))
        return found if found.begun else None


class _Found:
    """What the log has of a stream.

    Attributes:
        begun: Whether it was begun at all.
        parts: Those that are wanted, as their notifications had them.
        count: All of them.
        ended: Whether the last one is among them.
    """

    def __init__(self) -> None:
        self.begun = self.ended = False
        self.parts: list[dict[str, Any]] = []
        self.count = 0


_UNKNOWN: Final = "there is no such stream"


def _steps(reader: LogReader, session: SessionId) -> Iterator[Step]:
    for record in reader.session(session):
        yield from unpack(record.state, session)


def _part(decision: StreamEmitted, step: Step) -> dict[str, Any]:
    """A part as its notification had it."""
    part: dict[str, Any] = orjson.loads(frame(decision, step.fact))["params"]
    del part["streamId"]
    return part


def _named(stream: str) -> tuple[SessionId, RequestId] | None:
    """The session and the request in a stream's id."""
    session, _, text = stream.partition("/")
    try:
        request = orjson.loads(text)
    except orjson.JSONDecodeError:
        return None
    return (session, request) if session and is_id(request) else None
