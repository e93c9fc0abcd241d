"""The model ``template``."""

from mcp_server.protocol.advanced.template.model import TemplateModel

__all__ = ["TemplateModel"]
