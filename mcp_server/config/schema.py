"""A JSON Schema of the file of settings, for editors."""

from typing import Any, Final

import msgspec

from mcp_server.config.given import Given
from mcp_server.config.names import ALIASES
from operators.policy import Limit

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"


def file_schema() -> dict[str, Any]:
    """What a file of settings may hold."""
    schema = Given.model_json_schema()
    (limit,), parts = msgspec.json.schema_components([Limit], ref_template="#/$defs/{name}")
    schema["$defs"].update(msgspec.to_builtins(parts))
    properties = schema["properties"]
    properties["limits"] |= {"type": "array", "items": limit}
    for alias, name in ALIASES.items():
        properties[alias] = {**properties[name], "description": f"Another name of `{name}`."}
    properties["$schema"] = {"type": "string", "description": "Where this schema is, for editors."}
    schema["description"] = "Settings of a mcp-rewind server."
    return {"$schema": DIALECT, **schema}
