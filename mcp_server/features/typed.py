"""The JSON Schema of a type."""

from typing import Any, Final

import msgspec
import orjson

from mcp_server.features.unusable import Unusable

Schema = dict[str, Any]
_INTEGER: Final = {"type": "integer"}
_NUMBER: Final = {"type": "number"}
_VALUES: Final = frozenset({"default", "enum", "const", "examples"})  # keywords that hold values, not schemas
_REF: Final = "#/$defs/{name}"


def type_schema(hint: Any) -> Schema:
    """The schema of a type, its root written out."""
    (root,), named = msgspec.json.schema_components((hint,), ref_template=_REF)
    root = dict(root)
    if reference := root.pop("$ref", None):
        name = reference.rpartition("/")[2]
        root = {**named.pop(name), **root}
        if _refers(root, name) or any(_refers(other, name) for other in named.values()):
            named[name] = dict(root)
    if named:
        root["$defs"] = named
    return _simplified(root)  # type: ignore[no-any-return]  # what goes in as a dict comes out as one


def _simplified(schema: Any) -> Any:
    """``int | float`` as the ``number`` that it is."""
    match schema:
        case {"anyOf": [*choices]} if _INTEGER in choices and _NUMBER in choices:
            left = [_simplified(choice) for choice in choices if choice != _INTEGER]
            rest = {key: _simplified(value) for key, value in schema.items() if key != "anyOf"}
            return {**left[0], **rest} if len(left) == 1 else {"anyOf": left, **rest}
        case dict():
            return {key: value if key in _VALUES else _simplified(value) for key, value in schema.items()}
        case list():
            return [_simplified(item) for item in schema]
    return schema


def check_type(hint: Any, what: str) -> None:
    """Make sure that values of this type can be read from JSON.

    Raises:
        Unusable: They cannot.
    """
    try:
        msgspec.json.schema(hint)
        msgspec.json.Decoder(hint)
    except (TypeError, ValueError, NameError) as error:
        raise Unusable(f"{what} has a type without a JSON form: {str(error).splitlines()[-1]}") from error


def _refers(schema: Schema, name: str) -> bool:
    return orjson.dumps({"$ref": _REF.format(name=name)})[1:-1] in orjson.dumps(schema)
