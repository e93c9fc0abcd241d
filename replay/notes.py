"""What a timeline says of an event, in a few words."""

from collections.abc import Callable
from typing import Any, Final

from events import decided, observed
from events.codes import NAMES
from events.event import Event
from operators.policy import load


def note(event: Event) -> str:
    """A few words on what the event holds; empty when its name and its request say it all. May hold anything."""
    write = _NOTES.get(type(event))
    return "" if write is None else write(event)


def _opened(event: observed.SessionOpened) -> str:
    peer = f" from {event.peer}" if event.peer else ""
    return f"{event.transport}{peer} as {event.principal}{_with(event)}"


def _with(event: observed.SessionOpened | observed.GrantReplaced) -> str:
    """Scopes and groups, where there are any."""
    parts = ((" with ", event.scopes), (" of ", event.groups))
    return "".join(f"{word}{' '.join(found)}" for word, found in parts if found)


def _size(event: Any) -> str:
    return f"{len(event.message.raw)} bytes"


def _malformed(event: observed.MessageMalformed) -> str:
    return f"{event.problem} ({event.length} bytes)"


def _overflowed(event: observed.RequestOverflowed) -> str:
    return f"{event.in_flight} in flight; try again in {event.retry_after:g} s"


def _refused(event: observed.PermitRefused) -> str:
    return f"{event.limit}: {event.remaining:.3g} left; try again in {event.retry_after:.3g} s"


def _returned(event: observed.CallReturned) -> str:
    words = f"{len(event.payload)} bytes{', an error of the tool' if event.is_error else ''}"
    return f"{words}; {event.detail}" if event.detail else words


def _failed(event: observed.CallFailed) -> str:
    return f"{_error(event)}; {event.detail}" if event.detail else _error(event)


def _policy(event: observed.PolicyReplaced) -> str:
    policy = load(event.policy)
    rules = f"{len(policy.access)} rules of access; " if policy.access else ""
    served = "are" if policy.anonymous else "are not"
    return f"{len(policy.limits)} limits; {rules}anonymous callers {served} served"


def _progress(event: observed.ProgressReported) -> str:
    total = "" if event.total is None else f" of {event.total:g}"
    return f"{event.progress:g}{total}{': ' if event.message else ''}{event.message}"


def _logged(event: observed.MessageLogged) -> str:
    return f"{event.level}{' from ' if event.logger else ''}{event.logger}, {len(event.payload)} bytes"


def _error(event: Any) -> str:
    name = f" ({NAMES[event.code]})" if event.code in NAMES else ""
    return f"{event.code}{name}: {event.message}"


def _agreed(event: decided.SessionAgreed) -> str:
    return f"{event.version}{' with ' if event.client else ''}{event.client}"


def _asked(event: decided.PermitAsked | decided.PermitReturned) -> str:
    return ", ".join(f"{limit} of {key}" if key else limit for limit, key in event.keys)


_NOTES: Final[dict[type[Event], Callable[[Any], str]]] = {
    observed.SessionOpened: _opened,
    observed.SessionClosed: lambda event: event.reason,
    observed.PolicyReplaced: _policy,
    observed.GrantReplaced: lambda event: _with(event).strip() or "no scopes and no groups",
    observed.RequestReceived: _size,
    observed.NotificationReceived: _size,
    observed.ResponseReceived: _size,
    observed.MessageMalformed: _malformed,
    observed.RequestOverflowed: _overflowed,
    observed.PermitGiven: lambda event: f"{event.limit}: {event.remaining:.3g} left",
    observed.PermitRefused: _refused,
    observed.CacheHit: lambda event: f"{event.age:.3g} s old, {len(event.payload)} bytes",
    observed.CallReturned: _returned,
    observed.CallFailed: _failed,
    observed.CallYielded: lambda event: f"{len(event.payload)} bytes",
    observed.ProgressReported: _progress,
    observed.MessageLogged: _logged,
    decided.SessionAgreed: _agreed,
    decided.RequestRejected: _error,
    decided.AccessDecided: lambda event: f"{'allowed' if event.allowed else 'denied'} by {event.rule}",
    decided.PermitAsked: _asked,
    decided.PermitReturned: _asked,
    decided.CacheAsked: lambda event: f"key {event.key[:12]}",
    decided.CacheFilled: lambda event: f"key {event.key[:12]} for {event.ttl:g} s",
    decided.CacheReleased: lambda event: f"key {event.key[:12]}",
    decided.CallDispatched: lambda event: f"following {event.version}",
    decided.RequestCancelled: lambda event: event.reason,
    decided.ChunkEmitted: lambda event: f"part {event.number}",
    decided.StreamEmitted: lambda event: f"part {event.index}{', the last: ' if event.ended else ''}{event.ended}",
    decided.ErrorReady: _error,
    decided.StageFailed: lambda event: f"{event.error} in {event.stage}{' on ' if event.event else ''}{event.event}",
}
