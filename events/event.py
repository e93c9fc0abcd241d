"""What every event has: an origin, and the side of the recording on which it stands."""

from typing import TypeAlias

from msgspec import Struct

SessionId: TypeAlias = str
"""A UUIDv7 in its canonical text form: time-ordered, so that a log stays fast as it grows."""

RequestId: TypeAlias = str | int
"""A JSON-RPC request id. ``1`` and ``"1"`` are two ids; ``True`` and ``1.0`` are none."""


class Origin(Struct, frozen=True, gc=False):
    """Where and when an event began.

    Attributes:
        session: The recorded stream it belongs to.
        request: The JSON-RPC id it concerns; None when it concerns no request.
        at: Seconds since the Unix epoch (UTC); never decreases within a session.
    """

    session: SessionId
    request: RequestId | None
    at: float


class Event(Struct, frozen=True, gc=False):
    """Something that happened."""

    origin: Origin


class Observed(Event, frozen=True, gc=False):
    """A fact from outside: all that a replay feeds in."""


class Decided(Event, frozen=True, gc=False):
    """A conclusion of our own: what a replay checks.

    Its time is that of the fact that led to it; so is its payload, where it has none of its own.
    """


class Step(Struct, frozen=True, gc=False):
    """A fact with everything that was decided because of it, in order."""

    fact: Observed
    decisions: tuple[Decided, ...]
