import asyncio
import json
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from msgspec.structs import replace

from events import codes
from events.decided import ErrorReady, PermitAsked, RequestRejected, ResponseReady
from events.event import Event
from events.observed import SessionOpened
from mcp_server.calls import CallRefused
from mcp_server.production.middleware import Ended, Middleware, ProductionMiddleware
from mcp_server.production.middleware_stack import MiddlewareStack
from mcp_server.production.performance import PerformanceMonitor
from mcp_server.protocol.messages import JsonRpcError, JsonRpcRequest, JsonRpcResponse
from operators.admitted import Admitted
from tests.serving import soon

REQUEST = {"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {}}
RESPONSE = {"jsonrpc": "2.0", "id": 1, "result": {"tools": []}}


class Limiter:
    """Lets ``most`` requests of each key pass."""

    def __init__(self, most: int) -> None:
        self.most = most
        self.asked: list[str] = []

    async def check_limit(self, key: str) -> Any:
        self.asked.append(key)
        left = self.most - self.asked.count(key)
        return SimpleNamespace(allowed=left >= 0, retry_after=2.5, remaining=max(0, left), limit=self.most)


class Words(PerformanceMonitor):
    """Remembers how requests ended."""

    def __init__(self) -> None:
        super().__init__()
        self.words: list[str] = []

    def end(self, id: Any, method: str, status: str) -> float | None:
        self.words.append(status)
        return super().end(id, method, status)


@pytest.fixture
def words() -> Words:
    return Words()


@pytest.fixture(autouse=True)
def _logs(log_file: Path) -> None:
    """Lines go to a file."""


def read(file: Path) -> str:
    return file.read_text()


async def answer(_request: Any) -> Any:
    return RESPONSE


async def run(stack: MiddlewareStack, handler: Any = answer, request: Any = REQUEST, **client: str) -> Any:
    return await soon(stack.process_request(request, handler, client_info=client))


async def test_what_the_handler_gives_is_given_on_as_it_is(words: Words) -> None:
    stack = MiddlewareStack(words)
    assert await run(stack) is RESPONSE
    assert await run(stack, lambda request: request) is REQUEST
    refused = {"jsonrpc": "2.0", "id": 1, "error": {"code": -1, "message": "no", "data": {"a": 1}}}
    assert await run(stack, lambda _: refused) is refused
    failed = {"jsonrpc": "2.0", "id": 1, "result": {"content": [], "isError": True}}
    assert await run(stack, lambda _: failed) is failed
    assert words.words == ["ok", "ok", "error", "tool error"]
    assert not words.active()


async def test_a_caller_who_comes_too_often_is_told_which_limit_and_when_to_come_again(words: Words) -> None:
    limiter = Limiter(2)
    stack = MiddlewareStack(words)
    stack.set_default_middleware(ProductionMiddleware(limiter, limit="calls"))
    answers = [await run(stack, user_id="u", client_ip="192.168.1.1") for _ in range(3)]
    assert answers[:2] == [RESPONSE] * 2
    error = answers[2]["error"]
    assert error["code"] == codes.RATE_LIMITED
    assert error["data"] == {"limit": "calls", "remaining": 0.0, "retryAfter": 2.5}
    assert answers[2]["id"] == 1
    assert (await run(stack, user_id="v")) is RESPONSE
    assert words.words == ["ok", "ok", "throttled", "ok"]
    assert limiter.asked == ["u", "u", "u", "v"]


@pytest.mark.parametrize(
    ("client", "key"),
    [
        ({"user_id": "u", "client_ip": "::1"}, "u"),
        ({"client_ip": "::1"}, "address:::1"),
        ({}, "anonymous"),
        ({"user_id": "", "client_ip": ""}, "anonymous"),
    ],
)
async def test_who_shares_a_limit_is_the_user_else_the_address(words: Words, client: dict[str, str], key: str) -> None:
    limiter = Limiter(1)
    await run(MiddlewareStack(words, ProductionMiddleware(limiter)), **client)
    assert limiter.asked == [key]


async def test_who_shares_a_limit_can_be_said(words: Words) -> None:
    limiter = Limiter(1)
    stack = MiddlewareStack(
        words, ProductionMiddleware(limiter, lambda request, caller: f"{request.method} {caller.peer}")
    )
    await run(stack, client_ip="::1")
    assert limiter.asked == ["tools/list ::1"]


async def test_a_limit_is_called_what_its_configuration_says(words: Words) -> None:
    limiter = Limiter(0)
    assert (await run(MiddlewareStack(words, ProductionMiddleware(limiter))))["error"]["data"]["limit"] == "requests"
    limiter.config = SimpleNamespace(name="searches")  # type: ignore[attr-defined]  # as those of the server have
    assert (await run(MiddlewareStack(words, ProductionMiddleware(limiter))))["error"]["data"]["limit"] == "searches"


async def test_a_limiter_that_fails_lets_nobody_pass(words: Words) -> None:
    class Away:
        async def check_limit(self, key: str) -> Any:
            raise ConnectionError(key)

    called: list[object] = []
    response = await run(MiddlewareStack(words, ProductionMiddleware(Away())), called.append)
    assert response["error"]["code"] == codes.OVERLOADED
    assert response["error"]["data"] == {"retryAfter": 1.0}
    assert (called, words.words) == ([], ["error"])


async def test_an_exception_becomes_an_error_that_tells_nothing_of_it(words: Words, log_file: Path) -> None:
    def fail(_request: Any) -> None:
        raise ValueError("secret payload")

    response = await run(MiddlewareStack(words), fail, user_id="u")
    assert response == {"jsonrpc": "2.0", "id": 1, "error": {"code": -32603, "message": "internal error"}}
    written = read(log_file)
    failed, ended = map(json.loads, written.splitlines())
    assert (failed["error"], failed["request_id"], failed["user_id"]) == ("builtins.ValueError", 1, "u")
    assert failed["where"][-1].endswith(" fail")
    assert (ended["event"], ended["outcome"], ended["method"]) == ("request ended", "error", "tools/list")
    assert ended["duration_ms"] >= 0
    assert "secret" not in written


async def test_a_refusal_that_a_handler_raises_is_given_on(words: Words) -> None:
    def refuse(_request: Any) -> None:
        raise CallRefused(-32602, "no such tool", {"name": "x"})

    response = await run(MiddlewareStack(words), refuse)
    assert response["error"] == {"code": -32602, "message": "no such tool", "data": {"name": "x"}}


async def test_requests_and_responses_may_be_objects(words: Words) -> None:
    stack = MiddlewareStack(words, ProductionMiddleware(Limiter(1)))
    request = JsonRpcRequest(id=1, method="tools/list", params={})
    response = JsonRpcResponse(1, {})
    assert await run(stack, lambda _: response, request) is response
    refused = await run(stack, lambda _: response, request)
    assert isinstance(refused, JsonRpcResponse)
    assert isinstance(refused.error, JsonRpcError)
    assert refused.error.code == codes.RATE_LIMITED
    error = JsonRpcResponse(1, error=JsonRpcError(-1, "no"))
    assert await run(MiddlewareStack(words), lambda _: error, request) is error


@pytest.mark.parametrize("request_", [{}, {"method": ""}, {"method": 1}, object(), {"method": "m", "id": 1.5}])
async def test_what_is_no_request_is_told(words: Words, request_: Any) -> None:
    with pytest.raises(TypeError, match="request"):
        await MiddlewareStack(words).process_request(request_, answer)


def test_what_is_no_middleware_is_told(words: Words) -> None:
    with pytest.raises(TypeError, match="not object"):
        MiddlewareStack(words).set_default_middleware(object())  # type: ignore[arg-type]  # the mistake


class Traced(Middleware):
    """Notes when it decides."""

    def __init__(self, name: str, notes: list[str]) -> None:
        self.name = name
        self._notes = notes

    def before(self, request: Admitted, caller: SessionOpened) -> Sequence[Event]:
        self._notes.append(f"{self.name} before {request.method} of {caller.principal}")
        return (request,)

    def after(self, ended: Ended, request: Admitted, caller: SessionOpened) -> Sequence[Event]:
        self._notes.append(f"{self.name} after {type(ended).__name__}")
        return (ended,)


async def test_the_first_decides_first_before_the_handler_and_last_after_it(words: Words) -> None:
    notes: list[str] = []
    stack = MiddlewareStack(words, Traced("one", notes))
    stack.add_middleware(Traced("two", notes))
    await run(stack, lambda _: notes.append("handler"), user_id="u")
    assert notes == [
        "one before tools/list of u",
        "two before tools/list of u",
        "handler",
        "two after ResponseReady",
        "one after ResponseReady",
    ]


async def test_two_limiters_are_asked_one_after_the_other_and_each_answers_for_itself(words: Words) -> None:
    first, second = Limiter(2), Limiter(1)
    stack = MiddlewareStack(words, ProductionMiddleware(), ProductionMiddleware(first), ProductionMiddleware(second))
    for _ in range(3):
        await run(stack, user_id="u")
    assert words.words == ["ok", "throttled", "throttled"]
    assert (len(first.asked), len(second.asked)) == (3, 2)


class Refusing(Middleware):
    def before(self, request: Admitted, caller: SessionOpened) -> Sequence[Event]:
        return (RequestRejected(request.origin, codes.UNAUTHORIZED, "not you"),)


class Answering(Middleware):
    def before(self, request: Admitted, caller: SessionOpened) -> Sequence[Event]:
        return (ResponseReady(request.origin, b'{"known":true}'),)


class Softening(Middleware):
    def after(self, ended: Ended, request: Admitted, caller: SessionOpened) -> Sequence[Event]:
        return (replace(ended, message="try later"),) if isinstance(ended, ErrorReady) else (ended,)


class Swallowing(Middleware):
    def before(self, request: Admitted, caller: SessionOpened) -> Sequence[Event]:
        return ()


class Broken(Middleware):
    def before(self, request: Admitted, caller: SessionOpened) -> Sequence[Event]:
        raise RuntimeError("a mistake")


class BrokenAfter(Middleware):
    def after(self, ended: Ended, request: Admitted, caller: SessionOpened) -> Sequence[Event]:
        raise RuntimeError("a mistake")


class AskingNobody(Middleware):
    def before(self, request: Admitted, caller: SessionOpened) -> Sequence[Event]:
        return (PermitAsked(request.origin, (("nobody", ""),), 1.0),)


@pytest.mark.parametrize(
    ("middleware", "code"),
    [(Refusing, -31003), (Swallowing, -32603), (Broken, -32603), (AskingNobody, -31001)],
)
async def test_a_request_that_does_not_pass_gets_one_error_and_no_handler(
    words: Words, middleware: type[Middleware], code: int
) -> None:
    called: list[object] = []
    response = await run(MiddlewareStack(words, middleware()), called.append)
    assert (response["error"]["code"], called) == (code, [])


async def test_a_middleware_may_answer_itself_or_change_an_error(words: Words) -> None:
    assert (await run(MiddlewareStack(words, Answering())))["result"] == {"known": True}
    stack = MiddlewareStack(words, Softening(), Refusing())
    assert (await run(stack))["error"] == {"code": -31003, "message": "try later"}


async def test_a_mistake_after_the_handler_does_not_cost_the_answer(words: Words) -> None:
    assert await run(MiddlewareStack(words, BrokenAfter())) is RESPONSE


async def test_one_who_leaves_cancels_the_handler_and_is_counted(words: Words) -> None:
    begun, stopped = asyncio.Event(), asyncio.Event()

    async def wait(_request: Any) -> None:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            stopped.set()

    task = asyncio.create_task(MiddlewareStack(words).process_request(REQUEST, wait))
    await soon(begun.wait())
    assert [each["method"] for each in words.active()] == ["tools/list"]
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert stopped.is_set()
    assert (words.words, words.active()) == (["cancelled"], [])


async def test_requests_side_by_side_do_not_mix_even_with_the_same_id(words: Words) -> None:
    stack = MiddlewareStack(words, ProductionMiddleware(Limiter(1)))
    together = asyncio.Barrier(20)

    async def echo(request: Any) -> Any:
        await together.wait()
        return {"result": request["params"]["n"]}

    requests = [{**REQUEST, "params": {"n": number}} for number in range(20)]
    answers = await asyncio.gather(
        *(run(stack, echo, request, user_id=str(number)) for number, request in enumerate(requests))
    )
    assert [each["result"] for each in answers] == list(range(20))
    assert not stack._chain._steps
