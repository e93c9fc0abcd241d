"""mcp-rewind: an MCP server that remembers.

Import from here::

    from mcp_server import Context, MCPServer
"""

from importlib.util import find_spec as _find_spec
from pathlib import Path as _Path


def _refuse_strangers() -> None:
    """The other packages of this distribution have generic names: make sure that they are ours.

    Raises:
        ImportError: Something else of that name is found first.
    """
    home = _Path(__file__).resolve().parent.parent
    for name in ("events", "operators", "pipeline", "adapters", "replay"):
        spec = _find_spec(name)
        found = _Path(spec.origin) if spec and spec.origin else None
        places = [_Path(place) for place in (spec.submodule_search_locations or ())] if spec else []
        if found is None or found.resolve() != home / name / "__init__.py":
            stranger = found or (places[0] if places else None)
            where = f"{stranger} is in the way of" if stranger else "nothing is found for"
            remedy = "rename it, or start mcp-rewind from another folder" if stranger else "install mcp-rewind anew"
            # With its name in the error, `python -m` says it in one line; else it shows where it was raised.
            raise ImportError(f"{where} mcp-rewind's own package {name!r}: {remedy}", name=__name__)


_refuse_strangers()

# ruff: noqa: E402 - strangers first
from mcp_server.calls import AskRefused, CallRefused
from mcp_server.context import Context, NoDatabase
from mcp_server.features.asking import Form, Link, Reply, Root, Roots, Sample, Sampled
from mcp_server.features.content import Annotations, Audio, Contents, Embedded, Image, ResourceLink, Text
from mcp_server.features.headers import Header
from mcp_server.features.icons import Icon
from mcp_server.features.prompts import PromptMessage
from mcp_server.features.results import Result, ToolError
from mcp_server.features.server import MCPServer
from mcp_server.features.unusable import Unusable

__all__ = [
    "Annotations",
    "AskRefused",
    "Audio",
    "CallRefused",
    "Contents",
    "Context",
    "Embedded",
    "Form",
    "Header",
    "Icon",
    "Image",
    "Link",
    "MCPServer",
    "NoDatabase",
    "PromptMessage",
    "Reply",
    "ResourceLink",
    "Result",
    "Root",
    "Roots",
    "Sample",
    "Sampled",
    "Text",
    "ToolError",
    "Unusable",
]
__version__ = "0.1.0"
