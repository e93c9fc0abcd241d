"""``mcp-rewind audit``."""

from typing import Any


def add(commands: Any) -> None:
    """Add the command to the others."""
    commands.add_parser("audit", help="")
