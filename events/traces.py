"""Where a request stands in its client's trace (W3C Trace Context; MCP 2026-07-28, basic, SEP-414)."""

import re
from typing import Any, Final, NamedTuple

_TRACEPARENT: Final = re.compile(r"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?")


class Parent(NamedTuple):
    """The span that a request came from.

    Attributes:
        trace: The id of its trace, 32 hexadecimal digits.
        span: Its own id, 16 of them.
        sampled: Whether the client keeps it.
    """

    trace: str
    span: str
    sampled: bool


def parent_of(meta: dict[str, Any]) -> Parent | None:
    """What ``_meta.traceparent`` says; None when it is none, or no valid one (W3C Trace Context, section 3.2)."""
    given = meta.get("traceparent")
    found = _TRACEPARENT.fullmatch(given) if isinstance(given, str) else None
    if found is None:
        return None
    version, trace, span, flags, more = found.groups()
    if version == "ff" or (version == "00" and more) or not int(trace, 16) or not int(span, 16):
        return None
    return Parent(trace, span, bool(int(flags, 16) & 1))


def trace_of(meta: object) -> str:
    """The id of the trace that a request belongs to; empty when it names none."""
    parent = parent_of(meta) if isinstance(meta, dict) else None
    return "" if parent is None else parent.trace
