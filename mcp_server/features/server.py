"""The face that whoever writes a server works with."""

import copy
import difflib
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, Self, TypeVar, Unpack, overload

from mcp_server.features.catalogue import Catalogue
from mcp_server.features.completions import Completion
from mcp_server.features.envelope import Envelope, Frame, Identity
from mcp_server.features.icons import Icon
from mcp_server.features.offer import Offer
from mcp_server.features.options import PromptOptions, ResourceOptions, ToolOptions
from mcp_server.features.prompts import Prompt
from mcp_server.features.resources import Resource
from mcp_server.features.threads import Threads
from mcp_server.features.tools import Tool
from mcp_server.features.unusable import Unusable

F = TypeVar("F", bound=Callable[..., Any])

RESULT_LIMIT: Final = 4 * 1024 * 1024
"""The most bytes of JSON that a result may have, unless a server says otherwise."""


class MCPServer:
    """What a server offers, collected by decorators.

    ::

        server = MCPServer("hello")

        @server.tool
        async def greet(name: str) -> str:
            return f"Hello, {name}!"

    A decorated function stays what it was: it can be called and tested as before.
    """

    def __init__(  # noqa: PLR0913 # settings, each by name
        self,
        name: str,
        version: str = "0.1.0",
        *,
        title: str | None = None,
        instructions: str | None = None,
        website_url: str | None = None,
        icons: Sequence[Icon] = (),
        page_size: int = 100,
        list_ttl: float = 300.0,
        result_limit: int = RESULT_LIMIT,
        threads: int = 16,
    ) -> None:
        """Describe the server.

        Args:
            name: For programs.
            version: Of your server.
            title: For people.
            instructions: How a model should use the server.
            website_url: Where to read more.
            icons: What stands for it where there is little room.
            page_size: Entries of a list that are sent at once.
            list_ttl: Seconds for which clients may keep the lists.
            result_limit: The most bytes of JSON that a result may have.
            threads: How many functions that are not async may run at once.
        """
        if page_size < 1:
            raise ValueError("a page has at least one entry")
        self.identity = Identity(
            name=name,
            version=version,
            title=title,
            instructions=instructions,
            website_url=website_url,
            icons=tuple(icons),
        )
        self._page_size = page_size
        self._list_ttl = list_ttl
        self._frame = Frame(Envelope(self.identity), Threads(threads), result_limit)
        self._offer = Offer()

    @property
    def name(self) -> str:
        """The server's name."""
        return self.identity.name

    def __repr__(self) -> str:
        return f"MCPServer({self.name!r})"

    @overload
    def tool(self, function: F, /) -> F: ...

    @overload
    def tool(self, name: str | None = None, **options: Unpack[ToolOptions]) -> Callable[[F], F]: ...

    def tool(self, name: Any = None, **options: Unpack[ToolOptions]) -> Any:
        """Offer a function as a tool.

        Its parameters become the input schema, its docstring the descriptions, its return annotation the output
        schema. Async functions run on the event loop, others in a thread; generators stream what they yield.

        Args:
            name: What clients call it; the function's name unless given.
            **options: See :class:`ToolOptions`.

        Raises:
            Unusable: The function cannot be a tool, or the name is taken.
        """
        _check("tool", options, ToolOptions)

        def offer(function: F) -> F:
            tool = Tool(_name(name, function), function, options, self._frame)
            self._offer.add("tools", tool.name, tool)
            return function

        return offer(name) if callable(name) else offer

    def resource(self, uri: str, /, name: str | None = None, **options: Unpack[ResourceOptions]) -> Callable[[F], F]:
        """Offer what a function returns as a resource, at a URI or at all that fit a template.

        The function returns ``str``, ``bytes``, :class:`Contents` or a list of them, or a value that is sent as JSON;
        None when there is nothing at this URI. The variables of a template are its parameters.

        Args:
            uri: Such as ``notes://today`` or ``notes://{day}``. ``{name}`` stands for one path segment, also after
                decoding; ``{+name}`` and ``{name*}`` for any rest, so look at it before you open a file with it.
            name: What programs call it; the function's name unless given.
            **options: See :class:`ResourceOptions`.

        Raises:
            Unusable: The function cannot be a resource, or the URI is taken.
        """
        if callable(uri):
            raise Unusable("resource needs a URI: @server.resource('notes://today')")
        _check("resource", options, ResourceOptions)

        def offer(function: F) -> F:
            resource = Resource(uri, _name(name, function), function, options, self._frame)
            self._offer.add("templates" if resource.uri.names else "resources", uri, resource)
            return function

        return offer

    @overload
    def prompt(self, function: F, /) -> F: ...

    @overload
    def prompt(self, name: str | None = None, **options: Unpack[PromptOptions]) -> Callable[[F], F]: ...

    def prompt(self, name: Any = None, **options: Unpack[PromptOptions]) -> Any:
        """Offer a function as a prompt: its parameters are the arguments, its docstring says what they are.

        The function returns ``str`` for one message of the user, or a list of ``str``, content blocks and
        :class:`PromptMessage`.

        Args:
            name: What clients call it; the function's name unless given.
            **options: See :class:`PromptOptions`.

        Raises:
            Unusable: The function cannot be a prompt, or the name is taken.
        """
        _check("prompt", options, PromptOptions)

        def offer(function: F) -> F:
            prompt = Prompt(_name(name, function), function, options, self._frame)
            self._offer.add("prompts", prompt.name, prompt)
            return function

        return offer(name) if callable(name) else offer

    def completion(self, of: str, argument: str, /) -> Callable[[F], F]:
        """Let a function say what an argument could be, while it is typed.

        The function takes what has been typed and, if it likes, the other arguments; it returns the values. Arguments
        whose type is a ``Literal`` or an ``Enum`` need no such function.

        Args:
            of: The name of a prompt, or a resource's template as it was written; register that first.
            argument: One of its arguments.

        Raises:
            Unusable: There is no such argument, or the function cannot complete it.
        """

        def offer(function: F) -> F:
            owner = self._offer.prompts.get(of) or self._offer.templates.get(of)
            if owner is None or argument not in owner.choices:
                raise Unusable(f"there is no prompt or template {of} with an argument {argument}")
            self._offer.add("completions", (of, argument), Completion(function, self._frame))
            return function

        return offer

    def remove_tool(self, name: str) -> None:
        """Offer a tool no more, also while the server runs. A call of it that is under way goes on.

        Raises:
            KeyError: There is none of that name.
        """
        self._offer.remove("tools", name)

    def remove_resource(self, uri: str) -> None:
        """Offer a resource or a template no more; ``uri`` as it was written. As :meth:`remove_tool`."""
        self._offer.remove("templates" if uri in self._offer.templates else "resources", uri)

    def remove_prompt(self, name: str) -> None:
        """Offer a prompt no more. As :meth:`remove_tool`."""
        self._offer.remove("prompts", name)

    def copy(self) -> Self:
        """The same server; what is added to the copy is not in this one."""
        other = copy.copy(self)
        other._offer = self._offer.copy()  # noqa: SLF001 # its own kind
        return other

    def adopt(self, other: "MCPServer") -> None:
        """Offer what ``other`` offers: a copy of this server to which something was added."""
        self._offer.become(other._offer)  # noqa: SLF001 # its own kind

    def catalogue(self) -> Catalogue:
        """All that is offered, ready to answer requests."""
        return Catalogue(self.identity, self._frame.envelope, self._offer, self._page_size, self._list_ttl)


def _check(what: str, options: Mapping[str, Any], known: type) -> None:
    """Refuse what is misspelt: at run time a ``TypedDict`` takes anything."""
    for option in options:
        if option not in known.__annotations__:
            near = difflib.get_close_matches(option, known.__annotations__, n=1)
            raise Unusable(f"{what} has no option {option}" + (f"; did you mean {near[0]}?" if near else ""))
    if not options.get("cacheable", 1) > 0:
        raise Unusable(f"{what}: cacheable is in seconds, and more than none; leave it out instead")


def _name(given: Any, function: Callable[..., Any]) -> str:
    return given if isinstance(given, str) else str(getattr(function, "__name__", type(function).__name__))
