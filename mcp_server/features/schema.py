"""The JSON Schema of what a function takes."""

from typing import Any

import msgspec

from mcp_server.features.signature import Parameter, Signature
from mcp_server.features.typed import Schema, check_type, type_schema
from mcp_server.features.unusable import Unusable


def input_schema(signature: Signature) -> Schema:
    """The schema of the arguments: an object with one property for each parameter, and no others.

    Raises:
        Unusable: A parameter's type has no JSON form.
    """
    if signature.open:
        raise Unusable("**arguments can be anything; give an input_schema")
    fields: list[Any] = []
    for parameter in signature.parameters:
        check_type(parameter.hint, f"the parameter {parameter.name}")
        hint = parameter.hint
        fields.append((parameter.name, hint) if parameter.required else (parameter.name, hint, _field(parameter)))
    arguments = msgspec.defstruct("arguments", fields, kw_only=True, forbid_unknown_fields=True)
    schema = type_schema(arguments)
    schema.pop("title")
    for parameter in signature.parameters:
        declared = schema["properties"][parameter.name]
        if parameter.description:
            declared.setdefault("description", parameter.description)
        if not parameter.required:
            _declare_default(declared, parameter.default)
    return schema


def _field(parameter: Parameter) -> Any:
    # A factory, because msgspec refuses defaults that could be changed; the function's own default is what counts.
    return msgspec.field(default_factory=lambda: parameter.default)


def _declare_default(declared: Schema, default: Any) -> None:
    try:
        declared["default"] = msgspec.to_builtins(default)
    except (TypeError, ValueError):
        declared.pop("default", None)  # a default that clients cannot write is not for their eyes
