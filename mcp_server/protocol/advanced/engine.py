"""Completes texts with the models it knows by name."""

import secrets
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing

from msgspec.structs import replace

from events.codes import INTERNAL_ERROR
from mcp_server.protocol.advanced.model import Closable, Model, ModelFailed, WholeModel
from mcp_server.protocol.advanced.request import DEFAULT_MODEL, CompletionRequest
from mcp_server.protocol.advanced.response import Choice, CompletionResponse, Delta, Usage
from mcp_server.protocol.invalid import InvalidRequest, nearest, shown, text


class CompletionEngine:
    """Models by name, and completions from them.

    The model ``template`` is always there: it needs no network, and the same seed always gives it the same text.
    """

    def __init__(self) -> None:
        self._models: dict[str, Model] = {}

    @property
    def models(self) -> tuple[str, ...]:
        """The names of the models."""
        return tuple(sorted({DEFAULT_MODEL, *self._models}))

    def register(self, name: str, model: Model) -> None:
        """Offer ``model`` under ``name``, in place of one that had it, which is left to whoever made it.

        Raises:
            InvalidRequest: The name has not 1 to 256 characters, or the model has no ``stream``.
        """
        text(name, "name", 1, 256)
        if not callable(getattr(model, "stream", None)):
            raise InvalidRequest(f"a model has a method stream(request); {type(model).__name__} has none")
        self._models[name] = model

    async def complete(self, request: CompletionRequest) -> CompletionResponse:
        """The whole completion.

        Raises:
            InvalidRequest: There is no such model; the text names the nearest.
            ModelFailed: The model could not do it.
        """
        model, request, seed = self._prepare(request)
        if isinstance(model, WholeModel):
            choices, usage = await model.complete(request)
        else:
            choices, usage = await _collect(model, request)
        return CompletionResponse(request.model, choices, usage, seed)

    def stream(self, request: CompletionRequest) -> AsyncGenerator[Delta, None]:
        """The pieces of the completion as the model finds them. Closing the iterator stops the model.

        Raises:
            InvalidRequest: There is no such model; the text names the nearest.
            ModelFailed: While iterating, the model could not do it.
        """
        model, request, seed = self._prepare(request)
        return _stamped(model.stream(request), seed)

    async def aclose(self) -> None:
        """Close the connections of all models."""
        for model in self._models.values():
            if isinstance(model, Closable):
                await model.aclose()

    def _prepare(self, request: CompletionRequest) -> tuple[Model, CompletionRequest, int]:
        """The model, and the request with its seed: this is the one place where chance comes in."""
        if request.model == DEFAULT_MODEL and DEFAULT_MODEL not in self._models:
            from mcp_server.protocol.advanced.template import TemplateModel

            self._models[DEFAULT_MODEL] = TemplateModel()
        model = self._models.get(request.model)
        if model is None:
            raise InvalidRequest(f"unknown model {shown(request.model)}{nearest(request.model, self.models)}")
        seed = request.sampling.seed
        if seed is None:
            seed = secrets.randbelow(2**31)  # the widest that endpoints agree on
            request = replace(request, sampling=replace(request.sampling, seed=seed))
        return model, request, seed


async def _stamped(pieces: AsyncIterator[Delta], seed: int) -> AsyncGenerator[Delta, None]:
    """The pieces, the seed on the last: the one with the usage."""
    try:
        async for piece in pieces:
            yield piece if piece.usage is None else replace(piece, seed=seed)
    finally:
        if isinstance(pieces, AsyncGenerator):
            await pieces.aclose()


async def _collect(model: Model, request: CompletionRequest) -> tuple[tuple[Choice, ...], Usage]:
    texts: list[list[str]] = [[] for _ in range(request.sampling.n)]
    reasons: list[str | None] = [None] * request.sampling.n
    usage: Usage | None = None
    async with aclosing(_stamped(model.stream(request), 0)) as pieces:
        async for piece in pieces:
            texts[piece.index].append(piece.text)
            reasons[piece.index] = piece.finish_reason or reasons[piece.index]
            usage = piece.usage or usage
    if usage is None or None in reasons:
        raise ModelFailed(INTERNAL_ERROR, f"the model {request.model} stopped before its text was complete")
    choices = zip(texts, reasons, strict=True)
    return tuple(Choice(index, "".join(parts), str(reason)) for index, (parts, reason) in enumerate(choices)), usage
