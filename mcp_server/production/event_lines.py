"""At level DEBUG a log line for each event that was recorded: what it is and whose, and nothing of what is in it."""

import logging
from typing import Any, Final

from events.decided import CallDispatched, ErrorReady, RequestRejected
from events.event import Event
from events.observed import CallFailed
from pipeline.journal import Recorded

NAME: Final = "mcp_server.events"

_log: Final = logging.getLogger(NAME)


def tell(recorded: Recorded) -> None:
    """Write a line for each event of a record, as long as such lines are wanted.

    ``position`` in a line is where ``mcp-rewind show`` has the event with all that is in it.
    """
    if not _log.isEnabledFor(logging.DEBUG):
        return
    events = (event for step in recorded.steps for event in (step.fact, *step.decisions))
    for place, event in enumerate(events):
        origin = event.origin
        about = {"session": origin.session, "position": f"{recorded.position}.{place}", **_known(event)}
        if origin.request is not None:
            about["request"] = origin.request
        _log.debug(type(event).__name__, extra=about)


def _known(event: Event) -> dict[str, Any]:
    """What is said of it besides. A method that was dispatched is one that there is; names may hold what was sent."""
    match event:
        case CallDispatched():
            return {"method": event.method}
        case ErrorReady() | RequestRejected() | CallFailed():
            return {"code": event.code}
    return {}
