"""The prompts of a registry beside those of a server: listed, searched and filled in as one."""

from collections import OrderedDict
from typing import Any, Final

from mcp_server.calls import Answer, Call, Teller
from mcp_server.extensions.extended import Handler
from mcp_server.features.catalogue import Catalogue
from mcp_server.features.completions import completion, read_request, starting_with
from mcp_server.features.pages import Pages
from mcp_server.features.refusals import text_param, unknown
from mcp_server.prompts import PromptHandler, PromptRegistry

_LISTS: Final = 64
"""Lists that are kept encoded: one for each filter and version that is asked for."""


class ServedPrompts:
    """Answers what is asked about prompts. A prompt of the server comes before one of the registry with its name."""

    def __init__(self, catalogue: Catalogue, registry: PromptRegistry) -> None:
        self._catalogue = catalogue
        self._registry = registry
        self._handler = PromptHandler(registry)
        self._found: tuple[int, dict[str, dict[str, Any]]] = (-1, {})
        self._lists: OrderedDict[tuple[Any, ...], Pages] = OrderedDict()
        catalogue.capabilities.setdefault("prompts", {"listChanged": True})

    @property
    def _own(self) -> dict[str, dict[str, Any]]:
        """The prompts of the server, as the list shows them."""
        revision, found = self._found
        if revision != self._catalogue.revision:
            found = {entry["name"]: entry for entry in self._catalogue.prompts()}
            self._found = (self._catalogue.revision, found)
        return found

    def handlers(self) -> dict[str, Handler]:
        """The methods that are answered here."""
        return {
            "prompts/list": self._list,
            "prompts/get": self._get,
            "prompts/search": self._search,
            "completion/complete": self._complete,
        }

    async def _list(self, call: Call, _teller: Teller) -> Answer:
        asked: dict[str, Any] = {key: call.params[key] for key in ("category", "tag") if key in call.params}
        entries = await self._handler.list(asked)
        key = (self._registry.revision, self._catalogue.revision, call.version, *asked.items())
        pages = self._lists.get(key)
        if pages is None:
            shown = [entry for entry in entries if entry["name"] not in self._own]
            whole = shown if asked else [*self._own.values(), *shown]  # only the registry's have a category
            pages = Pages("prompts", whole, self._catalogue.page_size, self._catalogue.list_end(call.version))
            self._lists[key] = pages
            while len(self._lists) > _LISTS:
                self._lists.popitem(last=False)
        return Answer(pages.page(call))

    async def _get(self, call: Call, teller: Teller) -> Answer:
        name = text_param(call.params, "name")
        if name in self._own:
            return await self._catalogue.answer(call, teller)
        if name not in self._registry:
            raise unknown("prompt", name, [*self._own, *(kept.template.name for kept in self._registry.list_prompts())])
        return self._catalogue.result(await self._handler.get(call.params), call.version)

    async def _search(self, call: Call, _teller: Teller) -> Answer:
        found = await self._handler.search(call.params)
        return self._catalogue.result(
            {"prompts": [each for each in found if each["name"] not in self._own]}, call.version
        )

    async def _complete(self, call: Call, teller: Teller) -> Answer:
        kind, name, argument, typed, _ = read_request(call.params)
        if kind != "ref/prompt" or name in self._own or name not in self._registry:
            return await self._catalogue.answer(call, teller)
        choices = self._handler.choices(name)
        if argument not in choices:
            raise unknown(f"argument of {name}", argument, choices)
        return self._catalogue.result({"completion": completion(starting_with(typed, choices[argument]))}, call.version)
