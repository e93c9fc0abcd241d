"""The official Python SDK with the same tool, in its fastest sensible configuration. Run with a port.

That is: stateless, JSON instead of event streams, no access log, uvloop, and uvicorn with httptools. Its own ``run``
takes h11 unless httptools happens to be installed.
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
    app = server.streamable_http_app(json_response=True, stateless_http=True)
    port = int(sys.argv[1])
    uvicorn.run(
        app, host="127.0.0.1", port=port, loop="uvloop", http="httptools", log_level="warning", access_log=False
    )
