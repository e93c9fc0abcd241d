"""The model ``template``: continues Python, JavaScript, C and prose, from text that it brings along."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Iterator

from mcp_server.protocol.advanced.request import CompletionRequest
from mcp_server.protocol.advanced.response import Delta, Usage
from mcp_server.protocol.advanced.stops import Stops
from mcp_server.protocol.advanced.template.candidates import Candidates
from mcp_server.protocol.advanced.template.code import continued, requested
from mcp_server.protocol.advanced.template.language import read
from mcp_server.protocol.advanced.template.point import context_of
from mcp_server.protocol.advanced.template.prose import Prose, learn
from mcp_server.protocol.advanced.template.sampler import Sampler, Source
from mcp_server.protocol.advanced.template.tokens import END, tokens_of


class TemplateModel:
    """Continues texts without a network; the same request with the same seed has the same text, everywhere.

    Code follows what the corpus has for a function, class or request like the prompt's, with the prompt's own names,
    and only where prompt and continuation together parse. Prose follows a Markov model of the corpus.
    """

    async def stream(self, request: CompletionRequest) -> AsyncGenerator[Delta, None]:
        """The pieces of each choice, token by token."""
        source, taken = await asyncio.to_thread(source_for, request.prompt), 0  # may take some milliseconds
        for index in range(request.sampling.n):
            for piece, tokens in _choice(source(), request, index):
                taken += tokens
                yield piece
                await asyncio.sleep(0)  # a long text must not keep others waiting
        yield Delta(usage=Usage(len(tokens_of(request.prompt)), taken))


def source_for(prompt: str) -> Callable[[], Source]:
    """What makes a source of continuations for each choice."""
    reading = read(context_of(prompt))
    if reading.language == "prose":
        learned = learn(prompt)
        return lambda: Prose(learned, prompt)
    make = requested if reading.is_request else continued
    candidates = make(reading.language, prompt)
    return lambda: Candidates(candidates)


def _choice(source: Source, request: CompletionRequest, index: int) -> Iterator[tuple[Delta, int]]:
    """The pieces of one choice, each with the tokens that it took."""
    sampling = request.sampling
    sampler = Sampler(sampling, f"{sampling.seed}/{index}")
    stops = Stops(sampling.stops)
    for _ in range(sampling.max_tokens):
        token = sampler.pick(source.options())
        if token == END:
            yield Delta(stops.rest(), index, "stop"), 0
            return
        source.take(token)
        text = stops.add(token)
        if stops.met:
            yield Delta(text, index, "stop"), 1
            return
        yield Delta(text, index), 1
    yield Delta(stops.rest(), index, "length"), 0
