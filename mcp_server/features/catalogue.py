"""All that a server offers, and the answer to every request for it."""

from collections.abc import Callable, Coroutine
from typing import Any

from events.codes import INVALID_PARAMS, METHOD_NOT_FOUND
from mcp_server.calls import Answer, Call, CallRefused, Teller
from mcp_server.features.asking import Question
from mcp_server.features.completions import completion, read_request, starting_with
from mcp_server.features.envelope import Envelope, Identity
from mcp_server.features.lists import LISTS, list_end, make_lists
from mcp_server.features.offer import Offer
from mcp_server.features.pages import Pages
from mcp_server.features.refusals import text_param, unknown
from mcp_server.features.resources import not_found
from mcp_server.features.rounds import InputNeeded, input_required
from mcp_server.features.typed import Schema
from mcp_server.features.validate import clip
from operators.param_headers import ParamHeader
from operators.policy import CacheRule
from operators.versions import MODERN

Handler = Callable[[Call, Teller], Coroutine[Any, Any, Answer]]


class Catalogue:
    """What a server offers, as it is when it is asked for.

    Attributes:
        capabilities: What it tells clients that they may ask for.
        page_size: Entries of a list that are sent at once.
        subscribable: Whether clients of sessions may follow resources: somebody tells of their changes.
    """

    def __init__(self, identity: Identity, envelope: Envelope, offer: Offer, page_size: int, list_ttl: float) -> None:
        """``page_size`` is in entries, ``list_ttl`` in seconds."""
        self._identity = identity
        self._envelope = envelope
        self._offer = offer
        self._tools = offer.tools
        self._list_ttl = list_ttl
        self.page_size = page_size
        self.subscribable = False
        self.capabilities = self._offer.capabilities()
        self._lists: dict[tuple[str, str], Pages] = {}
        self._listed = -1
        self._handlers: dict[str, Handler] = {
            "tools/call": self._call_tool,
            "resources/read": self._read_resource,
            "prompts/get": self._get_prompt,
            "completion/complete": self._complete,
            "initialize": self._initialize,
            "server/discover": self._discover,
            **dict.fromkeys(LISTS, self._list),
        }

    def answer(self, call: Call, teller: Teller) -> Coroutine[Any, Any, Answer]:
        """Carry out a request.

        Raises:
            CallRefused: It ends with a JSON-RPC error. Any other exception is an internal error.
        """
        handler = self._handlers.get(call.method)
        if handler is None:
            raise CallRefused(METHOD_NOT_FOUND, f"unknown method: {clip(call.method, 128)}")
        return handler(call, teller)

    @property
    def revision(self) -> int:
        """Grows with every change of what is offered."""
        return self._offer.revision

    def follow(self, follower: Callable[[str], None]) -> None:
        """See :meth:`Offer.follow`: ``tools``, ``resources`` or ``prompts``."""
        self._offer.follow(follower)

    def result(self, members: dict[str, Any], version: str) -> Answer:
        """A result that ends as all of this server's do; ``members`` has at least one.

        Raises:
            Unencodable: They have no JSON form.
        """
        return Answer(self._envelope.wrap(members, version))

    def typed(self, members: dict[str, Any], kind: str) -> Answer:
        """A result of 2026-07-28 with another ``resultType``; what is not ``complete`` is partial."""
        return Answer(self._envelope.wrap(members, MODERN[0], kind), partial="" if kind == "complete" else kind)

    def input_required(self, call: Call, needed: InputNeeded) -> Answer:
        """The result that has the client answer and ask again."""
        return input_required(call, needed, self._envelope)

    def task_options(self, name: object) -> tuple[str, dict[str, Question]] | None:
        """How a tool goes on as a task, ``optional`` or ``required``, and what it asks first; None for other tools."""
        tool = self._tools.get(name) if isinstance(name, str) else None
        if tool is None or "task" not in tool.options:
            return None
        return tool.options["task"], tool.options.get("asks_first", {})

    def has_tasks(self) -> bool:
        """Whether a tool goes on as a task."""
        return any("task" in tool.options for tool in self._tools.values())

    def prompts(self) -> list[dict[str, Any]]:
        """Its prompts as ``prompts/list`` shows them."""
        return [prompt.listing() for prompt in self._offer.prompts.values()]

    def list_end(self, version: str) -> bytes:
        """How a list ends: with how long clients may keep it, where the version tells them, and as all results do."""
        return list_end(self._envelope, self._list_ttl, version)

    def tool_schemas(self) -> dict[str, tuple[Schema, Schema | None]]:
        """The schemas of each tool, by its name: of what it is given, and of what it returns."""
        return {name: tool.schemas() for name, tool in self._tools.items()}

    def cache_rules(self) -> tuple[CacheRule, ...]:
        """What may be answered from a cache."""
        return self._offer.cache_rules()

    def headers(self) -> tuple[ParamHeader, ...]:
        """The headers that repeat arguments of tools."""
        return self._offer.headers()

    def is_read_only(self, method: str, name: str) -> bool:
        """Whether the request acts on nothing: all but calls of a tool that does not say so of itself."""
        if method != "tools/call":
            return True
        tool = self._tools.get(name)
        return tool is not None and tool.options.get("read_only", False)

    def is_idempotent(self, method: str, name: str) -> bool:
        """Whether doing it twice is no more than doing it once."""
        tool = self._tools.get(name) if method == "tools/call" else None
        return self.is_read_only(method, name) or (tool is not None and tool.options.get("idempotent", False))

    def _call_tool(self, call: Call, teller: Teller) -> Coroutine[Any, Any, Answer]:
        name = call.params.get("name")
        tool = self._tools.get(name) if type(name) is str else None
        if tool is None:
            raise unknown("tool", text_param(call.params, "name"), self._tools)
        return tool.call(call, teller)

    async def _list(self, call: Call, _teller: Teller) -> Answer:
        if self._listed != self._offer.revision:
            self._listed = self._offer.revision
            self._lists = make_lists(self._offer, self._envelope, self.page_size, self._list_ttl)
        return Answer(self._lists[call.method, call.version].page(call))

    async def _read_resource(self, call: Call, teller: Teller) -> Answer:
        uri = text_param(call.params, "uri")
        if (resource := self._offer.resources.get(uri)) is not None:
            return await resource.read(call, teller, uri, {})
        for template in self._offer.templates.values():
            if (variables := template.uri.match(uri)) is not None:
                return await template.read(call, teller, uri, variables)
        raise not_found(uri, call.version)

    async def _get_prompt(self, call: Call, teller: Teller) -> Answer:
        name = text_param(call.params, "name")
        prompt = self._offer.prompts.get(name)
        if prompt is None:
            raise unknown("prompt", name, self._offer.prompts)
        return await prompt.get(call, teller)

    async def _complete(self, call: Call, teller: Teller) -> Answer:
        kind, name, argument, typed, settled = read_request(call.params)
        choices = self._choices(kind, name, call.version)
        if argument not in choices:
            raise CallRefused(INVALID_PARAMS, f"{clip(name, 128)} has no argument {clip(argument, 128)}")
        if (registered := self._offer.completions.get((name, argument))) is not None:
            values = await registered.values(typed, settled, call, teller)
        else:
            values = starting_with(typed, choices[argument])
        return self.result({"completion": completion(values)}, call.version)

    def _choices(self, kind: str, name: str, version: str) -> dict[str, list[str]]:
        """The arguments of a prompt or template, each with what its type allows when that is a short list."""
        if kind == "ref/prompt":
            if (prompt := self._offer.prompts.get(name)) is None:
                raise unknown("prompt", name, self._offer.prompts)
            return prompt.choices
        if (template := self._offer.templates.get(name)) is None:
            raise not_found(name, version)
        return template.choices

    async def _initialize(self, call: Call, _teller: Teller) -> Answer:
        about = self._about(subscribe=self.subscribable)
        members = {"protocolVersion": call.version, **about, "serverInfo": self._identity.info()}
        return self.result(members, call.version)

    async def _discover(self, _call: Call, _teller: Teller) -> Answer:
        fresh = {"ttlMs": int(self._list_ttl * 1000), "cacheScope": "public"}
        members = {"supportedVersions": list(MODERN), **self._about(subscribe=self.subscribable), **fresh}
        return Answer(self._envelope.introduce(members))

    def _about(self, *, subscribe: bool) -> dict[str, Any]:
        instructions = self._identity.instructions
        told = {} if instructions is None else {"instructions": instructions}
        if not subscribe:
            return {"capabilities": self.capabilities, **told}
        resources = {**self.capabilities.get("resources", {}), "subscribe": True}
        return {"capabilities": {**self.capabilities, "resources": resources}, **told}
