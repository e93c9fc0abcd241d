"""What the server can do beyond single calls: completions, streams and batches."""

from mcp_server.protocol.advanced.batch import BatchProcessor, BatchRequest, BatchResponse
from mcp_server.protocol.advanced.engine import CompletionEngine
from mcp_server.protocol.advanced.model import Model, ModelFailed
from mcp_server.protocol.advanced.openai_model import OpenAIModel
from mcp_server.protocol.advanced.request import CompletionRequest
from mcp_server.protocol.advanced.response import Choice, CompletionResponse, Delta, Usage
from mcp_server.protocol.advanced.sampling import SamplingConfig
from mcp_server.protocol.advanced.stream import StreamChunk
from mcp_server.protocol.advanced.streaming import StreamEnd, StreamingManager
from mcp_server.protocol.invalid import InvalidRequest
from mcp_server.protocol.messages import JsonRpcError, JsonRpcRequest, JsonRpcResponse

__all__ = [
    "BatchProcessor",
    "BatchRequest",
    "BatchResponse",
    "Choice",
    "CompletionEngine",
    "CompletionRequest",
    "CompletionResponse",
    "Delta",
    "InvalidRequest",
    "JsonRpcError",
    "JsonRpcRequest",
    "JsonRpcResponse",
    "Model",
    "ModelFailed",
    "OpenAIModel",
    "SamplingConfig",
    "StreamChunk",
    "StreamEnd",
    "StreamingManager",
    "Usage",
]
