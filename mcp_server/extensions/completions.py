"""``completion/generate``: a text is continued by a model."""

from contextlib import aclosing
from typing import Any

from mcp_server.calls import Answer, Call, Teller
from mcp_server.features.catalogue import Catalogue
from mcp_server.features.encode import to_json
from mcp_server.protocol.advanced import CompletionEngine, CompletionRequest, Delta


class Completions:
    """Answers ``completion/generate``, and finds what streams of completions are made of.

    Whatever was drawn, its seed is part of the result, and so of the recording.
    """

    def __init__(self, catalogue: Catalogue, engine: CompletionEngine) -> None:
        self._catalogue = catalogue
        self._engine = engine

    async def answer(self, call: Call, teller: Teller) -> Answer:
        """The whole completion; its pieces are told meanwhile to clients that gave a progress token.

        Raises:
            CallRefused: The request is malformed, or the model could not do it.
        """
        if "progressToken" in call.params.get("_meta", {}):
            return self._catalogue.result(await self.told(call.params, teller, "params"), call.version)
        response = await self._engine.complete(CompletionRequest.from_json(call.params))
        return self._catalogue.result(response.to_json(), call.version)

    async def told(self, params: Any, teller: Teller, place: str) -> dict[str, Any]:
        """Complete, and tell each piece as it is found; returns the whole, as :meth:`answer` has it.

        Raises:
            CallRefused: As :meth:`answer`.
        """
        request = CompletionRequest.from_json(params, place)
        choices = [_Choice() for _ in range(request.sampling.n)]
        last = Delta()
        async with aclosing(self._engine.stream(request)) as pieces:
            async for piece in pieces:
                choices[piece.index].add(piece)
                if piece.text:
                    teller.chunk(_block(piece, request.sampling.n))
                    await teller.room()
                last = piece if piece.usage is not None else last
        found = [{"index": index, **choice.to_json()} for index, choice in enumerate(choices)]
        usage = last.usage.to_json() if last.usage is not None else None
        return {"model": request.model, "choices": found, "usage": usage, "seed": last.seed}


class _Choice:
    def __init__(self) -> None:
        self._parts: list[str] = []
        self._reason: str | None = None

    def add(self, piece: Delta) -> None:
        self._parts.append(piece.text)
        self._reason = piece.finish_reason or self._reason

    def to_json(self) -> dict[str, Any]:
        return {"text": "".join(self._parts), "finish_reason": self._reason}


def _block(piece: Delta, choices: int) -> bytes:
    """A piece as a content block; of several choices it says to which one it belongs."""
    which = {"_meta": {"mcp-rewind/choice": piece.index}} if choices > 1 else {}
    return to_json({"type": "text", "text": piece.text, **which})
