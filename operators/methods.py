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

TASK_GET: Final = "tasks/get"
TASK_UPDATE: Final = "tasks/update"
TASK_CANCEL: Final = "tasks/cancel"
TASKS: Final = frozenset({TASK_GET, TASK_UPDATE, TASK_CANCEL})
"""What is asked about a task; ``params.taskId`` names it (MCP extension tasks)."""

LEGACY_METHODS: Final = BOTH | {"initialize", "ping", "logging/setLevel", SUBSCRIBE, UNSUBSCRIBE}
MODERN_METHODS: Final = BOTH | TASKS | {"server/discover", LISTEN}

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

NAMED: Final = frozenset({"tools/call", "prompts/get", "resources/read"}) | TASKS
"""The requests whose ``params.name``, ``params.uri`` or ``params.taskId`` is repeated in the ``Mcp-Name`` header."""

LOG_LEVELS: Final = ("debug", "info", "notice", "warning", "error", "critical", "alert", "emergency")
"""RFC 5424 severities, least severe first."""
