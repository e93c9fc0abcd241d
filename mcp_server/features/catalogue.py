"""All that a server offers, and the answer to every request for it."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from events.codes import METHOD_NOT_FOUND
from mcp_server.calls import Answer, Call, CallRefused, Teller
from mcp_server.features.envelope import Envelope, Identity
from mcp_server.features.pages import Pages
from mcp_server.features.refusals import text_param, unknown
from mcp_server.features.tools import Tool
from operators.policy import CacheRule
from operators.versions import LEGACY, MODERN

Handler = Callable[[Call, Teller], Awaitable[Answer]]


class Catalogue:
    """What a server offers, fixed at the moment it is made."""

    def __init__(
        self, identity: Identity, envelope: Envelope, tools: Mapping[str, Tool], page_size: int, list_ttl: float
    ) -> None:
        self._identity = identity
        self._envelope = envelope
        self._tools = dict(tools)
        self._list_ttl = list_ttl
        self._handlers: dict[str, Handler] = {
            "tools/call": self._call_tool,
            "tools/list": self._list,
            "initialize": self._initialize,
            "server/discover": self._discover,
        }
        self._pages = {
            (method, version): Pages(member, entries(version), page_size, self._fresh(version))
            for version in (*MODERN, *LEGACY)
            for method, member, entries in (("tools/list", "tools", self._tool_entries),)
        }

    async def answer(self, call: Call, teller: Teller) -> Answer:
        """Carry out a request.

        Raises:
            CallRefused: It ends with a JSON-RPC error. Any other exception is an internal error.
        """
        handler = self._handlers.get(call.method)
        if handler is None:
            raise CallRefused(METHOD_NOT_FOUND, f"unknown method: {call.method}")
        return await handler(call, teller)

    def cache_rules(self) -> tuple[CacheRule, ...]:
        """What may be answered from the cache."""
        return tuple(
            CacheRule("tools/call", name, tool.options["cacheable"], tool.options.get("public", False))
            for name, tool in self._tools.items()
            if "cacheable" in tool.options
        )

    def is_read_only(self, method: str, name: str) -> bool:
        """Whether the request acts on nothing: everything but a tool that does not say so of itself."""
        if method != "tools/call":
            return True
        tool = self._tools.get(name)
        return tool is not None and tool.options.get("read_only", False)

    def is_idempotent(self, method: str, name: str) -> bool:
        """Whether doing it twice is no more than doing it once."""
        tool = self._tools.get(name) if method == "tools/call" else None
        return self.is_read_only(method, name) or (tool is not None and tool.options.get("idempotent", False))

    async def _call_tool(self, call: Call, teller: Teller) -> Answer:
        name = call.params.get("name")
        tool = self._tools.get(name) if type(name) is str else None
        if tool is None:
            raise unknown("tool", text_param(call.params, "name"), self._tools)
        return await tool.call(call, teller)

    async def _list(self, call: Call, _teller: Teller) -> Answer:
        return Answer(self._pages[call.method, call.version].page(call.params))

    def _tool_entries(self, version: str) -> list[dict[str, Any]]:
        return [tool.listing(version) for tool in self._tools.values()]

    def _fresh(self, version: str) -> bytes:
        if version not in MODERN:
            return self._envelope.end(version)
        return b',"ttlMs":%d,"cacheScope":"public"%b' % (self._list_ttl * 1000, self._envelope.end(version))

    def _capabilities(self) -> dict[str, Any]:
        capabilities: dict[str, Any] = {"logging": {}}
        if self._tools:
            capabilities["tools"] = {}
        return capabilities

    async def _initialize(self, call: Call, _teller: Teller) -> Answer:
        members: dict[str, Any] = {
            "protocolVersion": call.version,
            "capabilities": self._capabilities(),
            "serverInfo": self._identity.info(),
        }
        if self._identity.instructions is not None:
            members["instructions"] = self._identity.instructions
        return Answer(self._envelope.wrap(members, call.version))

    async def _discover(self, call: Call, _teller: Teller) -> Answer:
        members: dict[str, Any] = {"supportedVersions": list(MODERN), "capabilities": self._capabilities()}
        if self._identity.instructions is not None:
            members["instructions"] = self._identity.instructions
        members |= {"ttlMs": int(self._list_ttl * 1000), "cacheScope": "public"}
        return Answer(self._envelope.wrap(members, call.version))
