"""How a request ended, in one word: the same word in metrics, audit and timelines."""

from typing import Final

from events.codes import UNAUTHORIZED
from events.decided import ErrorReady, RequestCancelled, ResponseReady
from events.event import Decided, Observed
from events.observed import CacheHit, CallFailed, CallReturned, Interrupted, PermitRefused

OK: Final = "ok"
CACHED: Final = "cached"
TOOL_ERROR: Final = "tool error"
INPUT_REQUIRED: Final = "input required"
TASK: Final = "task"
ERROR: Final = "error"
REJECTED: Final = "rejected"
DENIED: Final = "denied"
THROTTLED: Final = "throttled"
CANCELLED: Final = "cancelled"

OUTCOMES: Final = (OK, CACHED, TOOL_ERROR, INPUT_REQUIRED, TASK, ERROR, REJECTED, DENIED, THROTTLED, CANCELLED)


def outcome(decision: Decided, fact: Observed | None) -> str | None:
    """The outcome that ``decision``, made because of ``fact``, gives its request; None when it ends none."""
    kind = type(decision)
    if kind is ResponseReady:
        if type(fact) is CallReturned:
            if fact.partial:
                return fact.partial.replace("_", " ")
            return TOOL_ERROR if fact.is_error else OK
        return CACHED if type(fact) is CacheHit else OK
    if kind is ErrorReady:
        if type(fact) is PermitRefused:
            return THROTTLED
        if type(fact) in (CallFailed, Interrupted):
            return ERROR
        return DENIED if getattr(decision, "code", 0) == UNAUTHORIZED else REJECTED
    return CANCELLED if kind is RequestCancelled else None
