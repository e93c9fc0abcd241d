"""Values that are stored in one form and told in another: a secret is stored as its tag and told as it is.

They pass through the chain like what they are stored as. What is read from a log has only that.
"""

from typing import Any, TypeVar, overload

Value = TypeVar("Value", bytes, str, dict[str, Any])


class ToldBytes(bytes):
    """Bytes as they are stored. ``original`` is what they stand for, in memory only."""

    original: bytes


class ToldText(str):
    """Text as it is stored. ``original`` is what it stands for, in memory only."""

    __slots__ = ("original",)

    original: str


class ToldData(dict[str, Any]):
    """An object as it is stored. ``original`` is what it stands for, in memory only."""

    original: dict[str, Any]


_KINDS = {bytes: ToldBytes, str: ToldText, dict: ToldData}


def told_as(stored: Value, original: Value) -> Value:
    """``stored``, which is told as ``original``."""
    found: Any = _KINDS[type(stored)](stored)
    found.original = getattr(original, "original", original)
    return found  # type: ignore[no-any-return]  # one of the three


@overload
def original(value: Value) -> Value: ...
@overload
def original(value: None) -> None: ...
def original(value: Any) -> Any:
    """What is told where ``value`` is stored: itself, unless it was given another form."""
    return getattr(value, "original", value)


def as_stored(value: Any) -> Any:
    """The other side of :func:`original`: what is stored of ``value``."""
    match value:
        case ToldBytes():
            return bytes(value)
        case ToldText():
            return str.__str__(value)
        case ToldData():
            return dict(value)
    return value


def stored(value: object) -> object:
    """``value`` as the log's codec knows it; for the encoder, which takes no subclasses.

    Raises:
        TypeError: It is none of these, and has no stored form.
    """
    if isinstance(value, ToldBytes):
        return bytes(value)
    if isinstance(value, ToldText):
        return str.__str__(value)
    raise TypeError(f"a {type(value).__name__} has no stored form")
