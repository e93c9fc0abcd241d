"""The server of this project with the same tool, whose results are kept: each call looks into the cache first."""

from mcp_server import MCPServer

server = MCPServer("bench")


@server.tool(read_only=True, cacheable=60.0)
async def echo(text: str) -> str:
    """Say it again."""
    return text
