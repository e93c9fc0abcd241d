"""Facts from outside. Class and field names are the storage format: a changed meaning gets a new class."""

from msgspec import Struct

from events.event import Observed
from events.message import Message


class Headers(Struct, frozen=True, gc=False, array_like=True):
    """The HTTP headers that route a request (MCP 2026-07-28, basic/transports); None where one was not sent.

    Attributes:
        protocol_version: ``MCP-Protocol-Version``.
        method: ``Mcp-Method``.
        name: ``Mcp-Name``.
        params: ``Mcp-Param-*``, by the rest of the name in lower case; None where no tool wants any.
    """

    protocol_version: str | None = None
    method: str | None = None
    name: str | None = None
    params: dict[str, str] | None = None


class SessionOpened(Observed, frozen=True, gc=False):
    """A stream of messages began.

    Attributes:
        transport: ``websocket``, ``http`` or ``stdio``; ``batch`` for the requests of a batch, ``task`` for a task.
        peer: The address of the other side; empty on stdio.
        principal: Who is calling; ``anonymous`` when nobody has said.
        policy: The policy in force, as its canonical JSON, so that a session can be replayed from its own events.
        trace: The W3C trace id that the session was opened under; empty when there is none.
        parent: The session that sent the batch or began the task; empty unless this is one.
        version: The protocol version that holds without a handshake; empty when the client is to say it.
        scopes: What the caller was allowed by whoever vouches for it.
        groups: What the caller belongs to.
    """

    transport: str
    peer: str
    principal: str
    policy: bytes
    trace: str = ""
    parent: str = ""
    version: str = ""
    scopes: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()


class SessionClosed(Observed, frozen=True, gc=False):
    """No more messages will come. ``reason`` says why, in words."""

    reason: str


class GrantReplaced(Observed, frozen=True, gc=False):
    """The same caller showed another token: from here on it has these scopes and groups, and no others."""

    scopes: tuple[str, ...]
    groups: tuple[str, ...]


class PolicyReplaced(Observed, frozen=True, gc=False):
    """The server's settings were read anew: from here on the session follows another policy.

    Attributes:
        policy: That policy, as its canonical JSON. Its cache rules and its extensions are those of before.
    """

    policy: bytes


class RequestReceived(Observed, frozen=True, gc=False):
    """A request came. ``headers`` is None on transports that have none."""

    message: Message
    headers: Headers | None = None


class NotificationReceived(Observed, frozen=True, gc=False):
    """A notification came, other than a cancellation."""

    message: Message


class ResponseReceived(Observed, frozen=True, gc=False):
    """The client answered a request of ours; ``origin.request`` is that request's id."""

    message: Message


class CancelReceived(Observed, frozen=True, gc=False):
    """The client no longer wants the answer to ``origin.request``."""

    message: Message


class CallerLeft(Observed, frozen=True, gc=False):
    """The client closed the stream on which the answer to ``origin.request`` was to come."""


class MessageMalformed(Observed, frozen=True, gc=False):
    """Bytes came that are no message of ours.

    Attributes:
        code: JSON-RPC error code.
        problem: What is wrong, in words for the sender.
        frame: The bytes; empty when there were more than are kept.
        digest: SHA-256 of the bytes.
        length: How many bytes there were.
        answer: Whether an error is owed to the sender: not for a response, nor for a notification. ``origin.request``
            is echoed in it when it could be read.
    """

    code: int
    problem: str
    frame: bytes
    digest: bytes
    length: int
    answer: bool = True


class RequestOverflowed(Observed, frozen=True, gc=False):
    """A request came while the server was full.

    Attributes:
        in_flight: Unanswered requests in the whole server at that moment.
        retry_after: Seconds after which it may be worth trying again.
    """

    message: Message
    in_flight: int
    retry_after: float


class ResourceChanged(Observed, frozen=True, gc=False):
    """A resource that the session follows is no longer what it was; ``origin.request`` is None.

    Attributes:
        uri: Which.
    """

    uri: str


class ListChanged(Observed, frozen=True, gc=False):
    """Something was added to a list of what the server offers, or removed; ``origin.request`` is None.

    Attributes:
        kind: Which list: ``tools``, ``prompts`` or ``resources``.
    """

    kind: str


