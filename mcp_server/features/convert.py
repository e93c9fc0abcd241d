"""From JSON values, valid already, to what a function expects."""

import types
from collections.abc import Callable
from typing import Any, Final, Literal, Union, get_args, get_origin

import msgspec

from mcp_server.features.signature import Signature, without_notes
from mcp_server.features.typed import type_schema
from mcp_server.features.validate import Validator

Convert = Callable[[Any], Any]

_SCALARS: Final = (str, bool, types.NoneType)
_PLAIN: Final = (*_SCALARS, Any, dict, list)


def converters(signature: Signature) -> tuple[tuple[str, Convert], ...]:
    """For each parameter whose values cannot be given on as they are, how to make them what is expected."""
    found = ((parameter.name, _converter(parameter.hint)) for parameter in signature.parameters)
    return tuple((name, convert) for name, convert in found if convert is not None)


def copied(value: Any) -> Any:
    """``value`` with dicts and lists of its own: what came from outside is recorded and must not be changed."""
    match value:
        case dict():
            return {key: copied(item) for key, item in value.items()}
        case list():
            return [copied(item) for item in value]
    return value


def _converter(hint: Any) -> Convert | None:
    bare = without_notes(hint)
    if bare is int:
        return _whole
    if bare is float:
        return _real
    if _is_plain(bare):
        return None if _is_scalar(bare) else copied

    def convert(value: Any) -> Any:
        try:
            return msgspec.convert(value, hint)
        except msgspec.ValidationError:
            # 1.0 is an integer to JSON Schema and none to msgspec.
            return msgspec.convert(_wholes(value), hint)

    return convert


def text_converter(hint: Any) -> Convert:
    """What makes a value of type ``hint`` from text, or raises ``ValueError`` with what is wrong with the text."""
    if without_notes(hint) is Any or hint is str:
        return str
    if without_notes(hint) is not str:
        return lambda text: msgspec.convert(text, hint, strict=False)
    validator = Validator(type_schema(hint))  # and not msgspec, whose patterns may take exponential time

    def check(text: str) -> str:
        if not validator.is_valid(text):
            raise ValueError(validator.explain(text, "text"))
        return text

    return check


def _whole(value: Any) -> Any:
    return int(value) if type(value) is float else value


def _real(value: Any) -> Any:
    return float(value) if type(value) is int else value


def _wholes(value: Any) -> Any:
    """``value`` with every float that is whole as an integer."""
    match value:
        case float() if value.is_integer():
            return int(value)
        case dict():
            return {key: _wholes(item) for key, item in value.items()}
        case list():
            return [_wholes(item) for item in value]
    return value


def _is_scalar(hint: Any) -> bool:
    parts = get_args(hint) if get_origin(hint) in (Union, types.UnionType) else (hint,)
    return all(part in (*_SCALARS, int, float) or get_origin(part) is Literal for part in map(without_notes, parts))


def _is_plain(hint: Any) -> bool:
    """Whether any valid value is already what the function expects, just as JSON gave it."""
    hint = without_notes(hint)
    if hint in _PLAIN:
        return True
    arguments = get_args(hint)
    match get_origin(hint):
        case origin if origin in (Union, types.UnionType):
            return all(_is_plain(part) for part in arguments if part not in (int, float)) and (
                (int in arguments) == (float in arguments)
            )
        case origin if origin is Literal:
            return all(isinstance(choice, str | None) for choice in arguments)
        case origin if origin is list:
            return _is_plain(arguments[0])
        case origin if origin is dict:
            return arguments[0] is str and _is_plain(arguments[1])
    return False
