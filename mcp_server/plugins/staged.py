"""A server that keeps what is offered to it until all of it is there."""

from collections.abc import Callable
from typing import Any, TypeVar

from mcp_server.features.server import MCPServer

F = TypeVar("F", bound=Callable[..., Any])


class Staged(MCPServer):
    """Takes what a plugin offers, checks it, and passes it on as a whole or not at all.

    Names that the other server has already are found out by :meth:`commit`, at the first of them; nothing after that
    is passed on.
    """

    def __init__(self, server: MCPServer) -> None:
        super().__init__(server.name, server.identity.version)
        self._server = server
        self._kept: list[Callable[[], object]] = []

    def tool(self, name: Any = None, **options: Any) -> Any:
        """As :meth:`MCPServer.tool`, later."""
        return self._later("tool", (name,), options, direct=callable(name))

    def resource(self, *given: Any, **options: Any) -> Any:
        """As :meth:`MCPServer.resource`, later."""
        return self._later("resource", given, options)

    def prompt(self, name: Any = None, **options: Any) -> Any:
        """As :meth:`MCPServer.prompt`, later."""
        return self._later("prompt", (name,), options, direct=callable(name))

    def completion(self, *given: Any, **options: Any) -> Any:
        """As :meth:`MCPServer.completion`, later."""
        return self._later("completion", given, options)

    def commit(self) -> None:
        """Offer it all.

        Raises:
            Unusable: The server has something of the same name.
        """
        for offer in self._kept:
            offer()

    def _later(self, kind: str, given: tuple[Any, ...], options: dict[str, Any], *, direct: bool = False) -> Any:
        here, there = getattr(super(), kind), getattr(self._server, kind)
        if direct:
            self._kept.append(lambda: there(*given, **options))
            return here(*given, **options)

        def offer(function: F) -> F:
            self._kept.append(lambda: there(*given, **options)(function))
            here(*given, **options)(function)
            return function

        return offer
