"""Hold a request until the limits that cover it let it pass."""

from collections.abc import Sequence

from events import codes
from events.decided import PermitAsked, RequestCancelled, RequestRejected
from events.event import Event, Origin, RequestId
from events.observed import CallerLeft, CancelReceived, PermitGiven, PermitRefused, SessionClosed, SessionOpened
from operators.admitted import Admitted
from operators.authorize import ANONYMOUS
from operators.policy import Limit
from operators.stage import Stage, stage


class Waiting:
    """A session's requests that wait for leave, and whose buckets they take from."""

    def __init__(self) -> None:
        self.principal = ANONYMOUS
        self.held: dict[RequestId | None, Admitted] = {}


def rate_limit(limits: Sequence[Limit]) -> Stage:
    """Ask the limits that sessions share, and pass the request or reject it when they answer.

    The limits live at the rim; their answers are facts in the session's own stream, so a replay refuses exactly what
    the live run did.
    """

    def step(waiting: Waiting, event: Event) -> Sequence[Event]:
        origin = event.origin
        match event:
            case Admitted(method=method):
                keys = tuple(
                    (limit.name, _bucket(limit, waiting, origin)) for limit in limits if method in limit.methods
                )
                if not keys:
                    return (event,)
                waiting.held[origin.request] = event
                return (PermitAsked(origin, keys, 1.0),)
            case PermitGiven() if held := waiting.held.pop(origin.request, None):
                return (event, moved(held, origin))
            case PermitRefused() if waiting.held.pop(origin.request, None):
                return (event, _rejected(event))
            case CancelReceived() | CallerLeft() if waiting.held.pop(origin.request, None):
                return (event, RequestCancelled(origin, "the client cancelled it"))
            case SessionClosed():
                gone = [Origin(origin.session, request, origin.at) for request in waiting.held]
                return (event, *(RequestCancelled(each, "the session closed") for each in gone))
            case SessionOpened():
                waiting.principal = event.principal
        return (event,)

    known = (SessionOpened, SessionClosed, Admitted, PermitGiven, PermitRefused, CancelReceived, CallerLeft)
    return stage("rate_limit", Waiting, step, *(known if limits else ()))


def moved(request: Admitted, to: Origin) -> Admitted:
    """The request again, at the moment when it was let through."""
    return Admitted(to, request.message, request.method, request.name, request.version)


def _bucket(limit: Limit, waiting: Waiting, origin: Origin) -> str:
    match limit.per:
        case "principal":
            return waiting.principal
        case "session":
            return origin.session
    return ""


def _rejected(refusal: PermitRefused) -> RequestRejected:
    wait = round(refusal.retry_after, 3)
    return RequestRejected(
        refusal.origin,
        codes.RATE_LIMITED,
        f"the limit {refusal.limit!r} is used up: try again in {wait:g} s",
        {"limit": refusal.limit, "remaining": refusal.remaining, "retryAfter": wait},
    )
