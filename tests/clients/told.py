"""What the built-in server tells its clients."""

from typing import Final

import mcp_types

from mcp_server.prompts import BUILT_IN

PROMPTS: Final = ["explain_session", "summarise", *sorted(template.name for template in BUILT_IN)]
"""Its prompts, in order."""


def explained(block: object) -> str:
    """The text of a block, which has to be one of text."""
    assert isinstance(block, mcp_types.TextContent)
    return block.text
