"""A server that offers nothing: with it the suite has to fail."""

from mcp_server import MCPServer

server = MCPServer("nothing")
