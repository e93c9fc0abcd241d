"""Emit what a call tells before it is over: parts of its result, progress, log messages."""

from collections.abc import Sequence

from events.decided import (
    ChunkEmitted,
    LogEmitted,
    ProgressEmitted,
    RequestCancelled,
    SessionAgreed,
)
from events.event import Event, RequestId
from events.observed import CallFailed, CallReturned, CallYielded, MessageLogged, ProgressReported
from operators.admitted import Admitted
from operators.methods import LOG_LEVELS
from operators.stage import Stage, stage
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


class Listening:
    """What a client wants to hear: of each call that said so itself, and of all others."""

    def __init__(self) -> None:
        self.level: str | None = None
        self.calls: dict[RequestId | None, Call] = {}


def emit_chunks() -> Stage:
    """Emit parts and progress to clients that gave a progress token, log messages from the level they asked for.

    Progress that does not increase is not emitted (MCP, basic/utilities/progress).
    """

    def step(listening: Listening, event: Event) -> Sequence[Event]:
        request = event.origin.request
        match event:
            case CallReturned() | CallFailed() | RequestCancelled():
                listening.calls.pop(request, None)
            case Admitted():
                _listen(listening, event)
            case CallYielded() | ProgressReported():
                return (event, *_emitted(listening.calls.get(request), event))
            case MessageLogged():
                call = listening.calls.get(request)
                if _wanted(event.level, call.level if call else listening.level):
                    return (event, LogEmitted(event.origin))
            case SessionAgreed():
                listening.level = LEGACY_LEVEL
        return (event,)

    return stage(
        "emit_chunks",
        Listening,
        step,
        *(Admitted, CallYielded, ProgressReported, MessageLogged),
        *(CallReturned, CallFailed, RequestCancelled, SessionAgreed),
    )


def _listen(listening: Listening, request: Admitted) -> None:
    if request.method == "logging/setLevel":
        listening.level = str(request.message.params.get("level"))
    elif meta := request.message.meta:
        token = meta.get("progressToken")
        usable = token if isinstance(token, str | int) and not isinstance(token, bool) else None
        level = meta.get(META_LOG_LEVEL) if request.version in MODERN else listening.level
        if usable is not None or request.version in MODERN:
            listening.calls[request.origin.request] = Call(usable, level)


def _emitted(call: Call | None, event: CallYielded | ProgressReported) -> Sequence[Event]:
    if call is None or call.token is None:
        return ()
    if isinstance(event, CallYielded):
        call.chunks += 1
        return (ChunkEmitted(event.origin, call.token, call.chunks),)
    if event.progress <= call.progress:
        return ()
    call.progress = event.progress
    return (ProgressEmitted(event.origin, call.token),)


def _wanted(level: str, least: str | None) -> bool:
    return least is not None and LOG_LEVELS.index(level) >= LOG_LEVELS.index(least)
