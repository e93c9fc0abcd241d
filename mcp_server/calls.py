"""One dispatched request: what it asks, what comes back, and where it reports to while it runs."""

from contextlib import AbstractAsyncContextManager
from contextvars import ContextVar
from typing import Any, Final, Protocol

import orjson
from msgspec import Struct, field

from adapters.keys import Keys, new_secret
from adapters.seal import Seal
from events.event import RequestId, SessionId


class Database(Protocol):
    """Connections that calls may use; :class:`mcp_server.performance.ConnectionPool` is one."""

    def get_connection(self, timeout: float | None = None) -> AbstractAsyncContextManager[Any]:
        """A connection for the length of a block; ``timeout`` is how many seconds one waits for it."""


class Lent(Struct, frozen=True):
    """What a server lends to its calls.

    Attributes:
        database: Connections to its database; None when its settings name none.
        states: Seals what a client brings back when it asks again.
        cursors: Seals where the next page of a list begins.
    """

    database: Database | None = None
    states: Seal = field(default_factory=lambda: Seal(Keys(new_secret()), "states"))
    cursors: Seal = field(default_factory=lambda: Seal(Keys(new_secret()), "cursors"))


_NOTHING: Final = Lent()
"""What calls have that no server runs: nothing they are given outlives the process."""


class Call(Struct, frozen=True):
    """A request that the chain let through.

    Attributes:
        session: The recorded stream it belongs to.
        request: Its JSON-RPC id.
        principal: Who asks; the policy has already agreed.
        method: The JSON-RPC method.
        params: The parameters as they came. They belong to the recording and are never changed.
        version: The protocol version that the answer must follow.
        at: When it was dispatched, in seconds since the epoch.
        lent: What the server lends it.
        transport: How its session talks; see :class:`events.observed.SessionOpened`.
        capabilities: What the client can do, as it said in its handshake; a stateless request says so itself.
    """

    session: SessionId
    request: RequestId
    principal: str
    method: str
    params: dict[str, Any]
    version: str
    at: float = 0.0
    lent: Lent = _NOTHING
    transport: str = ""
    capabilities: dict[str, Any] = {}


UNDER_WAY: Final[ContextVar[Call | None]] = ContextVar("UNDER_WAY", default=None)
"""The call that is carried out here; None where none is. Log lines say which it was."""


class Answer(Struct, frozen=True, gc=False):
    """What a call came back with.

    Attributes:
        payload: The JSON of the whole result object.
        is_error: Whether it is a tool's own error (``isError``).
        detail: What the tool raised, if that is not for the client; see :mod:`mcp_server.incidents`.
        partial: Why it is not the whole; see :class:`events.observed.CallReturned`.
    """

    payload: bytes
    is_error: bool = False
    detail: str = ""
    partial: str = ""


class CallRefused(Exception):
    """The call ends with a JSON-RPC error instead of a result.

    Attributes:
        code: JSON-RPC error code.
        message: For the client: what was wrong, and what to do.
        data: What a program needs to act on it; None when there is nothing.

    Raises:
        TypeError: It cannot be sent as JSON.
    """

    def __init__(self, code: int, message: str, data: dict[str, Any] | None = None) -> None:
        super().__init__(message)
        try:
            orjson.dumps((code, message, data))  # here, where whoever raised it can be told
        except TypeError as error:
            raise TypeError(f"a refusal that cannot be sent as JSON: {error}") from error
        self.code = code
        self.message = message
        self.data = data


class AskRefused(Exception):
    """The client answered a question with an error; the text is the client's.

    Attributes:
        code: Its JSON-RPC code.
    """

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code


class Teller(Protocol):
    """Where a running call reports to. Its methods are called on the event loop only."""

    def progress(self, progress: float, total: float | None, message: str) -> None:
        """How far the call is."""

    def log(self, level: str, logger: str, payload: bytes) -> None:
        """Something to tell the client; ``payload`` is the JSON of the data."""

    def chunk(self, payload: bytes) -> None:
        """A part of the result; ``payload`` is the JSON of one content block."""

    def release(self, retry: float) -> None:
        """Let go of the stream that the answer was to come on; the client may fetch it after ``retry`` seconds."""

    async def ask(self, key: str, method: str, params: bytes, /) -> dict[str, Any]:
        """Ask the client with a request of ours; the result of its response.

        Raises:
            AskRefused: The response is an error.
        """

    async def room(self) -> None:
        """Let others have their turn, and wait for a client that is slower than what it is told."""
