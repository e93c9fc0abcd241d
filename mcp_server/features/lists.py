"""The four lists, in every version."""

from collections.abc import Callable
from typing import Any, Final

from mcp_server.features.envelope import Envelope
from mcp_server.features.offer import Offer
from mcp_server.features.pages import Pages
from operators.versions import LEGACY, MODERN

Entries = Callable[[Offer, str], list[dict[str, Any]]]


def _tools(offer: Offer, version: str) -> list[dict[str, Any]]:
    return [tool.listing(version) for tool in offer.tools.values()]


def _resources(offer: Offer, _version: str) -> list[dict[str, Any]]:
    return [resource.listing() for resource in offer.resources.values()]


def _templates(offer: Offer, _version: str) -> list[dict[str, Any]]:
    return [template.listing() for template in offer.templates.values()]


def _prompts(offer: Offer, _version: str) -> list[dict[str, Any]]:
    return [prompt.listing() for prompt in offer.prompts.values()]


LISTS: Final[dict[str, tuple[str, Entries]]] = {
    "tools/list": ("tools", _tools),
    "resources/list": ("resources", _resources),
    "resources/templates/list": ("resourceTemplates", _templates),
    "prompts/list": ("prompts", _prompts),
}
"""Each method with the member of its result that holds the entries, and where those come from."""


def make_lists(offer: Offer, envelope: Envelope, page_size: int, ttl: float) -> dict[tuple[str, str], Pages]:
    """Every list in every version, by method and version. ``ttl`` is in seconds."""
    return {
        (method, version): Pages(member, entries(offer, version), page_size, list_end(envelope, ttl, version))
        for version in (*MODERN, *LEGACY)
        for method, (member, entries) in LISTS.items()
    }


def list_end(envelope: Envelope, ttl: float, version: str) -> bytes:
    """How a list ends: modern clients are told for how long they may keep it, ``ttl`` in seconds."""
    fresh = b',"ttlMs":%d,"cacheScope":"public"' % (ttl * 1000) if version in MODERN else b""
    return fresh + envelope.end(version)
