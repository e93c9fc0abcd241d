"""A second opinion on what is JSON, from the parser of the standard library."""

import json
import math
import re
from typing import Any, Final

from events.codes import PARSE_ERROR
from events.event import Observed
from events.jsonrpc import DEPTH_LIMIT, FRAME_LIMIT, VALUE_LIMIT
from events.message import Message
from events.observed import MessageMalformed

_INTEGER_BEYOND_DOUBLE: Final = re.compile(rb"(?<!\d)\d{309}")
"""Such integers may be refused, though JSON has them. What may not be is to round them."""

_SURROGATE: Final = re.compile("[\ud800-\udfff]")


class _No(ValueError):
    """Not JSON as this project understands it."""


def disagreement(raw: bytes, fact: Observed) -> str | None:
    """What the second opinion has against what ``decode`` made of ``raw``; None when they agree."""
    try:
        value = _value(raw)
    except (ValueError, RecursionError) as problem:
        value, refused = None, str(problem) or type(problem).__name__
    else:
        refused = ""
    message = getattr(fact, "message", None)
    if isinstance(message, Message):
        if refused:
            return f"accepted, though it is no JSON: {refused}"
        return None if same(message.body, value) else "the values differ"
    if not isinstance(fact, MessageMalformed):
        return f"neither a message nor malformed: {type(fact).__name__}"
    if fact.code == PARSE_ERROR and not refused and not _too_much(raw, value):
        return f"refused for no reason that there is: {fact.problem}"
    if fact.code != PARSE_ERROR and refused and len(raw) <= FRAME_LIMIT:
        return f"taken for JSON, though it is none: {refused}"
    return None


def same(one: Any, other: Any) -> bool:
    """Whether two JSON values are the same; ``1``, ``1.0`` and ``true`` all differ, and so do ``0.0`` and ``-0.0``."""
    if type(one) is not type(other):
        return False
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same(value, other[key]) for key, value in one.items())
    if isinstance(one, list):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, float):
        return one == other and math.copysign(1.0, one) == math.copysign(1.0, other)
    return bool(one == other)


def _value(raw: bytes) -> Any:
    value = json.loads(raw.decode(), object_pairs_hook=_once, parse_constant=_refuse, parse_float=_finite)
    if b"\\u" in raw and _SURROGATE.search(json.dumps(value, ensure_ascii=False)):
        raise _No("half a surrogate pair")
    return value


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise _No("a key that appears twice")
        found[key] = value
    return found


def _refuse(text: str) -> Any:
    raise _No(text)


def _finite(text: str) -> float:
    if math.isinf(number := float(text)):
        raise _No("a number beyond a double")
    return number


def _too_much(raw: bytes, value: Any) -> bool:
    """Whether a message that is JSON goes beyond a limit of ours."""
    depth = values = 0
    level = [value]
    while level:
        depth += 1
        values += len(level)
        if depth > DEPTH_LIMIT or values > VALUE_LIMIT // 2:  # empty arrays count twice there
            return True
        level = [
            each
            for one in level
            if isinstance(one, dict | list)
            for each in (one.values() if isinstance(one, dict) else one)
        ]
    return len(raw) > FRAME_LIMIT or _INTEGER_BEYOND_DOUBLE.search(raw) is not None
