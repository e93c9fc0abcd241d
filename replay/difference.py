"""Where two JSON values differ."""

import json
import re
from collections.abc import Iterator, Sequence
from typing import Any, Final, NamedTuple, TypeAlias

from events.message import parse


class Missing:
    """Stands for a value that is not there."""

    def __repr__(self) -> str:
        return "nothing"


MISSING: Final = Missing()
_PLAIN_KEY: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")


Pointer: TypeAlias = tuple[str, ...]
"""The keys and indices that lead to a value; ``*`` stands for any."""


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


def pointer(text: str) -> Pointer:
    """The pointer that ``text`` writes as RFC 6901 does, with ``*`` for any key or index.

    Raises:
        ValueError: It writes none.
    """
    if not text.startswith("/"):
        raise ValueError(f"{text!r} is no pointer: write a slash before each key, such as /result/content/*/text")
    if re.search("~(?![01])", text):
        raise ValueError(f"{text!r} is no pointer: write ~ in a key as ~0, and / as ~1")
    return tuple(key.replace("~1", "/").replace("~0", "~") for key in text[1:].split("/"))


def differences(before: Any, after: Any, path: str = "$", ignored: Sequence[Pointer] = ()) -> Iterator[Difference]:
    """The places where two JSON values differ, in the order of the first. ``1``, ``1.0`` and ``true`` all differ.

    What an ``ignored`` pointer leads to is not looked at, nor anything in it.
    """
    if () in ignored:
        return
    if isinstance(before, dict) and isinstance(after, dict):
        for key in before | after:
            step = f".{key}" if _PLAIN_KEY.match(key) else f"[{json.dumps(key)}]"
            one, other = (each.get(key, MISSING) for each in (before, after))
            yield from differences(one, other, path + step, _after(key, ignored))
    elif isinstance(before, list) and isinstance(after, list):
        for index in range(max(len(before), len(after))):
            one, other = (each[index] if index < len(each) else MISSING for each in (before, after))
            yield from differences(one, other, f"{path}[{index}]", _after(str(index), ignored))
    elif type(before) is not type(after) or before != after:
        yield Difference(path, before, after)


def _after(key: str, pointers: Sequence[Pointer]) -> Sequence[Pointer]:
    """The rest of those pointers that go through ``key``."""
    return [each[1:] for each in pointers if each[0] in ("*", key)]


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
