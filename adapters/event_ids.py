"""Ids of the events on a stream: which stream it is, and the how manieth event on it.

Source: MCP 2025-11-25, basic/transports, resumability: an id is unique within its session and is a cursor within its
stream. Here a stream is a request, or what belongs to none; so an id says what is still to be sent, to whoever reads
the log.
"""

import base64
import binascii
from typing import NamedTuple

import orjson

from events.event import RequestId
from events.jsonrpc import id_text, is_id


class EventId(NamedTuple):
    """A place on a stream.

    Attributes:
        request: The request that the stream answers; None for what belongs to none.
        number: Messages on the stream up to and with this one; 0 before the first.
    """

    request: RequestId | None
    number: int

    def __str__(self) -> str:
        stream = "" if self.request is None else base64.urlsafe_b64encode(id_text(self.request)).decode().rstrip("=")
        return f"{stream}.{self.number}"


def event_id(text: str) -> EventId | None:
    """The place that a client names; None when it names none."""
    stream, dot, number = text.rpartition(".")
    if not dot or not (number.isascii() and number.isdigit() and len(number) <= 15):
        return None
    if not stream:
        return EventId(None, int(number))
    try:
        request = orjson.loads(base64.urlsafe_b64decode(stream + "=" * (-len(stream) % 4)))
    except (binascii.Error, ValueError):
        return None
    return EventId(request, int(number)) if is_id(request) else None
