"""Which clients know tasks (MCP extension ``io.modelcontextprotocol/tasks``, SEP-2663)."""

from typing import Any, Final

from operators.versions import META_CAPABILITIES

EXTENSION: Final = "io.modelcontextprotocol/tasks"

MISSING: Final[dict[str, Any]] = {"requiredCapabilities": {"extensions": {EXTENSION: {}}}}
"""What a refused client would have to declare."""


def knows_tasks(params: dict[str, Any]) -> bool:
    """Whether the client says with this request that it knows tasks."""
    meta = params.get("_meta")
    able = meta.get(META_CAPABILITIES) if isinstance(meta, dict) else None
    extensions = able.get("extensions") if isinstance(able, dict) else None
    return isinstance(extensions, dict) and isinstance(extensions.get(EXTENSION), dict)
