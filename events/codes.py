"""The JSON-RPC error codes that this server sends, in one table with their sources.

Codes from -32000 to -32019 are legacy and left alone; -32020 to -32099 belong to the MCP specification; our own
stand outside -32768..-32000, as JSON-RPC 2.0 section 5.1 asks.
"""

from typing import Final

PARSE_ERROR: Final = -32700  # JSON-RPC 2.0, 5.1
INVALID_REQUEST: Final = -32600  # JSON-RPC 2.0, 5.1
METHOD_NOT_FOUND: Final = -32601  # JSON-RPC 2.0, 5.1
INVALID_PARAMS: Final = -32602  # JSON-RPC 2.0, 5.1
INTERNAL_ERROR: Final = -32603  # JSON-RPC 2.0, 5.1

RESOURCE_NOT_FOUND: Final = -32002  # MCP 2025-11-25, server/resources; never sent in 2026-07-28
HEADER_MISMATCH: Final = -32020  # MCP 2026-07-28, basic/transports
MISSING_CAPABILITY: Final = -32021  # MCP 2026-07-28, basic
UNSUPPORTED_VERSION: Final = -32022  # MCP 2026-07-28, basic

OVERLOADED: Final = -31001  # ours: the server is full; data.retryAfter is in seconds
RATE_LIMITED: Final = -31002  # ours: a limit is used up; data names it
UNAUTHORIZED: Final = -31003  # ours: the policy refuses this caller
LOG_FAILED: Final = -31004  # ours: it could not be recorded, so it was not done
ABORTED: Final = -31005  # ours: the server stopped before the call was over
TIMED_OUT: Final = -31006  # ours: the call took longer than the server allows

NAMES: Final[dict[int, str]] = {
    PARSE_ERROR: "parse error",
    INVALID_REQUEST: "invalid request",
    METHOD_NOT_FOUND: "method not found",
    INVALID_PARAMS: "invalid params",
    INTERNAL_ERROR: "internal error",
    RESOURCE_NOT_FOUND: "resource not found",
    HEADER_MISMATCH: "header mismatch",
    MISSING_CAPABILITY: "missing client capability",
    UNSUPPORTED_VERSION: "unsupported protocol version",
    OVERLOADED: "overloaded",
    RATE_LIMITED: "rate limited",
    UNAUTHORIZED: "unauthorized",
    LOG_FAILED: "log failed",
    ABORTED: "aborted",
    TIMED_OUT: "timed out",
}
