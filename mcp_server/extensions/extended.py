"""A server's catalogue together with the extensions that are turned on."""

from collections.abc import Awaitable, Callable, Collection, Mapping
from typing import Final, TypeAlias

from mcp_server.calls import Answer, Call, Teller
from mcp_server.features.catalogue import Catalogue
from operators.methods import BATCH, STREAM
from operators.policy import CacheRule

Handler: TypeAlias = Callable[[Call, Teller], Awaitable[Answer]]

_ACTING: Final = frozenset({BATCH, STREAM, "completion/generate"})
"""What may act: on whatever a batch asks for, or on an endpoint that counts what is used."""

CAPABILITY: Final = "mcp-rewind"
"""Under this name in ``capabilities.experimental`` clients find the methods that they may use besides."""


class Extended:
    """Answers with an extension where there is one for the method, else with the catalogue."""

    def __init__(self, catalogue: Catalogue, handlers: Mapping[str, Handler], extensions: Collection[str]) -> None:
        """``handlers`` answer methods in the catalogue's place; ``extensions`` are those that the protocol lacks."""
        self._catalogue = catalogue
        self._handlers = dict(handlers)
        if extensions:
            catalogue.capabilities["experimental"] = {CAPABILITY: {"methods": sorted(extensions)}}

    def answer(self, call: Call, teller: Teller) -> Awaitable[Answer]:
        """Carry out a request. Raises as :meth:`Catalogue.answer` does."""
        return self._handlers.get(call.method, self._catalogue.answer)(call, teller)

    def add(self, handlers: Mapping[str, Handler]) -> None:
        """Answer these methods from here on, too."""
        self._handlers |= handlers

    def cache_rules(self) -> tuple[CacheRule, ...]:
        """What may be answered from a cache."""
        return self._catalogue.cache_rules()

    def is_read_only(self, method: str, name: str) -> bool:
        """Whether the request acts on nothing."""
        return method not in _ACTING and self._catalogue.is_read_only(method, name)

    def is_idempotent(self, method: str, name: str) -> bool:
        """Whether doing it twice is no more than doing it once."""
        return method not in _ACTING and self._catalogue.is_idempotent(method, name)
