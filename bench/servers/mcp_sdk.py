"""The official Python SDK with the same tool, in its fastest configuration: JSON answers and no access log.

Run with a port and uvicorn's HTTP parser. The SDK installs uvicorn with h11; httptools is faster and an extra.
"""

import sys

import uvicorn
from mcp.server.mcpserver import MCPServer

server = MCPServer("bench", log_level="WARNING")


@server.tool()
async def echo(text: str) -> str:
    """Say it again."""
    return text


if __name__ == "__main__":
    app = server.streamable_http_app(json_response=True)
    port, parser = int(sys.argv[1]), sys.argv[2]
    uvicorn.run(app, host="127.0.0.1", port=port, loop="uvloop", http=parser, log_level="warning", access_log=False)
