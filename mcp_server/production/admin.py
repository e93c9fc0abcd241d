"""What ``/admin/requests`` answers: the requests that are under way."""

from collections.abc import Mapping
from typing import Any, Final, Protocol

from events.event import RequestId, SessionId
from events.message import Message
from mcp_server.production.performance import PerformanceMonitor

MOST: Final = 1000
"""Requests that are listed; the body says how many there are."""


class OpenSession(Protocol):
    """A session with its requests that are owed an answer."""

    @property
    def principal(self) -> str:
        """Who is calling."""

    @property
    def pending(self) -> Mapping[RequestId, Message]:
        """The requests, by id."""


def requests_body(
    sessions: Mapping[SessionId, OpenSession],
    begun: Mapping[tuple[SessionId, RequestId | None], float],
    now: float,
    performance: PerformanceMonitor,
) -> dict[str, Any]:
    """The body: names and times, no arguments.

    Args:
        sessions: Those that are open.
        begun: For each call that was dispatched when that was, in seconds since the epoch. A request that is not in
            it waits: for the log, a limit or the cache.
        now: In seconds since the epoch.
        performance: The requests that the server's author tells of; they are listed apart.
    """
    found = [
        {
            "session": session,
            "id": request,
            "principal": open_session.principal,
            "method": message.method,
            "name": message.name,
            "seconds": round(now - begun[session, request], 3) if (session, request) in begun else None,
        }
        for session, open_session in sessions.items()
        for request, message in open_session.pending.items()
    ]
    found.sort(key=lambda each: -(each["seconds"] or 0.0))  # type: ignore[operator]  # a number or None
    return {"count": len(found), "requests": found[:MOST], "monitored": performance.active(MOST)}
