"""Log lines as JSON: what happened, never what was in it."""

from mcp_server.production.log_setup import configure

__all__ = ["configure"]
