"""Where two JSON values differ."""

import json
import re
from collections.abc import Iterator
from typing import Any, Final, NamedTuple

from events.message import parse


class Missing:
    """Stands for a value that is not there."""

    def __repr__(self) -> str:
        return "nothing"


MISSING: Final = Missing()
_PLAIN_KEY: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")


class Difference(NamedTuple):
    """One place where two values differ.

    Attributes:
        path: A JSON path; ``$`` is the whole value.
        before: What stands there in the first value; MISSING when nothing does.
        after: What stands there in the second.
    """

    path: str
    before: Any
    after: Any


def differences(before: Any, after: Any, path: str = "$") -> Iterator[Difference]:
    """The places where two JSON values differ, in the order of the first. ``1``, ``1.0`` and ``true`` all differ."""
    if isinstance(before, dict) and isinstance(after, dict):
        for key in before | after:
            step = f".{key}" if _PLAIN_KEY.match(key) else f"[{json.dumps(key)}]"
            yield from differences(before.get(key, MISSING), after.get(key, MISSING), path + step)
    elif isinstance(before, list) and isinstance(after, list):
        for index in range(max(len(before), len(after))):
            one, other = (each[index] if index < len(each) else MISSING for each in (before, after))
            yield from differences(one, other, f"{path}[{index}]")
    elif type(before) is not type(after) or before != after:
        yield Difference(path, before, after)


def readable(data: bytes) -> Any:
    """Bytes as the JSON value that they hold, else as text, else as hexadecimal digits."""
    try:
        return parse(data)
    except (ValueError, RecursionError):
        pass
    try:
        return data.decode()
    except UnicodeDecodeError:
        return f"0x{data.hex()}"
