"""A JSON Schema of the file of settings, for editors."""

from inspect import cleandoc
from typing import Any, Final

import msgspec

from mcp_server.config.given import Given
from mcp_server.config.names import ALIASES
from mcp_server.config.settings import CompletionModel
from operators.access import AccessRule
from operators.policy import Limit

LISTS: Final[dict[str, type[msgspec.Struct]]] = {
    "access": AccessRule,
    "limits": Limit,
    "completion_models": CompletionModel,
}
"""Settings that are lists of objects, and what these are."""

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"


def file_schema() -> dict[str, Any]:
    """What a file of settings may hold."""
    schema = Given.model_json_schema()
    properties = schema["properties"]
    items, parts = msgspec.json.schema_components(LISTS.values(), ref_template="#/$defs/{name}")
    for kind in LISTS.values():
        parts[kind.__name__]["additionalProperties"] = False
    for part in parts.values():
        if "description" in part:  # Python 3.13 takes the indentation off docstrings, those before it do not
            part["description"] = cleandoc(part["description"])
    schema["$defs"].update(msgspec.to_builtins(parts))
    for name, item in zip(LISTS, items, strict=True):
        properties[name] |= {"type": "array", "items": item}
    for alias, name in ALIASES.items():
        properties[alias] = {**properties[name], "description": f"Another name of `{name}`."}
    properties["$schema"] = {"type": "string", "description": "Where this schema is, for editors."}
    schema["description"] = "Settings of a mcp-rewind server."
    return {"$schema": DIALECT, **schema}
