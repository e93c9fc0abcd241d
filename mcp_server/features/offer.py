"""All that a server offers, by name."""

from collections.abc import Callable
from typing import Any, Final, Literal, TypeAlias, get_args
from weakref import WeakMethod, WeakSet

from mcp_server.features.completions import Completion
from mcp_server.features.prompts import Prompt
from mcp_server.features.resources import Resource
from mcp_server.features.tools import Tool
from mcp_server.features.unusable import Unusable
from operators.param_headers import ParamHeader
from operators.policy import CacheRule

Kind: TypeAlias = Literal["tools", "resources", "templates", "prompts", "completions"]

_LISTED: Final[dict[Kind, str]] = {
    "tools": "tools",
    "resources": "resources",
    "templates": "resources",
    "prompts": "prompts",
}
"""What of it stands in a list, and what that list is called when it changes."""


class Offer:
    """What was registered, in that order. It may change while a server runs, also from another thread.

    Attributes:
        tools: By name.
        resources: Those with one URI, by that.
        templates: Those with a template, by its text.
        prompts: By name.
        completions: By prompt or template, and argument.
        revision: Grows with every change.
    """

    def __init__(self) -> None:
        self.tools: dict[str, Tool] = {}
        self.resources: dict[str, Resource] = {}
        self.templates: dict[str, Resource] = {}
        self.prompts: dict[str, Prompt] = {}
        self.completions: dict[tuple[str, str], Completion] = {}
        self.revision = 0
        self._followers: list[WeakMethod[Callable[[str], None]]] = []
        self._copies: WeakSet[Offer] = WeakSet()

    def add(self, kind: Kind, key: Any, value: Any) -> None:
        """Offer something more.

        Raises:
            Unusable: The key is taken.
        """
        found = getattr(self, kind)
        if key in found:
            raise Unusable(f"there is a {kind.removesuffix('s')} {key} already")
        found[key] = value
        self._changed(kind)
        for each in self._copies:
            if key not in getattr(each, kind):
                each.add(kind, key, value)

    def remove(self, kind: Kind, key: Any) -> None:
        """Offer something no more.

        Raises:
            KeyError: It was not offered.
        """
        value = getattr(self, kind).pop(key)
        self._changed(kind)
        for each in self._copies:
            if getattr(each, kind).get(key) is value:
                each.remove(kind, key)

    def follow(self, follower: Callable[[str], None]) -> None:
        """Have a method called with the name of each list that changes, in whatever thread, while its object lives."""
        self._followers.append(WeakMethod(follower))

    def copy(self) -> "Offer":
        """The same at this moment. What is added here later is added there, too, and not the other way round."""
        other = Offer()
        for kind in get_args(Kind):
            getattr(other, kind).update(getattr(self, kind))
        self._copies.add(other)
        return other

    def become(self, other: "Offer") -> None:
        """Offer what ``other`` offers."""
        for kind in get_args(Kind):
            found = getattr(self, kind)
            found.clear()
            found.update(getattr(other, kind))
        self.revision += 1

    def _changed(self, kind: Kind) -> None:
        self.revision += 1
        self._followers = [each for each in self._followers if each() is not None]
        for each in self._followers if kind in _LISTED else ():
            if (follower := each()) is not None:
                follower(_LISTED[kind])

    def capabilities(self) -> dict[str, Any]:
        """What clients may ask for: only what there is."""
        found = {
            "tools": self.tools,
            "resources": self.resources or self.templates,
            "prompts": self.prompts,
            "completions": self.completions or any(any(prompt.choices.values()) for prompt in self.prompts.values()),
        }
        listed = set(_LISTED.values())
        return {"logging": {}} | {
            name: {"listChanged": True} if name in listed else {} for name, there in found.items() if there
        }

    def cache_rules(self) -> tuple[CacheRule, ...]:
        """What may be answered from a cache: what is marked so. A list is made in less time than a cache is asked."""
        marked = [("tools/call", name, tool.options) for name, tool in self.tools.items()]
        marked_resources = [("resources/read", uri, resource.options) for uri, resource in self.resources.items()]
        return tuple(_rule(*entry) for entry in (*marked, *marked_resources) if "cacheable" in entry[2])

    def headers(self) -> tuple[ParamHeader, ...]:
        """The headers that repeat arguments of tools."""
        return tuple(each for tool in self.tools.values() for each in tool.headers)


def _rule(method: str, name: str, options: Any) -> CacheRule:
    return CacheRule(method, name, float(options["cacheable"]), options.get("public", False))
