"""Streamable HTTP: one endpoint, both eras.

Sources: MCP 2025-11-25 and 2026-07-28, basic/transports. A request is answered with JSON, or with a stream of events
once it has something to tell before its answer; until then the status is still open.
"""

import asyncio
from collections.abc import Awaitable, Sequence
from typing import Final, cast

from aiohttp import StreamReader, hdrs, web

from adapters.http_answers import SESSION_HEADER, answer, unacceptable
from adapters.http_exchange import Exchange, HttpOutlet
from adapters.http_sessions import HttpSessions
from adapters.listener import READ_LIMIT, Connection, grant_of, plain
from adapters.sessions import ENDING, Gate, Session
from events import codes
from events.event import Decided, Observed
from events.observed import (
    CancelReceived,
    Headers,
    MessageMalformed,
    NotificationReceived,
    RequestOverflowed,
    RequestReceived,
    ResponseReceived,
)
from operators.era import is_modern
from operators.versions import LEGACY

KEEP_ALIVE: Final = 15.0
"""Seconds after which a silent response becomes a stream, and a silent stream is sent a comment, so that proxies keep
it open."""

_HOMELESS: Final = "this belongs to a session, and none is named: send Mcp-Session-Id, which the handshake told"

_VERSION: Final = "MCP-Protocol-Version"
_METHOD: Final = "Mcp-Method"
_NAME: Final = "Mcp-Name"

_STREAM: Final = {"Content-Type": "text/event-stream", "Cache-Control": "no-cache", "X-Accel-Buffering": "no"}


