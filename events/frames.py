"""From decisions to the bytes that go out.

A payload is copied from the fact that holds it, byte for byte, so that what went out can be shown again from the log;
where a secret gave way in what is stored, the client is told it all the same.
"""

from collections.abc import Callable
from typing import Any, Final

import orjson

from events.decided import (
    ChunkEmitted,
    ClientAsked,
    ErrorReady,
    ListChangeEmitted,
    LogEmitted,
    ProgressEmitted,
    QuestionWithdrawn,
    ResponseReady,
    StreamEmitted,
    SubscriptionOpened,
    TaskEmitted,
    UpdateEmitted,
)
from events.event import Decided, Observed, RequestId
from events.jsonrpc import id_text
from events.message import parse
from events.observed import (
    CacheHit,
    CallReturned,
    CallYielded,
    InputWanted,
    ListChanged,
    MessageLogged,
    ProgressReported,
    ResourceChanged,
    TaskChanged,
)
from events.told import original

STREAM_CHUNK: Final = "notifications/stream/chunk"
"""What carries a part of a stream that was begun with ``stream/start``."""

CHUNK_META: Final = "mcp-rewind/chunk"
"""The ``_meta`` key of a progress notification that carries a part of a streaming result."""


SUBSCRIPTION_META: Final = "io.modelcontextprotocol/subscriptionId"
"""The ``_meta`` key that names the subscription of a notification (MCP 2026-07-28)."""


def _result(decision: ResponseReady, fact: Observed) -> bytes:
    payload = decision.payload
    if not payload and (type(fact) is CallReturned or type(fact) is CacheHit):
        payload = fact.payload
    return b'{"jsonrpc":"2.0","id":%b,"result":%b}' % (id_text(decision.origin.request), original(payload))


def _error(decision: ErrorReady, _fact: Observed) -> bytes:
    return error_frame(
        id_text(decision.origin.request), decision.code, original(decision.message), original(decision.data)
    )


def _chunk(decision: ChunkEmitted, fact: Observed) -> bytes:
    params: dict[str, Any] = {"progressToken": decision.token, "progress": decision.number}
    if isinstance(fact, CallYielded):
        text = orjson.loads(payload := original(fact.payload)).get("text")
        if isinstance(text, str):
            params["message"] = text  # for clients that know progress only
        params["_meta"] = {CHUNK_META: orjson.Fragment(payload)}
    return _notification("notifications/progress", params)


def _stream(decision: StreamEmitted, fact: Observed) -> bytes:
    params: dict[str, Any] = {"streamId": decision.stream, "index": decision.index, "isFinal": bool(decision.ended)}
    if decision.ended:
        params["reason"] = decision.ended
    if isinstance(fact, CallYielded):
        params["data"] = orjson.Fragment(original(fact.payload))
    return _notification(STREAM_CHUNK, params)


def _progress(decision: ProgressEmitted, fact: Observed) -> bytes:
    params: dict[str, Any] = {"progressToken": decision.token}
    if isinstance(fact, ProgressReported):
        params["progress"] = fact.progress
        if fact.total is not None:
            params["total"] = fact.total
        if fact.message:
            params["message"] = original(fact.message)
    return _notification("notifications/progress", params)


def _log(_decision: LogEmitted, fact: Observed) -> bytes:
    params: dict[str, Any] = {}
    if isinstance(fact, MessageLogged):
        params["level"] = fact.level
        if fact.logger:
            params["logger"] = original(fact.logger)
        params["data"] = orjson.Fragment(original(fact.payload))
    return _notification("notifications/message", params)


def _update(decision: UpdateEmitted, fact: Observed) -> bytes:
    params = {"uri": fact.uri} if isinstance(fact, ResourceChanged) else {}
    return _notification("notifications/resources/updated", {**params, **_subscription(decision.origin.request)})


def _list_change(decision: ListChangeEmitted, fact: Observed) -> bytes:
    kind = fact.kind if isinstance(fact, ListChanged) else ""
    return _notification(f"notifications/{kind}/list_changed", _subscription(decision.origin.request))


def _task(decision: TaskEmitted, fact: Observed) -> bytes:
    told: dict[str, Any] = parse(original(fact.payload)) if isinstance(fact, TaskChanged) else {}
    return _notification("notifications/tasks", {**told, **_subscription(decision.origin.request)})


def _acknowledged(decision: SubscriptionOpened, _fact: Observed) -> bytes:
    honoured: dict[str, Any] = {f"{kind}ListChanged": True for kind in decision.kinds}
    if decision.uris:
        honoured["resourceSubscriptions"] = decision.uris
    if decision.tasks:
        honoured["taskIds"] = decision.tasks
    params = {"notifications": honoured, **_subscription(decision.origin.request)}
    return _notification("notifications/subscriptions/acknowledged", params)


def _subscription(request: RequestId | None) -> dict[str, Any]:
    """What says to which subscription a notification belongs; nothing where it belongs to the session."""
    return {} if request is None else {"_meta": {SUBSCRIPTION_META: request}}


def subscription_result(request: RequestId | None) -> bytes:
    """The result with which a subscription ends."""
    return orjson.dumps({"resultType": "complete", **_subscription(request)})


def _question(decision: ClientAsked, fact: Observed) -> bytes:
    method, params = (fact.method, original(fact.params)) if isinstance(fact, InputWanted) else ("", b"{}")
    asked = {"jsonrpc": "2.0", "id": decision.id, "method": method, "params": orjson.Fragment(params)}
    return orjson.dumps(asked)


def _withdrawn(decision: QuestionWithdrawn, _fact: Observed) -> bytes:
    return _notification("notifications/cancelled", {"requestId": decision.id, "reason": "the call is over"})


_FRAMES: Final[dict[type[Decided], Callable[[Any, Observed], bytes]]] = {
    ResponseReady: _result,
    ErrorReady: _error,
    ChunkEmitted: _chunk,
    StreamEmitted: _stream,
    ProgressEmitted: _progress,
    LogEmitted: _log,
    UpdateEmitted: _update,
    ListChangeEmitted: _list_change,
    TaskEmitted: _task,
    SubscriptionOpened: _acknowledged,
    ClientAsked: _question,
    QuestionWithdrawn: _withdrawn,
}

OUTGOING: Final = frozenset(_FRAMES)
"""The decisions that send something to the client."""


def frame(decision: Decided, fact: Observed) -> bytes:
    """The message that ``decision``, made because of ``fact``, sends to the client."""
    return _FRAMES[type(decision)](decision, fact)


def error_frame(id: bytes, code: int, message: str, data: object = None) -> bytes:
    """A JSON-RPC error; ``id`` is its JSON text."""
    error: dict[str, Any] = {"code": code, "message": message}
    if data is not None:
        error["data"] = data
    return b'{"jsonrpc":"2.0","id":%b,"error":%b}' % (id, orjson.dumps(error))


def _notification(method: str, params: dict[str, Any]) -> bytes:
    return orjson.dumps({"jsonrpc": "2.0", "method": method, "params": params})
