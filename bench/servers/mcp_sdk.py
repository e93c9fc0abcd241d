"""The official Python SDK with the same tool.

Run with a port and how: ``as-documented`` is what its documentation starts, ``h11`` and ``httptools`` are faster: JSON
answers, uvloop, no access log, and that HTTP parser of uvicorn's (the SDK installs h11; httptools is an extra).
"""

import sys

import uvicorn
from mcp.server.mcpserver import MCPServer

AS_DOCUMENTED = "as-documented"
port, how = int(sys.argv[1]), sys.argv[2]
server = MCPServer("bench") if how == AS_DOCUMENTED else MCPServer("bench", log_level="WARNING")


@server.tool()
async def echo(text: str) -> str:
    """Say it again."""
    return text


if how == AS_DOCUMENTED:
    server.run("streamable-http", host="127.0.0.1", port=port)
else:
    app = server.streamable_http_app(json_response=True)
    uvicorn.run(app, host="127.0.0.1", port=port, loop="uvloop", http=how, log_level="warning", access_log=False)