class HttpEndpoint:
    """Carries Streamable HTTP.

    Args:
        idle: Seconds after which a legacy session that is not used is closed.
    """

    def __init__(self, gate: Gate, idle: float) -> None:
        self._gate = gate
        self.sessions = HttpSessions(gate, idle)
        self._open_exchanges: set[Exchange] = set()
        self._now = asyncio.get_running_loop().time

    def __call__(self, request: web.BaseRequest, connection: Connection) -> Awaitable[web.StreamResponse]:
        """Answer one HTTP request."""
        return self._post(request, connection) if request.method == "POST" else self._without_message(request)

    async def _without_message(self, request: web.BaseRequest) -> web.StreamResponse:
        if request.method == "DELETE" and (token := request.headers.get(SESSION_HEADER)):
            ended = self.sessions.end(token, "the client ended it", grant_of(request))
            return web.Response(status=204) if ended else plain(404, "there is no such session")
        return plain(405, "send messages with POST", {"Allow": "POST"})

    def sweep(self) -> None:
        """Close what nobody uses, and give a sign of life where all is silent. To be called every second or so."""
        self.sessions.sweep()
        silent = self._now() - KEEP_ALIVE
        for exchange in self._open_exchanges:
            if exchange.since < silent:
                exchange.since = self._now()
                exchange.put(None, b"")

    async def _post(self, request: web.BaseRequest, connection: Connection) -> web.StreamResponse:
        head = request.headers
        if problem := unacceptable(head.get(hdrs.CONTENT_TYPE, ""), head.get(hdrs.ACCEPT, "*/*")):
            return plain(*problem)
        content = request.content
        whole = content.is_eof()  # all of it came with the head
        raw = content.read_nowait() if whole else await self._body(content, connection)
        if len(raw) > READ_LIMIT:
            return await self._too_long(request, raw)
        headers = Headers(
            _text(head.getall(_VERSION, ())), _text(head.getall(_METHOD, ())), _text(head.getall(_NAME, ()))
        )
        if headers.protocol_version is not None and headers.protocol_version not in LEGACY:
            session = self.sessions.stateless(request, connection, raw)
            return await self._exchange(request, session, session.read(raw, headers), modern=True)
        if token := head.get(SESSION_HEADER):
            legacy = self.sessions.find(token, request)
            if legacy is None:
                return await self._unknown(request, raw)
            return await self._exchange(request, legacy, legacy.read(raw, headers), modern=False)
        return await self._first(request, raw, headers)

    async def _body(self, content: StreamReader, connection: Connection) -> bytes:
        """The body, or as much of it as shows that it is longer than anything that is read."""
        chunks, length = [], 0
        connection.reading = self._now()
        try:
            while length <= READ_LIMIT and (chunk := await content.readany()):
                chunks.append(chunk)
                length += len(chunk)
        finally:
            connection.reading = None
        return b"".join(chunks)

    async def _first(self, request: web.BaseRequest, raw: bytes, headers: Headers) -> web.StreamResponse:
        """A message outside any session: the handshake that begins one, or a mistake."""
        session = self.sessions.open(request)
        fact = session.read(raw, headers)
        begins = isinstance(fact, RequestReceived) and fact.message.method == "initialize"
        message = getattr(fact, "message", None)
        modern = message is not None and is_modern(message, headers)
        token = self.sessions.keep(session) if begins and not modern else ""
        if not token:
            try:
                if not modern and isinstance(fact, NotificationReceived | CancelReceived | ResponseReceived):
                    return await self._take(session, fact, _HOMELESS)
                return await self._exchange(request, session, fact, modern=modern)
            finally:
                session.close("it was never initialized")
        response = await self._exchange(request, session, fact, modern=False, token=token)
        if SESSION_HEADER not in response.headers:
            self.sessions.end(token, "it was never initialized")
        return response

    async def _unknown(self, request: web.BaseRequest, raw: bytes) -> web.StreamResponse:
        session = self.sessions.open(request)
        fact = session.malformed(raw, codes.INVALID_REQUEST, "there is no such session: initialize a new one")
        try:
            return await self._exchange(request, session, fact, modern=False, status=404)
        finally:
            session.close("the client named a session that does not exist")

    async def _too_long(self, request: web.BaseRequest, raw: bytes) -> web.StreamResponse:
        session = self.sessions.open(request)
        told = f"{request.content_length} bytes" if request.content_length else f"more than {READ_LIMIT} bytes"
        fact = session.malformed(
            raw, codes.INVALID_REQUEST, f"the message is too long: {told}, of which {len(raw)} were read"
        )
        try:
            return await self._exchange(request, session, fact, modern=False, status=413)
        finally:
            session.close("the message was too long")

    async def _exchange(
        self,
        request: web.BaseRequest,
        session: Session,
        fact: Observed,
        *,
        modern: bool,
        token: str = "",
        status: int = 0,
    ) -> web.StreamResponse:
        outlet = cast(HttpOutlet, session.outlet)
        outlet.used = self._now()
        if type(fact) is not RequestReceived:  # which is by far the most common
            if isinstance(fact, MessageMalformed) and not fact.answer:
                return await self._take(session, fact, fact.problem)
            if not isinstance(fact, MessageMalformed | RequestOverflowed):
                return await self._take(session, fact)
        exchange = outlet.expect(fact)
        self._open_exchanges.add(exchange)
        session.push(fact)
        try:
            decision, frame = await exchange.get()
            if type(decision) not in ENDING:
                return await self._stream(request, exchange, decision, frame)
        except asyncio.CancelledError:
            self._left(session, fact, modern=modern)
            raise
        except ConnectionError:
            self._left(session, fact, modern=modern)
            return web.Response()  # nobody will read it; an exception would be logged as an error of ours
        finally:
            self._open_exchanges.discard(exchange)
        return answer(request, decision, frame, modern=modern, token=token, status=status)

    async def _take(self, session: Session, fact: Observed, problem: str = "") -> web.StreamResponse:
        """Say of what gets no answer whether it was accepted, once it is recorded."""
        session.push(fact)
        if not await self._gate.durable(fact):
            return plain(503, "it could not be recorded, so it was not done")
        return plain(400, problem) if problem else web.Response(status=202)

    async def _stream(
        self, request: web.BaseRequest, exchange: Exchange, decision: Decided | None, frame: bytes
    ) -> web.StreamResponse:
        response = web.StreamResponse(headers=_STREAM)
        await response.prepare(request)
        while True:
            if decision is None:
                await response.write(b":\n\n")
            elif frame:
                await response.write(b"event: message\ndata: %b\n\n" % frame)
            if type(decision) in ENDING:
                break
            exchange.since = self._now()
            decision, frame = await exchange.get()
        await response.write_eof()
        return response

    def _left(self, session: Session, fact: Observed, *, modern: bool) -> None:
        """The client is gone. That cancels a stateless request, and only that (2025-11-25, basic/transports)."""
        cast(HttpOutlet, session.outlet).forget(fact)
        request = fact.origin.request
        if modern and request is not None:
            session.leave(request)


def _text(sent: Sequence[str]) -> str | None:
    """A header as text that can be stored. One that was sent twice is both: so it says nothing that the body says."""
    if not sent:
        return None
    header = sent[0] if len(sent) == 1 else ", ".join(sent)
    if header.isascii():
        return header
    # aiohttp makes lone surrogates of bytes that are not UTF-8.
    return header.encode(errors="surrogateescape").decode(errors="replace")
