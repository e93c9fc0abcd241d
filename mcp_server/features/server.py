"""The face that whoever writes a server works with."""

from collections.abc import Callable
from typing import Any, Final, TypeVar, Unpack, overload

from mcp_server.features.catalogue import Catalogue
from mcp_server.features.envelope import Envelope, Frame, Identity
from mcp_server.features.options import ToolOptions
from mcp_server.features.schema import Unusable
from mcp_server.features.threads import Threads
from mcp_server.features.tools import Tool

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
            page_size: Entries of a list that are sent at once.
            list_ttl: Seconds for which clients may keep the lists.
            result_limit: The most bytes of JSON that a result may have.
            threads: How many functions that are not async may run at once.
        """
        if page_size < 1:
            raise ValueError("a page has at least one entry")
        self.identity = Identity(
            name=name, version=version, title=title, instructions=instructions, website_url=website_url
        )
        self._page_size = page_size
        self._list_ttl = list_ttl
        self._frame = Frame(Envelope(self.identity), Threads(threads), result_limit)
        self._tools: dict[str, Tool] = {}

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

        def offer(function: F) -> F:
            tool = Tool(_name(name, function), function, options, self._frame)
            if tool.name in self._tools:
                raise Unusable(f"there is a tool {tool.name} already")
            self._tools[tool.name] = tool
            return function

        return offer(name) if callable(name) else offer

    def catalogue(self) -> Catalogue:
        """All that is offered at this moment, ready to answer requests."""
        return Catalogue(self.identity, self._frame.envelope, self._tools, self._page_size, self._list_ttl)


def _name(given: Any, function: Callable[..., Any]) -> str:
    return given if isinstance(given, str) else str(getattr(function, "__name__", type(function).__name__))