class TasksFound(Observed, frozen=True, gc=False):
    """Which of the tasks that the subscription ``origin.request`` names there are for its caller.

    Attributes:
        tasks: Their ids.
    """

    tasks: tuple[str, ...]


class TaskChanged(Observed, frozen=True, gc=False):
    """A task that the session hears of is not what it was, or is heard of from now on; ``origin.request`` is None.

    Attributes:
        task: Its id.
        payload: The JSON of all that is told of it.
    """

    task: str
    payload: bytes


class SubscriptionEnded(Observed, frozen=True, gc=False):
    """The server tells no more of what the subscription ``origin.request`` follows; ``reason`` says why, in words."""

    reason: str


class PermitGiven(Observed, frozen=True, gc=False):
    """A limit let the request pass.

    Attributes:
        limit: The limit with the least left.
        remaining: How many more it would let pass at this moment.
    """

    limit: str
    remaining: float


class PermitRefused(Observed, frozen=True, gc=False):
    """A limit is used up.

    Attributes:
        limit: The limit that refused.
        remaining: What is left of it.
        retry_after: Seconds until the same request could pass.
    """

    limit: str
    remaining: float
    retry_after: float


class CacheHit(Observed, frozen=True, gc=False):
    """The cache held the result.

    Attributes:
        payload: The JSON of the result.
        age: Seconds since it was stored.
    """

    payload: bytes
    age: float


class CacheMissed(Observed, frozen=True, gc=False):
    """The cache did not hold the result; the asker is to find it, and to fill or release the key."""


class CallReturned(Observed, frozen=True, gc=False):
    """A call came back with a result.

    Attributes:
        payload: The JSON of the result, as it goes into the response.
        is_error: Whether the result is a tool's own error.
        detail: For the operator of the server, never sent: what a tool raised that was not for the client.
        partial: Why it is not the result that was asked for: ``input_required`` when the client is to ask again with
            answers, ``task`` when it is to fetch the result later; empty when it is.
    """

    payload: bytes
    is_error: bool = False
    detail: str = ""
    partial: str = ""


class CallFailed(Observed, frozen=True, gc=False):
    """A call came back with a JSON-RPC error.

    Attributes:
        code: JSON-RPC error code.
        message: For the client.
        data: What a program needs to act on it; None when there is nothing.
        detail: For the operator of the server, never sent: the exception behind an internal error, with the id that
            the client was told.
    """

    code: int
    message: str
    data: dict[str, object] | None = None
    detail: str = ""


class CallYielded(Observed, frozen=True, gc=False):
    """A streaming call gave a part of its result: ``payload`` is the JSON of one content block."""

    payload: bytes


class ProgressReported(Observed, frozen=True, gc=False):
    """A call told how far it is; ``total`` None means unknown."""

    progress: float
    total: float | None
    message: str


class MessageLogged(Observed, frozen=True, gc=False):
    """A call had something to tell the client.

    Attributes:
        level: RFC 5424 severity, ``debug`` to ``emergency``.
        logger: Who speaks; may be empty.
        payload: The JSON of the data.
    """

    level: str
    logger: str
    payload: bytes


class InputWanted(Observed, frozen=True, gc=False):
    """A call wants to know something that only the client can tell.

    Attributes:
        key: What the call knows its question by.
        method: The JSON-RPC method of the question.
        params: The JSON of its parameters.
    """

    key: str
    method: str
    params: bytes


class InputBrought(Observed, frozen=True, gc=False):
    """The client brought the answer to a question that waited for it.

    Attributes:
        key: What the call knows its question by.
        payload: The JSON of the answer.
    """

    key: str
    payload: bytes


class StreamLeft(Observed, frozen=True, gc=False):
    """A call lets go of the stream that its answer was to come on: the client is to fetch the rest on another.

    Attributes:
        retry: Seconds after which it may try.
    """

    retry: float


class Interrupted(Observed, frozen=True, gc=False):
    """The server was stopped or killed while it owed an answer to ``origin.request``, and has started again.

    Attributes:
        begun: Whether the call had begun: then it may have done part of its work.
    """

    begun: bool


class TaskOpened(Observed, frozen=True, gc=False):
    """The session is a task: the one request that follows, whose client fetches what becomes of it.

    Attributes:
        ttl: Seconds for which it is kept.
        poll: Seconds between two looks at it that suffice.
    """

    ttl: float
    poll: float
