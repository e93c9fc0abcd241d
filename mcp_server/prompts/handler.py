"""The answers to ``prompts/list``, ``prompts/get`` and ``prompts/search``."""

from typing import Any, Final, TypeAlias

from events.codes import INVALID_PARAMS
from mcp_server.calls import CallRefused
from mcp_server.features.refusals import text_param
from mcp_server.prompts.registry import PromptRegistry
from mcp_server.prompts.rendering import render
from mcp_server.prompts.search import QUERY_LIMIT

Params: TypeAlias = dict[str, Any]
Entries: TypeAlias = list[dict[str, Any]]
Choices: TypeAlias = dict[str, list[str]]

_LIMIT: Final = 20
_MOST: Final = 100


class PromptHandler:
    """Answers requests for the prompts of a registry. What comes back is plain JSON; errors are ``CallRefused``."""

    def __init__(self, registry: PromptRegistry) -> None:
        self._registry = registry

    async def list(self, params: Params) -> Entries:
        """Every prompt as MCP lists it, by name; only those of ``params.category`` and with ``params.tag`` if given.

        Raises:
            CallRefused: One of the two is no string.
        """
        category, tag = (text_param(params, key) if key in params else None for key in ("category", "tag"))
        return [template.listing(version) for version, template in self._registry.list_prompts(category, tag)]

    async def get(self, params: Params) -> dict[str, Any]:
        """A prompt filled in: MCP's ``GetPromptResult``. ``params.version`` asks for an earlier version.

        Raises:
            CallRefused: There is no such prompt or version, or the arguments are not those of the prompt.
        """
        version = _count(params, "version") if "version" in params else None
        _, template = self._registry.get_prompt(text_param(params, "name"), version)
        given = params.get("arguments")
        text = render(template, {} if given is None else given)
        messages = [{"role": "user", "content": {"type": "text", "text": text}}]
        return ({"description": template.description} if template.description else {}) | {"messages": messages}

    async def search(self, params: Params) -> Entries:
        """Prompts with any word of ``params.query`` as MCP lists them, the best first; at most ``params.limit``.

        Raises:
            CallRefused: There is no query, it is too long, or the limit is no count from 1 to 100.
        """
        query = text_param(params, "query")
        if len(query) > QUERY_LIMIT:
            raise CallRefused(INVALID_PARAMS, f"params.query may have at most {QUERY_LIMIT} characters")
        limit = _count(params, "limit", _MOST) if "limit" in params else _LIMIT
        return [template.listing(version) for version, template in self._registry.search_prompts(query, limit)]

    def choices(self, name: str) -> Choices:
        """The arguments of a prompt, each with what it could be, for ``completion/complete``.

        Raises:
            CallRefused: There is no such prompt.
        """
        _, template = self._registry.get_prompt(name)
        return {argument.name: list(argument.suggestions) for argument in template.arguments}


def _count(params: Params, key: str, most: int | None = None) -> int:
    value = params[key]
    if type(value) is not int or value < 1 or (most is not None and value > most):
        bound = f"from 1 to {most}" if most is not None else "of 1 or more"
        raise CallRefused(INVALID_PARAMS, f"params.{key} must be an integer {bound}")
    return value
