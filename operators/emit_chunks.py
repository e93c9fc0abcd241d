"""Emit what a call tells before it is over: parts of its result, progress, log messages."""

from collections.abc import Sequence

from events.decided import (
    ChunkEmitted,
    LogEmitted,
    ProgressEmitted,
    RequestCancelled,
    SessionAgreed,
    StreamEmitted,
    StreamReleased,
)
from events.event import Event, RequestId, SessionId
from events.jsonrpc import id_text, is_id
from events.observed import (
    CallFailed,
    CallReturned,
    CallYielded,
    Interrupted,
    MessageLogged,
    ProgressReported,
    SessionOpened,
    StreamLeft,
)
from operators.admitted import Admitted
from operators.methods import LOG_LEVELS, STREAM
from operators.stage import Decision, Stage, stage
from operators.versions import META_LOG_LEVEL, MODERN

LEGACY_LEVEL = "info"
"""What a legacy session is told before it says how much it wants."""


class Call:
    """What a client wants to hear of one call."""

    def __init__(self, token: str | int | None, level: str | None) -> None:
        self.token = token
        self.level = level
        self.chunks = 0
        self.progress = float("-inf")


class Stream:
    """A stream that is under way."""

    def __init__(self, id: str) -> None:
        self.id = id
        self.parts = 0


class Listening:
    """What a client wants to hear: of each call that said so itself, and of all others; and its streams."""

    def __init__(self) -> None:
        self.level: str | None = None
        self.resumes = False
        self.calls: dict[RequestId | None, Call] = {}
        self.streams: dict[RequestId | None, Stream] = {}


def emit_chunks() -> Stage:
    """Emit parts and progress to clients that gave a progress token, log messages from the level they asked for.

    A stream needs no token; after its parts comes one that ends it, whatever became of it, and then its answer.
    Progress that does not increase is not emitted (MCP, basic/utilities/progress).
    """
    return stage(
        "emit_chunks",
        Listening,
        {
            SessionOpened: _opened,
            SessionAgreed: _agreed,
            StreamLeft: _stream_left,
            Interrupted: _ended("error"),
            Admitted: _admitted,
            CallYielded: _yielded,
            ProgressReported: _progressed,
            MessageLogged: _logged,
            CallReturned: _ended("complete"),
            CallFailed: _ended("error"),
            RequestCancelled: _ended("cancelled"),
        },
    )


def _opened(listening: Listening, event: SessionOpened) -> Sequence[Event]:
    listening.resumes = event.transport == "http"
    return (event,)


def _stream_left(listening: Listening, event: StreamLeft) -> Sequence[Event]:
    """Only sessions over HTTP can fetch the rest on another stream (MCP 2025-11-25, basic/transports)."""
    if listening.resumes and listening.level is not None:
        return (event, StreamReleased(event.origin, event.retry))
    return (event,)


def _agreed(listening: Listening, event: SessionAgreed) -> Sequence[Event]:
    listening.level = LEGACY_LEVEL
    return (event,)


def _admitted(listening: Listening, event: Admitted) -> Sequence[Event]:
    if event.method == STREAM:
        origin = event.origin
        listening.streams[origin.request] = Stream(stream_id(origin.session, origin.request))
    if event.method == "logging/setLevel":
        listening.level = str(event.message.params.get("level"))
    elif meta := event.message.meta:
        token = meta.get("progressToken")
        usable = token if is_id(token) else None  # as short as an id, because each part repeats it
        modern = event.version in MODERN
        if usable is not None or modern:
            level = meta.get(META_LOG_LEVEL) if modern else listening.level
            listening.calls[event.origin.request] = Call(usable, level)
    return (event,)


def _yielded(listening: Listening, event: CallYielded) -> Sequence[Event]:
    if stream := listening.streams.get(event.origin.request):
        stream.parts += 1
        return (event, StreamEmitted(event.origin, stream.id, stream.parts - 1))
    call = listening.calls.get(event.origin.request)
    if call is None or call.token is None:
        return (event,)
    call.chunks += 1
    return (event, ChunkEmitted(event.origin, call.token, call.chunks))


def _progressed(listening: Listening, event: ProgressReported) -> Sequence[Event]:
    call = listening.calls.get(event.origin.request)
    if call is None or call.token is None or event.progress <= call.progress:
        return (event,)
    call.progress = event.progress
    return (event, ProgressEmitted(event.origin, call.token))


def _logged(listening: Listening, event: MessageLogged) -> Sequence[Event]:
    call = listening.calls.get(event.origin.request)
    least = call.level if call else listening.level
    if least is None or LOG_LEVELS.index(event.level) < LOG_LEVELS.index(least):
        return (event,)
    return (event, LogEmitted(event.origin))


def _ended(reason: str) -> Decision[Listening]:
    """End the stream that a request began, if it did. That goes first: after the answer nothing goes out."""

    def ended(listening: Listening, event: Event) -> Sequence[Event]:
        request = event.origin.request
        listening.calls.pop(request, None)
        stream = listening.streams.pop(request, None)
        return (StreamEmitted(event.origin, stream.id, stream.parts, reason), event) if stream else (event,)

    return ended


def stream_id(session: SessionId, request: RequestId | None) -> str:
    """What clients call the stream that a request began: with it the stream is found again in the log."""
    return f"{session}/{id_text(request).decode()}"
