"""From what a user types to the session that is meant."""

from itertools import islice

from events.event import SessionId
from pipeline.log import LogReader

LAST = "last"
"""Stands for the newest session."""

_MOST_NAMED = 3


class UnknownSession(LookupError):
    """No one session is meant; says why and what to do."""


def resolve(reader: LogReader, text: str) -> SessionId:
    """The session that ``text`` names: its id, the beginning of it, or ``last``.

    Raises:
        UnknownSession: There is none, or more than one.
    """
    prefix = "" if text == LAST else text.lower()
    found = list(islice(reader.sessions(prefix), _MOST_NAMED + 1))
    if not found:
        empty = next(reader.sessions(), None) is None
        raise UnknownSession(
            "no sessions yet: start a server with mcp-rewind serve"
            if empty
            else f"there is no session {text!r}: mcp-rewind sessions lists them"
        )
    if text == LAST or prefix in found or len(found) == 1:
        return prefix if prefix in found else found[0]
    more = " and others" if len(found) > _MOST_NAMED else ""
    raise UnknownSession(f"{text!r} begins several sessions: {', '.join(found[:_MOST_NAMED])}{more}")
