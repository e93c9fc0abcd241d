"""FastMCP with the same tool, in its fastest sensible configuration. Run with a port; see ``mcp_sdk.py``."""

import sys

import uvicorn
from fastmcp import FastMCP

server = FastMCP("bench")


@server.tool
async def echo(text: str) -> str:
    """Say it again."""
    return text


if __name__ == "__main__":
    app = server.http_app(json_response=True, stateless_http=True)
    port = int(sys.argv[1])
    uvicorn.run(
        app, host="127.0.0.1", port=port, loop="uvloop", http="httptools", log_level="warning", access_log=False
    )
