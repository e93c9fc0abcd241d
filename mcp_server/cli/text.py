"""Recorded text on its way to a terminal, a pipe or a file: nothing in it may act there."""

import json
import re
from datetime import UTC, datetime
from typing import Any, Final

import orjson

from replay.difference import MISSING

_ACTIVE: Final = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\ud800-\udfff]")
_ACTIVE_IN_JSON: Final = re.compile("[\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\ud800-\udfff]")
_SHORT: Final = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")


def clean(text: str) -> str:
    """The text with control characters, and those that change the direction of writing, shown as escapes."""
    return _ACTIVE.sub(_escape, text)


def _escape(found: re.Match[str]) -> str:
    character = found[0]
    number = ord(character)
    return _SHORT.get(character) or (f"\\x{number:02x}" if number < 0x100 else f"\\u{number:04x}")


def frame_text(frame: bytes) -> str:
    """A frame as text; bytes that are no UTF-8 are shown as escapes."""
    return clean(frame.decode("utf-8", "backslashreplace"))


def clipped(text: str, length: int) -> str:
    """At most ``length`` characters, and how many were left out."""
    return text if len(text) <= length else f"{text[:length]}... ({len(text) - length} more)"


def to_json(value: Any) -> str:
    """JSON on one line; integers of any size stay exact, and no character in it acts on a terminal."""
    try:
        text = orjson.dumps(value, default=str).decode()
    except (TypeError, ValueError):
        text = json.dumps(value, default=str, separators=(",", ":"), ensure_ascii=False)
    return _ACTIVE_IN_JSON.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def for_csv(value: Any) -> Any:
    """A cell that no spreadsheet takes for a formula."""
    if not isinstance(value, str):
        return value
    text = clean(value)
    return f"'{text}" if text.startswith(_FORMULA) else text


def time_text(at: float | None) -> str:
    """Seconds since the epoch as UTC, to the millisecond."""
    if at is None:
        return ""
    try:
        return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    except (ValueError, OverflowError, OSError):
        return str(at)


def number(value: float | None, digits: int = 1) -> str:
    """A number with thousands kept apart; empty when there is none."""
    return "" if value is None else f"{value:,.{digits}f}"


def many(number: int, what: str) -> str:
    """A number of things, in words."""
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def value_text(value: Any) -> str:
    """A JSON value, or the word for none."""
    return repr(value) if value is MISSING else to_json(value)
