"""JSON-RPC requests and responses, as dicts or as objects."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import orjson

from events.decided import ErrorReady, ResponseReady
from events.event import Observed, Origin, RequestId
from events.jsonrpc import is_id
from events.message import Message
from events.observed import CallFailed, CallReturned


class Asked(NamedTuple):
    """A request: as it was given, and as the chain reads it."""

    given: Any
    id: RequestId | None
    message: Message


def read_request(request: Any) -> Asked:
    """Understand a request: a dict, or an object with ``id``, ``method`` and ``params``.

    Raises:
        TypeError: It has no method, or an id that JSON-RPC does not know.
    """
    id, method, params = (_member(request, name) for name in ("id", "method", "params"))
    if not isinstance(method, str) or not method:
        raise TypeError("a request has a method: give a dict with 'method', or an object with that attribute")
    if id is not None and not is_id(id):
        raise TypeError("the id of a request is a string, an integer, or None for none")
    body = {"jsonrpc": "2.0", "id": id, "method": method, "params": params if isinstance(params, dict) else {}}
    return Asked(request, id, Message(b"", body))


def fact_of(response: Any, origin: Origin) -> Observed:
    """What a handler's response tells, for those who decide: how it ended, without what is in it."""
    error = _member(response, "error")
    if error is not None and _member(error, "code") is not None:
        data = _member(error, "data")
        return CallFailed(origin, int(_member(error, "code")), str(_member(error, "message") or ""), data)
    result = _member(response, "result")
    return CallReturned(origin, b"{}", _is_error(response) or _is_error(result))


def response_of(asked: Asked, decision: ResponseReady | ErrorReady) -> Any:
    """The response that a decision makes: a dict for a request that was one, else a ``JsonRpcResponse``."""
    if isinstance(asked.given, Mapping):
        whole: dict[str, Any] = {"jsonrpc": "2.0", "id": asked.id}
        if isinstance(decision, ResponseReady):
            return {**whole, "result": orjson.loads(decision.payload)}
        error: dict[str, Any] = {"code": decision.code, "message": decision.message}
        return {**whole, "error": error if decision.data is None else {**error, "data": decision.data}}
    from mcp_server.protocol.messages import JsonRpcError, JsonRpcResponse

    id: Any = asked.id
    if isinstance(decision, ResponseReady):
        return JsonRpcResponse(id, orjson.loads(decision.payload))
    return JsonRpcResponse(id, error=JsonRpcError(decision.code, decision.message, decision.data))


def _is_error(result: Any) -> bool:
    return isinstance(result, Mapping) and result.get("isError") is True


def _member(value: Any, name: str) -> Any:
    return value.get(name) if isinstance(value, Mapping) else getattr(value, name, None)
