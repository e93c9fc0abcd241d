"""Models behind any endpoint that speaks OpenAI's protocol, through the ``openai`` package."""

import asyncio
import os
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from typing import TYPE_CHECKING, Any, Final, Literal

from events.codes import INTERNAL_ERROR
from mcp_server.protocol.addresses import check_address
from mcp_server.protocol.advanced.model import ModelFailed
from mcp_server.protocol.advanced.openai_failures import NO_KEY, Failures
from mcp_server.protocol.advanced.request import CompletionRequest
from mcp_server.protocol.advanced.response import Choice, Delta, Usage
from mcp_server.protocol.advanced.template.tokens import tokens_of
from mcp_server.protocol.invalid import InvalidRequest, integer, number, text

if TYPE_CHECKING:
    from openai import AsyncOpenAI

TEXT_LIMIT: Final = 2 * 1024 * 1024
"""The most characters that all choices may have together: 16 choices of 32768 tokens have about as many."""


class MissingExtra(ImportError):
    """A package of an optional extra is not installed; the text says how to get it."""


class OpenAIModel:
    """A model of an endpoint.

    Args:
        base_url: Where the endpoint is, with its version: ``http://localhost:8000/v1``. It holds no user, no password
            and no query.
        model: What the endpoint calls the model.
        api: ``chat`` sends the prompt as a user's message, ``completions`` as a text to be continued.
        api_key: The key, from your configuration.
        api_key_env: The environment variable that holds the key; no other variable is looked at.
        timeout: Seconds for a whole answer with all its retries; of a stream, for each piece.
        max_retries: How often a request is sent again when the endpoint cannot be reached, is busy or has failed.
            The pause grows, or is what the endpoint asks for. A stream that has begun is never begun again.

    Raises:
        InvalidRequest: An argument is wrong, or the variable is not set.
    """

    def __init__(
        self,
        base_url: str,
        model: str,
        api: Literal["chat", "completions"] = "chat",
        *,
        api_key: str | None = None,
        api_key_env: str | None = None,
        timeout: float = 60.0,
        max_retries: int = 2,
    ) -> None:
        check_address(base_url, "base_url")
        text(model, "model", 1, 256)
        if api not in ("chat", "completions"):
            raise InvalidRequest("api must be chat or completions")
        number(timeout, "timeout", 0.001, 3600)
        integer(max_retries, "max_retries", 0, 10)
        self._base_url, self._model, self._api = base_url, model, api
        self._timeout, self._max_retries = timeout, max_retries
        self._key = _key(api_key, api_key_env)
        self._failures = Failures(timeout, max_retries, self._key)
        self._client: AsyncOpenAI | None = None

    def __repr__(self) -> str:
        return f"OpenAIModel(model={self._model!r}, api={self._api!r})"

    async def complete(self, request: CompletionRequest) -> tuple[tuple[Choice, ...], Usage]:
        """All choices in one answer.

        Raises:
            ModelFailed: The endpoint refused, failed, or took too long.
            MissingExtra: The package ``openai`` is not installed.
        """
        create, arguments = await self._request(request)
        with self._failures.told():
            async with asyncio.timeout(self._timeout):
                answer = await create(**arguments)
            given = sorted(answer.choices, key=lambda each: int(each.index))[: request.sampling.n]
            if len(given) < request.sampling.n:
                raise _too_few(len(given), request.sampling.n)
            choices = tuple(
                Choice(index, self._text(each, "message"), each.finish_reason or "stop")
                for index, each in enumerate(given)
            )
            texts = [choice.text for choice in choices]
            _check_size(sum(map(len, texts)))
            return choices, _usage(answer.usage, request.prompt, texts)

    async def stream(self, request: CompletionRequest) -> AsyncGenerator[Delta, None]:
        """The pieces as they come. Closing the iterator closes the connection.

        Raises:
            ModelFailed: The endpoint refused, failed, took too long, or broke off.
            MissingExtra: The package ``openai`` is not installed.
        """
        create, arguments = await self._request(request)
        texts: list[str] = []
        size, count = 0, request.sampling.n
        open_, silent, usage = set(range(count)), set(range(count)), None
        with self._failures.told():
            async with asyncio.timeout(self._timeout):
                answer = await create(**arguments, stream=True, stream_options={"include_usage": True})
            try:
                async with aclosing(self._parts(answer)) as parts:
                    async for part in parts:
                        usage = part.usage or usage
                        for each in part.choices:
                            piece = Delta(self._text(each, "delta"), each.index, each.finish_reason)
                            if not 0 <= piece.index < count or not (piece.text or piece.finish_reason):
                                continue
                            texts.append(piece.text)
                            _check_size(size := size + len(piece.text))
                            silent.discard(piece.index)
                            if piece.finish_reason:
                                open_.discard(piece.index)
                            yield piece
            finally:
                await answer.close()
            if open_ and open_ == silent and len(open_) < count:
                raise _too_few(count - len(open_), count)
            if open_:
                raise ModelFailed(INTERNAL_ERROR, "the endpoint's stream broke off before the text was complete")
        yield Delta(usage=_usage(usage, request.prompt, texts))

    async def aclose(self) -> None:
        """Close the connections."""
        client, self._client = self._client, None
        if client is not None:
            await client.close()

    async def _request(self, request: CompletionRequest) -> tuple[Any, dict[str, Any]]:
        """What sends the request, and with what."""
        client, sampling = await self._opened(), request.sampling
        arguments: dict[str, Any] = {
            "model": self._model,
            "temperature": sampling.temperature,
            "top_p": sampling.top_p,
            "max_tokens": sampling.max_tokens,
            "n": sampling.n,
            "seed": sampling.seed,
        }
        if sampling.stops:
            arguments["stop"] = list(sampling.stops)
        if sampling.top_k is not None:
            arguments["extra_body"] = {"top_k": sampling.top_k}  # not OpenAI's own, but most other endpoints know it
        if self._api == "chat":
            return client.chat.completions.create, {
                **arguments,
                "messages": [{"role": "user", "content": request.prompt}],
            }
        return client.completions.create, {**arguments, "prompt": request.prompt}

    async def _opened(self) -> "AsyncOpenAI":
        if self._client is None:
            client = await asyncio.to_thread(self._new_client)  # the import alone takes a second or more
            if self._client is not None:
                return self._client  # another request was faster
            # The client takes these from the environment, where they are meant for OpenAI and not for every endpoint.
            client.admin_api_key = client.organization = client.project = None
            self._client = client
        return self._client

    def _new_client(self) -> "AsyncOpenAI":
        try:
            from openai import AsyncOpenAI
        except ImportError:
            words = "models of an endpoint need the package openai: pip install 'mcp-rewind[openai]'"
            raise MissingExtra(words) from None
        from mcp_server.protocol.advanced.openai_client import bounded_client

        return AsyncOpenAI(
            api_key=self._key,
            base_url=self._base_url,
            timeout=self._timeout,
            max_retries=self._max_retries,
            http_client=bounded_client(self._timeout),
        )

    def _text(self, choice: Any, member: str) -> str:
        found = getattr(choice, member, None) if self._api == "chat" else choice
        return getattr(found, "content" if self._api == "chat" else "text", None) or ""

    async def _parts(self, answer: AsyncIterator[Any]) -> AsyncGenerator[Any, None]:
        """The parts of a streamed answer; the time for each is bounded."""
        iterator = aiter(answer)
        while True:
            try:
                async with asyncio.timeout(self._timeout):
                    part = await anext(iterator)
            except StopAsyncIteration:
                return
            yield part


def _check_size(characters: int) -> None:
    if characters > TEXT_LIMIT:
        raise ModelFailed(INTERNAL_ERROR, f"the endpoint's text has more than {TEXT_LIMIT} characters")


def _too_few(given: int, asked: int) -> ModelFailed:
    words = f"the endpoint gave {given} of {asked} choices"
    return ModelFailed(INTERNAL_ERROR, f"{words}: if it knows no n, ask for one at a time")


def _key(given: str | None, variable: str | None) -> str:
    if given is None and variable is not None:
        given = os.environ.get(variable)
        if not given:
            raise InvalidRequest(f"the environment variable {variable} is to hold the endpoint's key, and is not set")
    return given or NO_KEY


def _usage(told: Any, prompt: str, texts: list[str]) -> Usage:
    """The endpoint's figures, or ours when it has none."""
    if told is not None and type(told.prompt_tokens) is int and type(told.completion_tokens) is int:
        return Usage(told.prompt_tokens, told.completion_tokens)
    return Usage(len(tokens_of(prompt)), len(tokens_of("".join(texts))), estimated=True)
