"""What is wrong with the values that a caller gave, in words that name each one and its bounds."""

import difflib
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from events.codes import INVALID_PARAMS
from mcp_server.calls import CallRefused
from mcp_server.features.validate import clip


class InvalidRequest(CallRefused, ValueError):
    """The caller's mistake; over the protocol it is an error with the code -32602 (invalid params)."""

    def __init__(self, message: str, data: dict[str, Any] | None = None) -> None:
        super().__init__(INVALID_PARAMS, message, data)


def number(value: Any, name: str, least: float, most: float) -> None:
    """Let a finite number from ``least`` to ``most`` pass.

    Raises:
        InvalidRequest: It is something else.
    """
    if type(value) not in (int, float) or not math.isfinite(value) or not least <= value <= most:
        raise InvalidRequest(f"{name} must be a number from {least:g} to {most:g}, not {shown(value)}")


def integer(value: Any, name: str, least: int, most: int) -> None:
    """Let an integer from ``least`` to ``most`` pass.

    Raises:
        InvalidRequest: It is something else.
    """
    if type(value) is not int or not least <= value <= most:
        raise InvalidRequest(f"{name} must be an integer from {least} to {most}, not {shown(value)}")


def boolean(value: Any, name: str) -> None:
    """Let true and false pass.

    Raises:
        InvalidRequest: It is something else.
    """
    if type(value) is not bool:
        raise InvalidRequest(f"{name} must be true or false, not {shown(value)}")


def text(value: Any, name: str, least: int, most: int) -> None:
    """Let a string of ``least`` to ``most`` characters pass.

    Raises:
        InvalidRequest: It is something else, or holds a lone surrogate, which no encoding has bytes for.
    """
    if type(value) is not str:
        raise InvalidRequest(f"{name} must be a string, not {shown(value)}")
    if not least <= len(value) <= most:
        raise InvalidRequest(f"{name} must have {least} to {most} characters, not {len(value)}")
    try:
        value.encode()
    except UnicodeEncodeError as error:
        raise InvalidRequest(f"{name} must be Unicode text; character {error.start} is a lone surrogate") from None


def known_keys(value: Any, known: Sequence[str], place: str) -> Mapping[str, Any]:
    """``value``, when it is an object that has only members of these names.

    Raises:
        InvalidRequest: It is something else, or has another member; the text names the nearest known one.
    """
    if not isinstance(value, Mapping):
        raise InvalidRequest(f"{place} must be an object, not {shown(value)}")
    for key in value:
        if key not in known:
            raise InvalidRequest(f"{place} has no member {shown(key)}{nearest(str(key), known)}")
    return value


def nearest(name: str, known: Iterable[str]) -> str:
    """``; did you mean x?``, or what there is when nothing is like ``name``."""
    choices = sorted(known)[:500]
    near = difflib.get_close_matches(clip(name, 128), choices, n=1, cutoff=0.5)
    if near:
        return f"; did you mean {near[0]}?"
    return f"; there are {clip(', '.join(choices), 400)}" if choices else ""


def shown(value: Any) -> str:
    """A value as an error shows it: short, and never a large one in full."""
    if isinstance(value, str):
        return repr(clip(value, 40))
    if value is None or type(value) is bool:
        return {None: "null", True: "true", False: "false"}[value]
    if type(value) is float or (type(value) is int and abs(value) < 10**20):
        return repr(value)
    return {int: "a larger one", dict: "an object", list: "an array"}.get(type(value), f"a {type(value).__name__}")
