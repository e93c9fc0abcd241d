"""Our own conclusions. Class and field names are the storage format: a changed meaning gets a new class."""

from events.event import Decided


class SessionAgreed(Decided, frozen=True, gc=False):
    """Client and server settled on a protocol version (2025-11-25, basic/lifecycle).

    Attributes:
        version: The version in force from here on.
        client: Name and version of the client's software, as it gave them.
    """

    version: str
    client: str


class RequestRejected(Decided, frozen=True, gc=False):
    """The server declined to carry out a request.

    Attributes:
        code: JSON-RPC error code.
        message: For the client: what was wrong, and what to do.
        data: What a program needs to act on it; None when there is nothing.
    """

    code: int
    message: str
    data: dict[str, object] | None = None


class AccessDecided(Decided, frozen=True, gc=False):
    """The table of who may do what was asked about a request.

    Attributes:
        rule: The rule that decided: its name, or its place as ``access[2]``; ``open`` for what needs none, ``default``
            for what no rule is about, ``too-long`` for a name that none looks at.
        allowed: Whether the request may go on.
    """

    rule: str
    allowed: bool


class PermitAsked(Decided, frozen=True, gc=False):
    """A request waits for leave from limits that sessions share.

    Attributes:
        keys: Pairs of a limit's name and the bucket to take from, one for each limit that applies.
        cost: Tokens to take from each.
        costs: Tokens to take from each in turn, where they differ; empty where ``cost`` says it.
    """

    keys: tuple[tuple[str, str], ...]
    cost: float
    costs: tuple[float, ...] = ()


class PermitReturned(Decided, frozen=True, gc=False):
    """A request runs no more, or waits no more for leave to run: its places are free for others.

    Attributes:
        keys: Pairs of the name of a limit on what runs at once, and the bucket that the place belongs to.
    """

    keys: tuple[tuple[str, str], ...]


class CacheAsked(Decided, frozen=True, gc=False):
    """A request waits for word from the cache about ``key``."""

    key: str


class CacheFilled(Decided, frozen=True, gc=False):
    """The result just found is to be kept under ``key`` for ``ttl`` seconds."""

    key: str
    ttl: float


class CacheReleased(Decided, frozen=True, gc=False):
    """No result will be found for ``key`` by this request; whoever waits for it may try."""

    key: str


class CallDispatched(Decided, frozen=True, gc=False):
    """A request goes to whatever carries it out.

    Attributes:
        method: The JSON-RPC method.
        name: The tool, prompt or resource that it is for; empty when the method needs none.
        version: The protocol version that the answer must follow.
    """

    method: str
    name: str
    version: str


class RequestCancelled(Decided, frozen=True, gc=False):
    """The request ends without an answer. ``reason`` says why, in words."""

    reason: str


class ChunkEmitted(Decided, frozen=True, gc=False):
    """A part of a streaming result goes to the client.

    Attributes:
        token: The client's progress token, under which it expects parts.
        number: Parts so far, this one included.
    """

    token: str | int
    number: int


class StreamEmitted(Decided, frozen=True, gc=False):
    """A part of a stream goes to the client, which asked for it with ``stream/start``.

    Attributes:
        stream: The stream's id.
        index: Parts before this one.
        ended: Why the stream ends with this part, which is empty then: ``complete``, ``error`` or ``cancelled``; empty
            while there is more to come.
    """

    stream: str
    index: int
    ended: str = ""


class ResourceFollowed(Decided, frozen=True, gc=False):
    """The session is to hear of changes of the resource ``uri`` from here on."""

    uri: str


class ResourceUnfollowed(Decided, frozen=True, gc=False):
    """The session wants to hear no more of the resource ``uri``."""

    uri: str


class TasksNamed(Decided, frozen=True, gc=False):
    """A subscription is to hear of tasks: it opens when it is known which of them there are for its caller.

    Attributes:
        tasks: Their ids, as the client has them.
    """

    tasks: tuple[str, ...]


class SubscriptionOpened(Decided, frozen=True, gc=False):
    """The client is told that a subscription is open, which is the request ``origin.request`` and stays so.

    Attributes:
        kinds: The lists that it hears of: ``tools``, ``prompts``, ``resources``.
        uris: The resources that it hears of.
        tasks: The ids of the tasks that it hears of.
    """

    kinds: tuple[str, ...]
    uris: tuple[str, ...]
    tasks: tuple[str, ...] = ()


class UpdateEmitted(Decided, frozen=True, gc=False):
    """The client is told that a resource has changed, which the fact names; on a subscription if it has a request."""


class ListChangeEmitted(Decided, frozen=True, gc=False):
    """The client is told that a list has changed, which the fact names; on a subscription if it has a request."""


class TaskEmitted(Decided, frozen=True, gc=False):
    """The client is told on a subscription how a task is, which the fact holds."""


class StreamReleased(Decided, frozen=True, gc=False):
    """The stream of a request ends before its answer, which the client may fetch after ``retry`` seconds."""

    retry: float


class ProgressEmitted(Decided, frozen=True, gc=False):
    """A progress report goes to the client under its progress token."""

    token: str | int


class LogEmitted(Decided, frozen=True, gc=False):
    """A log message goes to the client: it asked for this level or a lower one."""


class ClientAsked(Decided, frozen=True, gc=False):
    """A question of a call goes to the client as a request of ours; the fact holds it.

    Attributes:
        id: The request's id, which the answer will have.
        key: What the call knows its question by.
    """

    id: str
    key: str


class InputAwaited(Decided, frozen=True, gc=False):
    """A question of a task waits until the client brings the answer to ``key``; the fact holds the question."""

    key: str


class InputGiven(Decided, frozen=True, gc=False):
    """A call gets the answer to its question ``key``; the fact holds the answer."""

    key: str


class QuestionWithdrawn(Decided, frozen=True, gc=False):
    """The client is told that nobody waits any more for its answer to the request ``id`` of ours."""

    id: str


class ResponseReady(Decided, frozen=True, gc=False):
    """A request is answered with a result.

    Attributes:
        payload: The JSON of the result when the chain made it itself; empty when it is the payload of the fact.
    """

    payload: bytes = b""


class ErrorReady(Decided, frozen=True, gc=False):
    """A request is answered with an error; see :class:`RequestRejected` for the attributes."""

    code: int
    message: str
    data: dict[str, object] | None = None


class StageFailed(Decided, frozen=True, gc=False):
    """An operator raised: a bug of ours. It ends the request that the event concerned, and no other.

    Attributes:
        stage: The operator.
        error: The exception's type; its text may hold payload, so it stays out.
        event: The class of the event that it raised on. A fact is lost to the operators after it; a decision stands.
    """

    stage: str
    error: str
    event: str = ""
