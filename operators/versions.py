"""The protocol versions that are served, and which era each belongs to."""

from typing import Final

MODERN: Final = ("2026-07-28",)
"""Stateless: every request carries its own metadata."""

LEGACY: Final = ("2025-11-25", "2025-06-18", "2025-03-26", "2024-11-05")
"""With a handshake, newest first."""

LATEST_LEGACY: Final = LEGACY[0]

META_VERSION: Final = "io.modelcontextprotocol/protocolVersion"
META_CAPABILITIES: Final = "io.modelcontextprotocol/clientCapabilities"
META_CLIENT: Final = "io.modelcontextprotocol/clientInfo"
META_LOG_LEVEL: Final = "io.modelcontextprotocol/logLevel"
META_SERVER: Final = "io.modelcontextprotocol/serverInfo"
