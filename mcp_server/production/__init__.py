"""Logging, health, metrics and middleware for servers that people rely on."""

from mcp_server.production.logger import ProductionLogger, production_logger

__all__ = ["ProductionLogger", "production_logger"]
