"""Prompt templates: six that come with the server, those registered in code, and those of a folder.

Import from here::

    from mcp_server.prompts import PromptArgument, PromptTemplate, prompt_registry
"""

from typing import Final

from mcp_server.prompts.builtin import BUILT_IN
from mcp_server.prompts.folder import FileProblem, Loaded, PromptFolder, load_folder
from mcp_server.prompts.handler import PromptHandler
from mcp_server.prompts.registry import PromptRegistry, PromptVersion
from mcp_server.prompts.template import PromptArgument, PromptTemplate, UnusableTemplate
from mcp_server.prompts.watch import FolderWatch, watch_folder

__all__ = [
    "BUILT_IN",
    "FileProblem",
    "FolderWatch",
    "Loaded",
    "PromptArgument",
    "PromptFolder",
    "PromptHandler",
    "PromptRegistry",
    "PromptTemplate",
    "PromptVersion",
    "UnusableTemplate",
    "load_folder",
    "prompt_registry",
    "watch_folder",
]

prompt_registry: Final = PromptRegistry(BUILT_IN)
"""The prompts that this process serves."""
