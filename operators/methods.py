"""The requests that each era knows (MCP 2025-11-25 and 2026-07-28, schema)."""

from typing import Final

BOTH: Final = frozenset(
    {
        "tools/list",
        "tools/call",
        "resources/list",
        "resources/templates/list",
        "resources/read",
        "prompts/list",
        "prompts/get",
        "completion/complete",
    }
)

SUBSCRIBE: Final = "resources/subscribe"
UNSUBSCRIBE: Final = "resources/unsubscribe"
LISTEN: Final = "subscriptions/listen"

LEGACY_METHODS: Final = BOTH | {"initialize", "ping", "logging/setLevel", SUBSCRIBE, UNSUBSCRIBE}
MODERN_METHODS: Final = BOTH | {"server/discover", LISTEN}

BATCH: Final = "batch"
STREAM: Final = "stream/start"

EXTENSIONS: Final = frozenset(
    {
        "prompts/search",
        "completion/generate",
        STREAM,
        "stream/resume",
        BATCH,
        "health/check",
        "server/status",
        "metrics/get",
    }
)
"""Requests that this server knows besides, in both eras; its policy says which of them it takes."""

NAMED: Final = frozenset({"tools/call", "prompts/get", "resources/read"})
"""The requests whose ``params.name`` or ``params.uri`` is repeated in the ``Mcp-Name`` header."""

LOG_LEVELS: Final = ("debug", "info", "notice", "warning", "error", "critical", "alert", "emergency")
"""RFC 5424 severities, least severe first."""
