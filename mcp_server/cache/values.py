"""JSON values as bytes, such that what comes back equals what went in."""

import math
from typing import Any, Final

import orjson

DEEPEST: Final = 128
"""Levels of lists and objects in one another."""

ABSENT: Final = b"null"
"""None: it is known that nothing is there."""


class NotCacheable(TypeError):
    """The value is no JSON value, so it would not come back as it was."""


def encode(value: Any) -> bytes:
    """The value as JSON.

    Raises:
        NotCacheable: Some part of it is none: names which.
    """
    _check(value, "value", 0)
    try:
        return orjson.dumps(value)
    except TypeError as error:  # half of a surrogate pair
        raise NotCacheable(f"the value cannot be written as JSON: {error}") from error


def decode(payload: bytes) -> Any:
    """The value again; ValueError if the bytes are no JSON."""
    return orjson.loads(payload)


def _check(value: Any, where: str, depth: int) -> None:
    """Refuse what JSON lacks, and what would come back as something else: tuples, enums, dates, subclasses, NaN."""
    kind = type(value)
    if kind is str or kind is bool or value is None:
        return
    if kind is int:
        if not -(2**63) <= value < 2**64:
            raise NotCacheable(f"{where} is an integer beyond 64 bits; write it as a string")
    elif kind is float:
        if not math.isfinite(value):
            raise NotCacheable(f"{where} is {value}, which JSON lacks")
    elif kind not in {dict, list}:
        hint = "; make it a list" if kind in {tuple, set, frozenset} else ""
        raise NotCacheable(f"{where} is a {kind.__qualname__}, and only JSON values can be kept{hint}")
    elif depth == DEEPEST:
        raise NotCacheable(f"the value is nested more than {DEEPEST} levels deep")
    elif kind is list:
        for place, part in enumerate(value):
            _check(part, f"{where}[{place}]", depth + 1)
    else:
        for name, part in value.items():
            if type(name) is not str:
                raise NotCacheable(f"{where} has the key {name!r}, and the keys of JSON objects are strings")
            _check(part, f"{where}.{name}", depth + 1)
