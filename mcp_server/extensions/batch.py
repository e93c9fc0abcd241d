"""``batch``: many requests in one, each decided like any other.

The requests of a batch are a session of their own, which names the one that sent it as its parent: so each is
authorized, limited, cached and recorded by itself, and both sessions replay from their own events.
"""

import asyncio
from typing import Any, Final

from adapters.sessions import ENDING, Gate, Session
from events import codes
from events.decided import RequestCancelled
from events.event import Decided, Observed, RequestId
from events.message import parse
from events.observed import MessageMalformed, RequestOverflowed
from mcp_server.calls import Answer, Call, CallRefused, Teller
from mcp_server.features.catalogue import Catalogue
from mcp_server.features.encode import to_json
from mcp_server.protocol import JsonRpcRequest
from mcp_server.protocol.advanced import BatchProcessor, BatchRequest

ANSWERS_LIMIT: Final = 8 * 1024 * 1024
"""The most bytes that the answers of a batch may have together: they go out as one message."""

_APART: Final = (MessageMalformed, RequestOverflowed)


class Answers:
    """The way out of a batch: each answer goes to the task that asked.

    Attributes:
        left: Bytes that answers may still have; none or fewer once there were too many.
    """

    def __init__(self, limit: int) -> None:
        self.left = limit
        self._loop = asyncio.get_running_loop()
        self._waiting: dict[object, asyncio.Future[bytes]] = {}
        self._over = False

    def expect(self, fact: Observed) -> asyncio.Future[bytes]:
        """Wait for the answer to ``fact``; empty when there will be none."""
        waiting = self._waiting[_key(fact)] = self._loop.create_future()
        if self._over:
            waiting.set_result(b"")
        return waiting

    def deliver(self, fact: Observed, decision: Decided, frame: bytes) -> None:
        """Hand an answer over. What a call tells before it is over has nobody to go to."""
        if type(decision) not in ENDING:
            return
        key = _key(fact) if isinstance(fact, _APART) else decision.origin.request
        waiting = self._waiting.pop(key, None)
        if waiting is not None and not waiting.done():
            waiting.set_result(b"" if type(decision) is RequestCancelled else frame)

    async def room(self, _request: RequestId | None) -> None:
        """There always is: parts of results go nowhere."""

    def release(self, _request: RequestId | None, _decision: Decided) -> None:
        """There is one channel, and it stays."""

    def close(self, _reason: str) -> None:
        """Nobody is answered any more."""
        self._over = True
        for waiting in self._waiting.values():
            if not waiting.done():
                waiting.set_result(b"")
        self._waiting.clear()


def _key(fact: Observed) -> object:
    return ("fact", id(fact)) if isinstance(fact, _APART) else fact.origin.request


class Batches:
    """Answers ``batch``.

    Args:
        catalogue: Makes the results.
        gate: Where sessions are opened.
        most: Requests that one batch may have.
    """

    def __init__(self, catalogue: Catalogue, gate: Gate, most: int) -> None:
        self._catalogue = catalogue
        self._gate = gate
        self._most = most

    async def answer(self, call: Call, _teller: Teller) -> Answer:
        """Carry out a batch.

        Raises:
            CallRefused: It is malformed; nothing of it was done.
        """
        batch = BatchRequest.from_json(call.params)
        answers = Answers(ANSWERS_LIMIT)
        parent = self._gate.sessions.get(call.session)
        peer, grant = (parent.peer, parent.grant) if parent is not None else ("", None)
        session = self._gate.open(
            "batch", peer, call.principal, answers, parent=call.session, version=call.version, grant=grant
        )

        async def ask(request: JsonRpcRequest) -> Any:
            return await _ask(session, answers, request)

        try:
            response = await BatchProcessor(ask, self._most).process_batch(batch)
        finally:
            answers.close("the batch is over")
            session.close("the batch is over")
        return self._catalogue.result(response.to_json(), call.version)


async def _ask(session: Session, answers: Answers, request: JsonRpcRequest) -> Any:
    """One request on its way through the chain: its result, or its error raised."""
    if answers.left <= 0:
        raise CallRefused(
            codes.ABORTED, "it was not carried out: the answers before it are as long as a batch may have"
        )
    named = {} if request.id is None else {"id": request.id}
    fact = session.read(to_json({"jsonrpc": "2.0", **named, "method": request.method, "params": request.params}))
    if request.id is None:
        return session.push(fact)
    waiting = answers.expect(fact)
    session.push(fact)
    try:
        frame = await waiting
    except asyncio.CancelledError:
        if fact.origin.request is not None:
            session.leave(fact.origin.request)
        raise
    if not frame:
        raise CallRefused(codes.ABORTED, "the request was cancelled, or the session of the batch has ended")
    answers.left -= len(frame)
    if answers.left < 0:
        problem = f"it was carried out, and its answer left out: those of a batch have at most {ANSWERS_LIMIT} bytes"
        raise CallRefused(codes.INTERNAL_ERROR, f"{problem}; send it by itself")
    body = parse(frame)
    if "error" in body:
        error = body["error"]
        raise CallRefused(error["code"], error["message"], error.get("data"))
    return body["result"]
