"""Where a replay came to another decision than the recording."""

from typing import Any

import msgspec
from msgspec import Struct

from events.event import Event, Observed, SessionId
from events.message import Message
from events.record import pack_event
from replay.difference import MISSING, Difference, differences, readable
from replay.position import Position


class Divergence(Struct, frozen=True):
    """The first decision of a session that came out differently.

    Attributes:
        session: Whose decision it is.
        position: Where the recorded decision stands, or would stand.
        expected: What is recorded; None when nothing is.
        actual: What the replay decided; None when nothing.
    """

    session: SessionId
    position: Position
    expected: Event | None
    actual: Event | None

    @property
    def expected_bytes(self) -> bytes:
        """What is recorded, as it is stored; empty when nothing is."""
        return b"" if self.expected is None else pack_event(self.expected)

    @property
    def actual_bytes(self) -> bytes:
        """What the replay decided, as it would be stored; empty when nothing."""
        return b"" if self.actual is None else pack_event(self.actual)

    @property
    def difference(self) -> Difference:
        """The first place where the two differ."""
        before, after = (MISSING if event is None else shown(event) for event in (self.expected, self.actual))
        # Equal values may still differ in their bytes, in the order of keys for example.
        return next(differences(before, after), Difference("$", self.expected_bytes.hex(), self.actual_bytes.hex()))


def shown(event: Event) -> dict[str, Any]:
    """An event as a JSON object: its class's name, the request it concerns, and its fields."""
    origin = event.origin
    value: dict[str, Any] = {"event": type(event).__name__}
    if origin.request is not None:
        value["request"] = origin.request
    if isinstance(event, Observed):
        value["at"] = origin.at
    for field in event.__struct_fields__[1:]:
        value[field] = _plain(field, getattr(event, field))
    return value


def _plain(field: str, value: Any) -> Any:
    if isinstance(value, Message):
        return readable(value.raw)
    if isinstance(value, bytes):
        return value.hex() if field == "digest" else readable(value)
    return msgspec.to_builtins(value)
