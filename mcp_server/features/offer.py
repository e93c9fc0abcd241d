"""All that a server offers, by name."""

from typing import Any

from msgspec import Struct, field

from mcp_server.features.completions import Completion
from mcp_server.features.prompts import Prompt
from mcp_server.features.resources import Resource
from mcp_server.features.tools import Tool
from operators.policy import CacheRule


class Offer(Struct):
    """What was registered, in that order.

    Attributes:
        tools: By name.
        resources: Those with one URI, by that.
        templates: Those with a template, by its text.
        prompts: By name.
        completions: By prompt or template, and argument.
    """

    tools: dict[str, Tool] = field(default_factory=dict)
    resources: dict[str, Resource] = field(default_factory=dict)
    templates: dict[str, Resource] = field(default_factory=dict)
    prompts: dict[str, Prompt] = field(default_factory=dict)
    completions: dict[tuple[str, str], Completion] = field(default_factory=dict)

    def copy(self) -> "Offer":
        """The same at this moment; what is registered later is not in it."""
        return Offer(
            dict(self.tools), dict(self.resources), dict(self.templates), dict(self.prompts), dict(self.completions)
        )

    def capabilities(self) -> dict[str, Any]:
        """What clients may ask for: only what there is."""
        found = {
            "tools": self.tools,
            "resources": self.resources or self.templates,
            "prompts": self.prompts,
            "completions": self.completions or any(any(prompt.choices.values()) for prompt in self.prompts.values()),
        }
        return {"logging": {}} | {name: {} for name, there in found.items() if there}

    def cache_rules(self) -> tuple[CacheRule, ...]:
        """What may be answered from a cache: what is marked so. A list is made in less time than a cache is asked."""
        marked = [("tools/call", name, tool.options) for name, tool in self.tools.items()]
        marked_resources = [("resources/read", uri, resource.options) for uri, resource in self.resources.items()]
        return tuple(_rule(*entry) for entry in (*marked, *marked_resources) if "cacheable" in entry[2])


def _rule(method: str, name: str, options: Any) -> CacheRule:
    return CacheRule(method, name, float(options["cacheable"]), options.get("public", False))
