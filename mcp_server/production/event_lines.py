"""At level DEBUG a log line for each event that was recorded: what it is and whose, and nothing of what is in it."""

import logging
from typing import Any, Final

from reactivex import Observable
from reactivex.abc import DisposableBase

from events.decided import CallDispatched, ErrorReady, RequestRejected
from events.event import Event
from events.observed import CallFailed
from pipeline.journal import Recorded

NAME: Final = "mcp_server.events"

_log: Final = logging.getLogger(NAME)


class EventLines:
    """Listens to what is recorded only while the lines are wanted: to listen for nothing is 1 % of a request."""

    def __init__(self, recorded: Observable[Recorded]) -> None:
        self._recorded = recorded
        self._listening: DisposableBase | None = None
        self.follow()

    def follow(self) -> None:
        """Begin or end, as the level in force says."""
        wanted = _log.isEnabledFor(logging.DEBUG)
        if wanted and self._listening is None:
            self._listening = self._recorded.subscribe(tell)
        elif not wanted and self._listening is not None:
            self._listening.dispose()
            self._listening = None


def tell(recorded: Recorded) -> None:
    """Write a line for each event of a record.

    ``position`` in a line is where ``mcp-rewind show`` has the event with all that is in it.
    """
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
