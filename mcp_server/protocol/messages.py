"""JSON-RPC messages as values (JSON-RPC 2.0, sections 4 and 5)."""

from typing import Any, Final

from msgspec import Struct, field

from events.event import RequestId
from events.jsonrpc import ID_LIMIT
from mcp_server.protocol.invalid import InvalidRequest, known_keys

_METHOD_LIMIT: Final = 256


class JsonRpcRequest(Struct, frozen=True):
    """A request; a notification when it has no id.

    Attributes:
        id: A string of up to 256 characters or a 64-bit integer; None when no answer is owed.
        method: 1 to 256 characters.
        params: The parameters, by name.

    Raises:
        InvalidRequest: One of them is something else.
    """

    id: RequestId | None = None
    method: str = ""
    params: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        check_id(self.id, "id")
        if type(self.method) is not str or not 0 < len(self.method) <= _METHOD_LIMIT:
            raise InvalidRequest(f"method must be a string of 1 to {_METHOD_LIMIT} characters")
        if type(self.params) is not dict:
            raise InvalidRequest("params must be an object")

    @classmethod
    def from_json(cls, value: Any, place: str) -> "JsonRpcRequest":
        """The request that a JSON object holds; ``place`` is where it stands, for the words of an error.

        Raises:
            InvalidRequest: It is no request; the text says why.
        """
        members = known_keys(value, ("jsonrpc", "id", "method", "params"), place)
        if members.get("jsonrpc", "2.0") != "2.0":
            raise InvalidRequest(f'{place}.jsonrpc must be "2.0"')
        if members.get("id", 0) is None:
            raise InvalidRequest(f"{place}.id must not be null; leave it out of a notification")
        try:
            return cls(members.get("id"), members.get("method", ""), members.get("params", {}))
        except InvalidRequest as error:
            raise InvalidRequest(f"{place}.{error.message}") from None


class JsonRpcError(Struct, frozen=True):
    """Why a request has no result.

    Attributes:
        code: JSON-RPC error code.
        message: For the person who reads it.
        data: For the program that acts on it; None when there is nothing.
    """

    code: int
    message: str
    data: dict[str, Any] | None = None


class JsonRpcResponse(Struct, frozen=True):
    """What came of a request: a result, or an error when there is one."""

    id: RequestId
    result: Any = None
    error: JsonRpcError | None = None

    def to_json(self) -> dict[str, Any]:
        """The response as the object that is sent."""
        members: dict[str, Any] = {"jsonrpc": "2.0", "id": self.id}
        if self.error is None:
            return {**members, "result": self.result}
        error: dict[str, Any] = {"code": self.error.code, "message": self.error.message}
        if self.error.data is not None:
            error["data"] = self.error.data
        return {**members, "error": error}


def check_id(value: Any, name: str) -> None:
    """Let None and every id that the server takes pass.

    Raises:
        InvalidRequest: It is something else.
    """
    whole = type(value) is int and -(2**63) <= value < 2**63
    if not (value is None or whole or (type(value) is str and len(value) <= ID_LIMIT)):
        raise InvalidRequest(f"{name} must be a string of up to {ID_LIMIT} characters or a 64-bit integer")
