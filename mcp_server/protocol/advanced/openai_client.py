"""The HTTP client with which endpoints are asked: what they answer is bounded, and no log line holds a prompt."""

import logging
from collections.abc import AsyncIterator
from typing import Final

import httpx
from openai import DefaultAsyncHttpxClient

BODY_LIMIT: Final = 128 * 1024 * 1024
"""The most bytes of one answer; what follows is cut off. A streamed token comes in some 250 bytes."""

LINE_LIMIT: Final = 8 * 1024 * 1024
"""The most bytes without a line break, so of any answer that is not streamed: parsers look at them again and again."""

_TALKATIVE: Final = ("openai", "httpcore")
"""Loggers that write bodies and headers when they may write everything."""


def bounded_client(timeout: float) -> httpx.AsyncClient:
    """A client of which each answer is read up to the limits above; ``timeout`` is in seconds.

    An answer that is cut off is none any more for whoever parses it, and is not asked for again, as it would be after
    an error.
    """
    for name in _TALKATIVE:
        if logging.getLogger(name).level == logging.NOTSET:
            logging.getLogger(name).setLevel(logging.INFO)
    # A compressed answer can be a thousand times what it was on its way.
    return DefaultAsyncHttpxClient(
        timeout=timeout, headers={"Accept-Encoding": "identity"}, event_hooks={"response": [_bound]}
    )


async def _bound(response: httpx.Response) -> None:
    if isinstance(response.stream, httpx.AsyncByteStream):
        is_plain = response.headers.get("content-encoding", "identity") == "identity"
        response.stream = _Bounded(response.stream, BODY_LIMIT if is_plain else 0)


class _Bounded(httpx.AsyncByteStream):
    """A body up to ``limit`` bytes."""

    def __init__(self, body: httpx.AsyncByteStream, limit: int) -> None:
        self._body = body
        self._left = limit
        self._line = 0  # bytes since the last line break

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for part in self._body:
            end = part.rfind(b"\n")
            self._line = self._line + len(part) if end < 0 else len(part) - end
            self._left -= len(part)
            if self._left < 0 or self._line > LINE_LIMIT:
                return
            yield part

    async def aclose(self) -> None:
        await self._body.aclose()
