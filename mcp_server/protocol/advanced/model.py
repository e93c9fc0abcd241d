"""What a model is to the engine."""

from collections.abc import AsyncIterator
from typing import Any, Protocol, runtime_checkable

from mcp_server.calls import CallRefused
from mcp_server.protocol.advanced.request import CompletionRequest
from mcp_server.protocol.advanced.response import Choice, Delta, Usage


class ModelFailed(CallRefused):
    """A model could not complete a text; the words are for the caller, and tell nothing of prompts or keys."""

    def __init__(self, code: int, message: str, data: dict[str, Any] | None = None) -> None:
        super().__init__(code, message, data)


class Model(Protocol):
    """Whatever can continue a text."""

    def stream(self, request: CompletionRequest) -> AsyncIterator[Delta]:
        """The pieces of ``request.sampling.n`` choices; ``request.sampling.seed`` is always set.

        Every choice ends with a piece that has a ``finish_reason``; the last piece of all has the usage.

        Raises:
            ModelFailed: It could not be done. Any other exception is a bug.
        """


@runtime_checkable
class WholeModel(Protocol):
    """A model that has a shorter way to a completion that nobody watches growing."""

    async def complete(self, request: CompletionRequest) -> tuple[tuple[Choice, ...], Usage]:
        """All choices at once.

        Raises:
            ModelFailed: It could not be done.
        """


@runtime_checkable
class Closable(Protocol):
    """A model that holds connections."""

    async def aclose(self) -> None:
        """Let go of them."""
