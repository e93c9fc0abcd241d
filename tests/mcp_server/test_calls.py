"""The calls that are under way: begun, told of, cancelled, expired, aborted."""

import asyncio
import logging
import re
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from events import codes
from events.decided import CallDispatched
from events.event import Observed, RequestId
from events.observed import CallFailed, CallReturned, CallYielded, MessageLogged, ProgressReported
from mcp_server.calls import Answer, Call, CallRefused, Teller
from mcp_server.running import MOST_AHEAD, Calls
from pipeline.ingress import Ingress
from tests.facts import OTHER, SESSION, message, opened, origin
from tests.serving import soon

Function = Callable[[Call, Teller], Coroutine[Any, Any, Answer]]


class Caller:
    """A session whose log and client are as slow as the test wants.

    Attributes:
        recorded: The facts that were asked for, and the future of each.
        reads: Set while the client reads.
    """

    principal = "alice"
    transport = "websocket"

    def __init__(self) -> None:
        self.capabilities: dict[str, Any] = {"roots": {}}
        self.recorded: list[tuple[Observed, asyncio.Future[bool]]] = []
        self.reads = asyncio.Event()
        self.reads.set()

    def durable(self, fact: Observed) -> asyncio.Future[bool]:
        waiter: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self.recorded.append((fact, waiter))
        return waiter

    async def room(self, request: RequestId | None) -> None:
        await self.reads.wait()


class Desk:
    """Calls of one function, and what is told of them."""

    def __init__(self, function: Function, timeout: float = 10.0) -> None:
        self.now = 100.0
        self.caller = Caller()
        self.told: list[Observed] = []
        ingress = Ingress()
        for session in (SESSION, OTHER):
            ingress.push(opened(session=session))
        ingress.facts.subscribe(self.told.append)
        self._function = function
        self.calls = Calls(self, ingress, lambda: self.now, timeout)

    async def answer(self, call: Call, teller: Teller) -> Answer:
        return await self._function(call, teller)

    def is_read_only(self, method: str, name: str) -> bool:
        return name == "reads"

    def begin(self, id: Any = 1, at: float = 100.0, session: str = SESSION) -> None:
        dispatched = CallDispatched(origin(id, at, session), "tools/call", "echo", "2026-07-28")
        self.calls.begin(dispatched, self.caller, message(id, "tools/call", {"name": "echo", "x": 1}))

    async def turns(self) -> None:
        for _ in range(10):
            await asyncio.sleep(0)


async def answered(call: Call, teller: Teller) -> Answer:
    return Answer(b"{}", is_error=call.params["x"] != 1)


async def forever(call: Call, teller: Teller) -> Answer:
    await asyncio.Event().wait()
    raise AssertionError


async def test_a_call_knows_what_was_asked_and_by_whom() -> None:
    seen: list[Call] = []

    async def look(call: Call, teller: Teller) -> Answer:
        seen.append(call)
        return Answer(b"{}")

    desk = Desk(look)
    desk.begin("a")
    await desk.turns()
    (call,) = seen
    params = {"name": "echo", "x": 1}
    lent = desk.calls.lent
    roots: dict[str, Any] = {"roots": {}}
    assert call == Call(SESSION, "a", "alice", "tools/call", params, "2026-07-28", 100.0, lent, "websocket", roots)


async def test_what_came_of_a_call_is_told_once_and_with_its_time() -> None:
    desk = Desk(answered)
    desk.begin(1)
    desk.begin("1", session=OTHER)
    desk.now = 101.0
    await desk.turns()
    assert desk.told == [
        CallReturned(origin(1, 101.0), b"{}", is_error=False),
        CallReturned(origin("1", 101.0, OTHER), b"{}", is_error=False),
    ]
    assert len(desk.calls) == 0


async def test_what_a_call_tells_while_it_runs_is_told_in_order() -> None:
    async def talk(call: Call, teller: Teller) -> Answer:
        teller.progress(1.0, 2.0, "half")
        teller.log("info", "me", b"1")
        teller.chunk(b"{}")
        return Answer(b"{}")

    desk = Desk(talk)
    desk.begin()
    await desk.turns()
    at = origin(1, 100.0)
    assert desk.told[:-1] == [
        ProgressReported(at, 1.0, 2.0, "half"),
        MessageLogged(at, "info", "me", b"1"),
        CallYielded(at, b"{}"),
    ]


async def test_a_refusal_is_an_error_with_its_code() -> None:
    async def refuse(call: Call, teller: Teller) -> Answer:
        raise CallRefused(codes.INVALID_PARAMS, "no such tool", {"name": "x"})

    desk = Desk(refuse)
    desk.begin()
    await desk.turns()
    assert desk.told == [CallFailed(origin(1, 100.0), codes.INVALID_PARAMS, "no such tool", {"name": "x"})]


@pytest.mark.parametrize(("message", "data"), [("\ud800", None), ("", {"at": object()}), ("", {"n": 2**64})])
def test_a_refusal_that_is_no_json_is_told_to_whoever_raises_it(message: str, data: dict[str, object] | None) -> None:
    with pytest.raises(TypeError, match="a refusal that cannot be sent as JSON"):
        CallRefused(1, message, data)


