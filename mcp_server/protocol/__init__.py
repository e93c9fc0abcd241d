"""The protocol as programs see it: single JSON-RPC messages here, what goes beyond them in ``advanced``."""

from mcp_server.protocol.messages import JsonRpcError, JsonRpcRequest, JsonRpcResponse

__all__ = ["JsonRpcError", "JsonRpcRequest", "JsonRpcResponse"]
