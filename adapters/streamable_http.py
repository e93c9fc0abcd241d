"""Streamable HTTP: one endpoint, both eras.

Sources: MCP 2025-11-25 and 2026-07-28, basic/transports. A request is answered with JSON, or with a stream of events
once it has something to tell before its answer; until then the status is still open.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Final, TypeAlias, cast

from aiohttp import StreamReader, hdrs, web
from multidict import CIMultiDictProxy

from adapters.event_ids import EventId, event_id
from adapters.http_answers import SESSION_HEADER, answer, unacceptable
from adapters.http_exchange import Exchange, HttpOutlet, Item
from adapters.http_sessions import HttpSessions, Restore
from adapters.listener import READ_LIMIT, Connection, plain
from adapters.seal import Seal
from adapters.sessions import ENDING, Gate, Session
from events import codes
from events.decided import StreamReleased
from events.event import Observed, RequestId, SessionId
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
from operators.param_headers import PREFIX
from operators.versions import LEGACY

KEEP_ALIVE: Final = 15.0
"""Seconds after which a silent response becomes a stream, and a silent stream is sent a comment, so that proxies keep
it open."""

_HOMELESS: Final = "this belongs to a session, and none is named: send Mcp-Session-Id, which the handshake told"

_VERSION: Final = "MCP-Protocol-Version"
_METHOD: Final = "Mcp-Method"
_NAME: Final = "Mcp-Name"
_LAST: Final = "Last-Event-ID"

_POLLED: Final = frozenset({"2025-11-25"})
"""The versions in which a stream may begin with an event that holds nothing, and break off."""

_RETRY: Final = 1000
"""Milliseconds after which a client may come back when a stream broke off."""

_PAUSE: Final = 0.05
_TRIES: Final = 100

History: TypeAlias = Callable[[SessionId, RequestId | None], list[bytes]]

_STREAM: Final = {"Content-Type": "text/event-stream", "Cache-Control": "no-cache", "X-Accel-Buffering": "no"}


class HttpEndpoint:
    """Carries Streamable HTTP.

    Args:
        idle: Seconds after which a legacy session that is not used is closed.
        handles: See :class:`HttpSessions`; so is ``restore``.
        history: The messages that were sent on the stream of a request, or on that of none; it reads the log.
    """

    def __init__(self, gate: Gate, idle: float, handles: Seal, restore: Restore, history: History) -> None:
        self._gate = gate
        self._history = history
        self.sessions = HttpSessions(gate, idle, handles, restore)
        self._open_exchanges: set[Exchange] = set()
        self._now = asyncio.get_running_loop().time

    def __call__(self, request: web.BaseRequest, connection: Connection) -> Awaitable[web.StreamResponse]:
        """Answer one HTTP request."""
        return self._post(request, connection) if request.method == "POST" else self._without_message(request)

    async def _without_message(self, request: web.BaseRequest) -> web.StreamResponse:
        token = request.headers.get(SESSION_HEADER)
        if token is None or request.method not in ("GET", "DELETE"):
            return plain(405, "send messages with POST", {"Allow": "POST"})
        session = await self.sessions.find(token, request)
        if session is None:
            return plain(404, "there is no such session")
        if request.method == "GET":
            return await self._listen(request, session)
        self.sessions.end(token, "the client ended it")
        return web.Response(status=204)

    async def _listen(self, request: web.BaseRequest, session: Session) -> web.StreamResponse:
        """The stream of what belongs to no request, or the rest of one that broke off (2025-11-25, transports)."""
        accept = request.headers.get(hdrs.ACCEPT, "*/*").lower()
        if "text/event-stream" not in accept and "*/*" not in accept:
            return plain(406, "the Accept header must list text/event-stream")
        last = request.headers.get(_LAST)
        place = EventId(None, -1) if last is None else event_id(last)
        if place is None:
            return plain(400, f"{_LAST} names no event of this session")
        outlet = cast(HttpOutlet, session.outlet)
        outlet.used = self._now()
        # First this: what goes out from here on comes to the exchange, and what went out before is in the log.
        going_on = place.request is None or place.request in session.pending
        exchange = outlet.listen(place.request) if going_on else None
        try:
            return await self._resume(request, session, place, exchange)
        except ConnectionError:
            return web.Response()  # nobody will read it
        finally:
            if exchange is not None:
                outlet.leave(place.request, exchange)
                self._open_exchanges.discard(exchange)

    async def _resume(
        self, request: web.BaseRequest, session: Session, place: EventId, exchange: Exchange | None
    ) -> web.StreamResponse:
        counts = cast(HttpOutlet, session.outlet).counts or {}
        sent, missed = counts.get(place.request, 0), []
        if place.number >= 0:
            missed = await self._recorded(session, place.request, sent if exchange is not None else 0)
            if place.number > len(missed) or (exchange is None and not missed):
                return plain(400, f"{_LAST} names an event that was never sent")
        response = web.StreamResponse(headers=_STREAM)
        await response.prepare(request)
        upto = sent if exchange is not None else len(missed)
        for number, frame in enumerate(missed[:upto], 1):
            if number > place.number:
                await response.write(_event(EventId(place.request, number), frame))
        if exchange is None:
            await response.write_eof()
            return response
        self._open_exchanges.add(exchange)
        return await self._tell(response, exchange, place.request, await exchange.get())

    async def _recorded(self, session: Session, request: RequestId | None, least: int) -> list[bytes]:
        """What was sent on a stream; with ``async`` durability the last of it may still be on its way to the log."""
        found = await asyncio.to_thread(self._history, session.id, request)
        for _ in range(_TRIES):
            if len(found) >= least:
                break
            await asyncio.sleep(_PAUSE)
            found = await asyncio.to_thread(self._history, session.id, request)
        return found

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
            _text(head.getall(_VERSION, ())),
            _text(head.getall(_METHOD, ())),
            _text(head.getall(_NAME, ())),
            _params(head) if self._gate.wants_params else None,
        )
        if headers.protocol_version is not None and headers.protocol_version not in LEGACY:
            session = self.sessions.stateless(request, connection, raw)
            return await self._exchange(request, session, session.read(raw, headers), modern=True)
        if token := head.get(SESSION_HEADER):
            legacy = self.sessions.known(token, request) or await self.sessions.find(token, request)
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
            item = await exchange.get()
            decision, frame, _ = item
            if type(decision) not in ENDING:
                return await self._stream(request, session, fact.origin.request, exchange, item)
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
        self, request: web.BaseRequest, session: Session, id: RequestId | None, exchange: Exchange, item: Item
    ) -> web.StreamResponse:
        response = web.StreamResponse(headers=_STREAM)
        await response.prepare(request)
        if cast(HttpOutlet, session.outlet).counts is not None and request.headers.get(_VERSION) in _POLLED:
            # So that the client knows the stream, should it break off before anything else came.
            await response.write(b"id: %b\nretry: %d\ndata: \n\n" % (str(EventId(id, 0)).encode(), _RETRY))
        return await self._tell(response, exchange, id, item)

    async def _tell(
        self, response: web.StreamResponse, exchange: Exchange, id: RequestId | None, item: Item
    ) -> web.StreamResponse:
        """Write what comes, until the answer, or until the stream is let go of."""
        while True:
            decision, frame, number = item
            if decision is None:
                await response.write(b":\n\n")
            elif frame:
                await response.write(_event(EventId(id, number) if number else None, frame))
            elif isinstance(decision, StreamReleased):
                await response.write(b"retry: %d\n\n" % max(0, int(decision.retry * 1000)))
                break
            if type(decision) in ENDING:
                break
            exchange.since = self._now()
            item = await exchange.get()
        await response.write_eof()
        return response

    def _left(self, session: Session, fact: Observed, *, modern: bool) -> None:
        """The client is gone. That cancels a stateless request, and only that (2025-11-25, basic/transports)."""
        cast(HttpOutlet, session.outlet).forget(fact)
        request = fact.origin.request
        if modern and request is not None:
            session.leave(request)


def _params(head: "CIMultiDictProxy[str]") -> dict[str, str]:
    """The headers that repeat arguments."""
    names = {name.lower() for name in head if name.lower().startswith(PREFIX)}
    return {name.removeprefix(PREFIX): _text(head.getall(name)) or "" for name in sorted(names)}


def _event(id: EventId | None, frame: bytes) -> bytes:
    named = b"" if id is None else b"id: %b\n" % str(id).encode()
    return b"%bevent: message\ndata: %b\n\n" % (named, frame)


def _text(sent: Sequence[str]) -> str | None:
    """A header as text that can be stored. One that was sent twice is both: so it says nothing that the body says."""
    if not sent:
        return None
    header = sent[0] if len(sent) == 1 else ", ".join(sent)
    if header.isascii():
        return header
    # aiohttp makes lone surrogates of bytes that are not UTF-8.
    return header.encode(errors="surrogateescape").decode(errors="replace")
