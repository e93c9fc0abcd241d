"""How a request ended, in one word: the same word in metrics, audit and timelines."""

from typing import Final

from events.decided import ErrorReady, RequestCancelled, ResponseReady
from events.event import Decided, Observed
from events.observed import CacheHit, CallFailed, CallReturned, PermitRefused

OK: Final = "ok"
CACHED: Final = "cached"
TOOL_ERROR: Final = "tool error"
ERROR: Final = "error"
REJECTED: Final = "rejected"
THROTTLED: Final = "throttled"
CANCELLED: Final = "cancelled"

OUTCOMES: Final = (OK, CACHED, TOOL_ERROR, ERROR, REJECTED, THROTTLED, CANCELLED)


def outcome(decision: Decided, fact: Observed | None) -> str | None:
    """The outcome that ``decision``, made because of ``fact``, gives its request; None when it ends none."""
    match decision:
        case ResponseReady():
            if isinstance(fact, CallReturned) and fact.is_error:
                return TOOL_ERROR
            return CACHED if isinstance(fact, CacheHit) else OK
        case ErrorReady():
            if isinstance(fact, PermitRefused):
                return THROTTLED
            return ERROR if isinstance(fact, CallFailed) else REJECTED
        case RequestCancelled():
            return CANCELLED
    return None
