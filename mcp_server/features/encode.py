"""From Python values to JSON bytes without a silent loss."""

import json
from typing import Any

import msgspec
import orjson


class Unencodable(ValueError):
    """A value that JSON cannot hold; the text says which, in words for whoever wrote the function."""


def to_json(value: Any) -> bytes:
    """The JSON of ``value``: dataclasses, structs, dates, sets, enums and UUIDs too, and integers of any size exact.

    Raises:
        Unencodable: It holds NaN, an infinity, a lone surrogate, or an object of an unknown kind.
    """
    return plain_to_json(to_plain(value))


def to_plain(value: Any) -> Any:
    """``value`` made of nothing but dicts with string keys, lists, strings, numbers, booleans and None.

    Raises:
        Unencodable: It holds an object of an unknown kind, or itself.
    """
    try:
        return msgspec.to_builtins(value, str_keys=True)
    except (TypeError, ValueError, RecursionError) as error:
        raise Unencodable(f"it has no JSON form: {error}") from error


def text_to_json(text: str) -> bytes:
    """The JSON of ``text``.

    Raises:
        Unencodable: It holds a lone surrogate.
    """
    try:
        return orjson.dumps(text)
    except TypeError:
        return _slowly(text)


def plain_to_json(value: Any) -> bytes:
    """The JSON of what :func:`to_plain` made.

    Raises:
        Unencodable: It holds NaN, an infinity, or a lone surrogate.
    """
    try:
        text = orjson.dumps(value)
    except TypeError:  # an integer beyond 64 bits, a lone surrogate, or too deep
        return _slowly(value)
    # orjson writes NaN and the infinities as null. A null is rare enough to look twice.
    return _slowly(value) if b"null" in text else text


def _slowly(value: Any) -> bytes:
    try:
        return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()
    except UnicodeEncodeError as error:
        raise Unencodable("it holds text that is not valid Unicode (a lone surrogate)") from error
    except RecursionError as error:
        raise Unencodable("it is nested too deeply") from error
    except ValueError as error:
        reason = "NaN and Infinity are not JSON" if "JSON compliant" in str(error) else str(error)
        raise Unencodable(f"it has no JSON form: {reason}") from error
