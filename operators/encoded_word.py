"""How a header carries what is no plain ASCII (MCP 2026-07-28, basic/transports)."""

import base64
import binascii


def plain(value: str) -> str | None:
    """A header's value without its encoding; None when it is badly encoded."""
    if not (value.startswith("=?base64?") and value.endswith("?=") and len(value) >= 11):
        return value
    try:
        return base64.b64decode(value[9:-2], validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        return None
