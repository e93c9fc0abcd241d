"""A long history for the audit: a month of calls by many callers, with everything that can become of a call."""

from collections.abc import Iterator
from random import Random

from bench.rows import session_id
from events import codes
from events.decided import (
    CacheAsked,
    CallDispatched,
    ErrorReady,
    PermitAsked,
    RequestCancelled,
    RequestRejected,
    ResponseReady,
    SessionAgreed,
)
from events.event import Origin, SessionId, Step
from events.message import Message
from events.observed import (
    CacheHit,
    CallFailed,
    CallReturned,
    CancelReceived,
    PermitRefused,
    RequestReceived,
    SessionClosed,
    SessionOpened,
)
from events.record import pack
from operators.policy import Policy, dump
from pipeline.log import Row

BEGAN = 1.79e9
SECONDS = 30 * 86400.0
LIVE = 100
CALLS_A_SESSION = 100
RARE = "rarely"
"""A tool that one call in 20,000 uses."""

PRINCIPALS = [f"user-{number}" for number in range(50)]
TOOLS = [f"tool_{number}" for number in range(20)]
METHODS = {"tools/call": 90, "resources/read": 5, "prompts/get": 3, "tools/list": 2}
OUTCOMES = {"ok": 900, "tool error": 40, "throttled": 25, "cached": 20, "cancelled": 7, "error": 5, "rejected": 3}
VERSION = "2025-11-25"
RESULT = b'{"content":[{"type":"text","text":"the quick brown fox jumps over the lazy dog"}],"isError":false}'
POLICY = dump(Policy())


def rows(calls: int, seed: int) -> Iterator[Row]:
    """The rows of so many calls, in the order in which they came. A call and its end share a row."""
    random = Random(seed)
    methods = random.choices(list(METHODS), list(METHODS.values()), k=calls)
    outcomes = random.choices(list(OUTCOMES), list(OUTCOMES.values()), k=calls)
    live: list[tuple[SessionId, int]] = []
    for number, (method, outcome) in enumerate(zip(methods, outcomes, strict=True)):
        at = BEGAN + SECONDS * number / calls
        if len(live) < LIVE:
            live.append((session_id(int(at * 1000)), 1))
            yield Row(live[-1][0], 1, pack(_opening(live[-1][0], random.choice(PRINCIPALS), at)))
        place = random.randrange(len(live))
        session, version = live[place]
        name = RARE if random.random() < 1 / 20_000 else random.choice(TOOLS)
        latency = random.lognormvariate(-4.0, 1.2)  # seconds; half of them under 18 ms, one in 10,000 above 1.5 s
        yield Row(session, version + 1, pack(_call(session, version, at, method, name, outcome, latency)))
        live[place] = (session, version + 1)
        if version == CALLS_A_SESSION:
            yield Row(session, version + 2, pack([Step(SessionClosed(Origin(session, None, at), "end of file"), ())]))
            live.pop(place)


def _opening(session: SessionId, principal: str, at: float) -> list[Step]:
    origin = Origin(session, None, at)
    opened = SessionOpened(origin, "websocket", "192.0.2.1:40000", principal, POLICY)
    return [Step(opened, (SessionAgreed(origin, VERSION, "bench 1"),))]


def _call(session: SessionId, id: int, at: float, method: str, name: str, outcome: str, latency: float) -> list[Step]:
    origin, then = Origin(session, id, at), Origin(session, id, at + latency)
    message = Message(
        b'{"jsonrpc":"2.0","id":%d,"method":"%b","params":{"name":"%b","arguments":{"text":"some words"}}}'
        % (id, method.encode(), name.encode())
    )
    received = RequestReceived(origin, message)
    dispatched = Step(received, (CallDispatched(origin, method, name, VERSION),))
    match outcome:
        case "ok" | "tool error":
            return [dispatched, Step(CallReturned(then, RESULT, outcome != "ok"), (ResponseReady(then),))]
        case "error":
            failed = CallFailed(then, codes.INTERNAL_ERROR, "the call failed")
            return [dispatched, Step(failed, (ErrorReady(then, failed.code, failed.message),))]
        case "cancelled":
            return [dispatched, Step(CancelReceived(then, message), (RequestCancelled(then, "the client left"),))]
        case "cached":
            return [
                Step(received, (CacheAsked(origin, name),)),
                Step(CacheHit(then, RESULT, 1.0), (ResponseReady(then),)),
            ]
        case "throttled":
            refused = ErrorReady(then, codes.RATE_LIMITED, "the limit is used up")
            asked = Step(received, (PermitAsked(origin, (("calls", ""),), 1.0),))
            return [asked, Step(PermitRefused(then, "calls", 0.0, 1.0), (refused,))]
        case _:
            rejected = RequestRejected(origin, codes.INVALID_PARAMS, "there is no such tool")
            return [Step(received, (rejected, ErrorReady(origin, rejected.code, rejected.message)))]
