"""FastMCP with the same tool, in its fastest configuration; see ``mcp_sdk.py``. Run with a port and an HTTP parser."""

import sys

import uvicorn
from fastmcp import FastMCP

server = FastMCP("bench")


@server.tool
async def echo(text: str) -> str:
    """Say it again."""
    return text


if __name__ == "__main__":
    app = server.http_app(json_response=True)
    port, parser = int(sys.argv[1]), sys.argv[2]
    uvicorn.run(app, host="127.0.0.1", port=port, loop="uvloop", http=parser, log_level="warning", access_log=False)
