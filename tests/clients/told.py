"""What is in a block of content."""

import mcp_types


def explained(block: object) -> str:
    """The text of a block, which has to be one of text."""
    assert isinstance(block, mcp_types.TextContent)
    return block.text
