"""A JSON-RPC message together with the bytes it came as."""

import json
from typing import Any, Final

import orjson

Object = dict[str, Any]


_NAMED_BY: Final = {"resources/read": "uri", **dict.fromkeys(("tasks/get", "tasks/update", "tasks/cancel"), "taskId")}
"""The parameter that names what a method is applied to, where it is not ``name``."""


class Message:
    """One JSON-RPC message: ``raw`` is what is stored, the rest is what is read.

    The bytes are kept untouched, so that key order, ``1.0`` against ``1`` and integers of any size survive a
    recording.

    Attributes:
        raw: The bytes as they came.
        body: The parsed object: the codec has checked it, and integers beyond 64 bits are exact.
        method: The method's name; empty for a response.
        params: The parameters; empty when there are none.
        meta: The ``_meta`` of the parameters; empty when there is none.
        name: What the method is applied to: a tool's or prompt's name, a resource's URI, a task's id; empty when
            nothing is named.
    """

    __slots__ = ("body", "meta", "method", "name", "params", "raw")

    def __init__(self, raw: bytes, body: Object | None = None) -> None:
        self.raw = raw
        self.body = body = parse(raw) if body is None else body
        self.method: str = body.get("method", "")
        params = body.get("params")
        self.params: Object = params if type(params) is dict else {}
        meta = self.params.get("_meta")
        self.meta: Object = meta if type(meta) is dict else {}
        name = self.params.get(_NAMED_BY.get(self.method, "name"))
        self.name = name if type(name) is str else ""

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Message) and other.raw == self.raw

    def __hash__(self) -> int:
        return hash(self.raw)

    def __repr__(self) -> str:
        return f"Message({self.raw!r})"


LONG: Final = 256 * 1024
"""Of text of more bytes the hooks judge at once: writing it back costs as much as they do, where it is all escapes."""


class RepeatedKey(ValueError):
    """An object has the same key twice, and JSON does not say which one counts."""


def parse(raw: bytes) -> Object:
    """Parse a JSON text strictly: no repeated keys, no rounded integers.

    Text that a compact encoder would write back byte for byte has neither, and that test costs a tenth of a parser
    with hooks; the hooks then judge what is left.

    Raises:
        ValueError: With what is wrong; :class:`RepeatedKey` is one.
    """
    body = orjson.loads(raw)
    if len(raw) > LONG or orjson.dumps(body) != raw:
        body = json.loads(raw.decode(), object_pairs_hook=_unique, parse_float=_finite, parse_constant=_refuse_constant)
    return body  # type: ignore[no-any-return]  # callers check that it is an object


def canonical(value: object) -> bytes:
    """One text for each JSON value, whatever the order of its keys was; ``1`` and ``1.0`` are two values."""
    try:
        return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)
    except orjson.JSONEncodeError:  # an integer of more than 64 bits
        return json.dumps(value, sort_keys=True).encode()


def _unique(pairs: list[tuple[str, Any]]) -> Object:
    found = dict(pairs)
    if len(found) != len(pairs):
        seen: set[str] = set()
        repeated = next(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]  # which is none
        raise RepeatedKey(f"the key {repeated[:64]!r} appears twice in one object")
    return found


def _finite(text: str) -> float:
    number = float(text)
    if number in (float("inf"), float("-inf")):
        raise ValueError("a number is too large for a double")
    return number


def _refuse_constant(text: str) -> float:
    raise ValueError(f"{text} is not JSON")