async def test_any_other_exception_is_an_internal_error_that_tells_nothing(caplog: pytest.LogCaptureFixture) -> None:
    async def fail(call: Call, teller: Teller) -> Answer:
        raise ZeroDivisionError("for nobody")

    desk = Desk(fail)
    with caplog.at_level(logging.ERROR):
        desk.begin()
        await desk.turns()
    (told,) = desk.told
    assert isinstance(told, CallFailed)
    about, _, detail = told.detail.partition(": ")
    assert told == CallFailed(origin(1, 100.0), codes.INTERNAL_ERROR, "internal error", {"errorId": about}, told.detail)
    assert re.fullmatch("[0-9a-f]{16}", about)
    assert re.fullmatch("builtins.ZeroDivisionError at test_calls.py:[0-9]+ fail: for nobody", detail)
    (line,) = caplog.records
    assert vars(line).items() >= {"error_id": about, "detail": detail, "session": SESSION, "request": 1}.items()


async def chatter(call: Call, teller: Teller) -> Answer:
    for _ in range(1000):
        teller.chunk(b"{}")
        await teller.room()
    return Answer(b"{}")


async def test_a_call_gets_no_further_ahead_of_the_log_than_is_allowed() -> None:
    desk = Desk(chatter)
    desk.begin()
    for most in (MOST_AHEAD, 2 * MOST_AHEAD):
        for _ in range(500):
            await asyncio.sleep(0)
        assert len(desk.told) == most
        fact, recorded = desk.caller.recorded[-1]
        assert fact is desk.told[-1]
        recorded.set_result(True)


async def test_a_call_waits_for_a_client_that_does_not_read() -> None:
    desk = Desk(chatter)
    desk.caller.reads.clear()
    desk.begin()
    await desk.turns()
    assert len(desk.told) == 1
    desk.caller.reads.set()
    await desk.turns()
    assert len(desk.told) > 1
    desk.caller.reads.clear()
    await desk.turns()
    desk.calls.cancel(SESSION, 1)
    await desk.turns()
    assert len(desk.calls) == 0


async def test_of_a_cancelled_call_nothing_more_is_told() -> None:
    stopped = asyncio.Event()

    async def stubborn(call: Call, teller: Teller) -> Answer:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            stopped.set()
        return Answer(b"{}")

    desk = Desk(stubborn)
    desk.begin()
    await desk.turns()
    desk.calls.cancel(SESSION, 1)
    desk.calls.cancel(SESSION, 1)
    desk.calls.cancel(SESSION, "unknown")
    await soon(stopped.wait())
    await desk.turns()
    assert desk.told == []
    assert len(desk.calls) == 0


async def test_an_id_may_be_used_again_while_its_cancelled_call_is_still_ending() -> None:
    gate = asyncio.Event()

    async def slow_to_stop(call: Call, teller: Teller) -> Answer:
        if not gate.is_set():
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                await gate.wait()
                raise
        return Answer(b'{"second":1}')

    desk = Desk(slow_to_stop)
    desk.begin()
    await desk.turns()
    desk.calls.cancel(SESSION, 1)
    await desk.turns()
    gate.set()
    desk.begin()
    await desk.turns()
    assert desk.told == [CallReturned(origin(1, 100.0), b'{"second":1}')]


async def test_a_call_that_is_cancelled_from_within_has_failed() -> None:
    async def quit_itself(call: Call, teller: Teller) -> Answer:
        raise asyncio.CancelledError

    desk = Desk(quit_itself)
    desk.begin()
    await desk.turns()
    assert desk.told == [CallFailed(origin(1, 100.0), codes.INTERNAL_ERROR, "the call was cancelled from within")]
    desk.begin(2)
    await desk.turns()
    assert len(desk.told) == 2


async def test_a_call_that_takes_too_long_is_stopped_and_has_failed() -> None:
    desk = Desk(forever, timeout=10.0)
    desk.begin(1, at=100.0)
    desk.begin(2, at=105.0)
    await desk.turns()
    desk.now = 110.0
    desk.calls.expire()
    assert desk.told == []
    desk.now = 110.5
    desk.calls.expire()
    desk.calls.expire()
    late = CallFailed(origin(1, 110.5), codes.TIMED_OUT, "the call took longer than 10 s and was stopped")
    assert desk.told == [late]
    assert len(desk.calls) == 1
    desk.calls.cancel(SESSION, 2)


async def test_all_calls_are_aborted_with_a_reason() -> None:
    desk = Desk(forever)
    desk.begin(1)
    desk.begin(2, session=OTHER)
    await desk.turns()
    desk.calls.abort("the server stopped")
    await desk.turns()
    assert desk.told == [
        CallFailed(origin(1, 100.0), codes.ABORTED, "the server stopped"),
        CallFailed(origin(2, 100.0, OTHER), codes.ABORTED, "the server stopped"),
    ]
    assert len(desk.calls) == 0


async def test_a_call_that_has_not_begun_when_it_is_aborted_never_does() -> None:
    desk = Desk(answered)
    desk.begin()
    desk.calls.abort("the server stopped")
    await desk.turns()
    assert desk.told == [CallFailed(origin(1, 100.0), codes.ABORTED, "the server stopped")]


async def test_what_acts_on_nothing_is_known() -> None:
    desk = Desk(answered)
    for name in ("reads", "writes"):
        assert desk.calls.reads(CallDispatched(origin(1), "tools/call", name, "")) == (name == "reads")
