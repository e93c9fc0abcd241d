"""Many requests as one."""

import asyncio
import logging
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from events import codes
from mcp_server.calls import CallRefused
from mcp_server.protocol import JsonRpcRequest
from mcp_server.protocol.advanced import BatchProcessor, BatchRequest, BatchResponse, InvalidRequest
from tests.serving import soon


class Desk:
    """A handler that does what the method says, and keeps account of what runs."""

    def __init__(self) -> None:
        self.begun: list[Any] = []
        self.ended: list[Any] = []
        self.running = self.most = 0
        self.gates: dict[Any, asyncio.Event] = {}
        self.waits = asyncio.Event()

    async def __call__(self, request: JsonRpcRequest) -> Any:
        self.begun.append(request.id)
        self.running += 1
        self.most = max(self.most, self.running)
        try:
            match request.method:
                case "wait":
                    self.waits.set()
                    await self.gates.setdefault(request.id, asyncio.Event()).wait()
                case "turns":
                    for _ in range(request.params["turns"]):
                        await asyncio.sleep(0)
                case "refuse":
                    raise CallRefused(-31002, "no more", {"retryAfter": 3})
                case "fail":
                    raise ZeroDivisionError("secret")
                case "quit":
                    raise asyncio.CancelledError
                case "stubborn":
                    try:
                        self.waits.set()
                        await asyncio.Event().wait()
                    except asyncio.CancelledError:
                        return "as I liked"
        finally:
            self.running -= 1
        self.ended.append(request.id)
        return {"id": request.id}


def batch(*methods: str, **options: Any) -> BatchRequest:
    return BatchRequest("b", [JsonRpcRequest(id, method) for id, method in enumerate(methods, 1)], **options)


def told(response: BatchResponse) -> list[Any]:
    return [each.result if each.error is None else each.error.code for each in response.responses]


async def test_one_failure_leaves_the_others_and_the_order_is_kept(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.ERROR):
        response = await BatchProcessor(Desk()).process_batch(batch("ok", "refuse", "fail", "quit", "ok"))
    internal = codes.INTERNAL_ERROR
    assert told(response) == [{"id": 1}, -31002, internal, internal, {"id": 5}]
    assert [each.id for each in response.responses] == [1, 2, 3, 4, 5]
    assert (response.completed, response.failed, response.cancelled) == (2, 3, 0)
    refused, failed = response.responses[1].error, response.responses[2].error
    assert refused is not None
    assert failed is not None
    assert (refused.message, refused.data) == ("no more", {"retryAfter": 3})
    assert (failed.message, failed.data) == ("internal error", None)
    assert "secret" not in caplog.records[0].getMessage()


@given(turns=st.lists(st.integers(0, 5), min_size=1, max_size=30), concurrent=st.integers(1, 8), parallel=st.booleans())
def test_never_more_are_under_way_than_allowed_and_always_as_many_as_possible(
    turns: list[int], concurrent: int, parallel: bool
) -> None:
    desk = Desk()
    requests = [JsonRpcRequest(id, "turns", {"turns": count}) for id, count in enumerate(turns)]
    response = asyncio.run(BatchProcessor(desk).process_batch(BatchRequest(1, requests, parallel, concurrent)))
    allowed = concurrent if parallel else 1
    assert desk.most <= allowed
    if min(turns) > 0:
        assert desk.most == min(allowed, len(turns))
    assert [each.result for each in response.responses] == [{"id": id} for id in range(len(turns))]
    assert desk.begun == list(range(len(turns)))
    if allowed == 1:
        assert desk.ended == desk.begun


async def test_a_batch_without_a_bound_is_seen_to_break_it() -> None:
    """The control: the desk counts what runs at once."""
    desk = Desk()
    await asyncio.gather(*(desk(JsonRpcRequest(id, "turns", {"turns": 1})) for id in range(9)))
    assert desk.most == 9


@pytest.mark.parametrize("parallel", [True, False])
async def test_the_first_failure_ends_the_batch_when_asked(parallel: bool) -> None:
    desk = Desk()
    options = {"parallel": parallel, "max_concurrent": 2, "stop_on_error": True}
    methods = ("ok", "refuse", "ok", "ok") if not parallel else ("wait", "refuse", "ok", "ok")
    response = await soon(BatchProcessor(desk).process_batch(batch(*methods, **options)))
    first = {"id": 1} if not parallel else codes.ABORTED
    assert told(response) == [first, -31002, codes.ABORTED, codes.ABORTED]
    assert desk.begun == [1, 2]
    assert desk.running == 0
    assert response.responses[3].error is not None
    assert response.responses[3].error.message == "an earlier request of the batch failed"


async def test_notifications_are_carried_out_and_not_answered() -> None:
    desk = Desk()
    requests = [JsonRpcRequest(method="ok"), JsonRpcRequest("a", "ok"), JsonRpcRequest(method="refuse")]
    response = await BatchProcessor(desk).process_batch(BatchRequest("b", requests))
    assert [each.id for each in response.responses] == ["a"]
    assert (response.completed, response.failed) == (2, 1)
    assert desk.begun == [None, "a", None]


async def test_a_batch_that_is_cancelled_tells_what_was_done_and_what_was_not() -> None:
    desk = Desk()
    processor = BatchProcessor(desk)
    task = asyncio.create_task(processor.process_batch(batch("ok", "stubborn", "wait", "ok", max_concurrent=2)))
    await soon(desk.waits.wait())
    for _ in range(10):
        await asyncio.sleep(0)
    assert desk.begun == [1, 2, 3]
    assert processor.cancel("b")
    response = await soon(task)
    assert told(response) == [{"id": 1}, codes.ABORTED, codes.ABORTED, codes.ABORTED]
    assert (response.completed, response.failed, response.cancelled) == (1, 0, 3)
    assert desk.running == 0
    assert not processor.cancel("b")


async def test_a_caller_that_is_cancelled_leaves_nothing_running() -> None:
    desk = Desk()
    before = asyncio.all_tasks()
    task = asyncio.create_task(BatchProcessor(desk).process_batch(batch("wait", "stubborn", "wait", "ok")))
    await soon(desk.waits.wait())
    assert len(asyncio.all_tasks() - before) > 1  # the control: there is something to be left
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await soon(task)
    assert desk.running == 0
    assert asyncio.all_tasks() == before


async def test_an_id_is_free_again_when_its_batch_is_over() -> None:
    desk = Desk()
    processor = BatchProcessor(desk)
    task = asyncio.create_task(processor.process_batch(batch("wait")))
    await soon(desk.waits.wait())
    with pytest.raises(InvalidRequest, match="a batch of this id is under way"):
        await processor.process_batch(batch("ok"))
    desk.gates[1].set()
    await soon(task)
    await processor.process_batch(batch("ok"))


async def test_a_batch_that_is_too_large_is_refused_as_a_whole() -> None:
    desk = Desk()
    with pytest.raises(InvalidRequest, match="requests must have at most 2 requests, not 3"):
        await BatchProcessor(desk, 2).process_batch(batch("ok", "ok", "ok"))
    assert desk.begun == []


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (batch, "requests must be a list of at least one request"),
        (lambda: batch("ok", "batch"), r"requests\[1\] is a batch: a batch has no batches in it"),
        (lambda: BatchRequest("b", [JsonRpcRequest(1, "a")] * 2), r"requests\[1\].id is used twice"),
        (lambda: BatchRequest(None, [JsonRpcRequest(1, "a")]), "id must name the batch"),  # type: ignore[arg-type]
        (lambda: batch("ok", max_concurrent=0), "max_concurrent must be an integer from 1 to 100, not 0"),
        (lambda: batch("ok", parallel=1), "parallel must be true or false, not 1"),
        (lambda: BatchRequest("b", ["x"]), r"requests\[0\] must be a JsonRpcRequest"),  # type: ignore[list-item]
    ],
)
def test_what_is_wrong_with_a_batch_is_said_when_it_is_made(make: Callable[[], object], words: str) -> None:
    with pytest.raises(InvalidRequest, match=words):
        make()


def test_a_string_and_an_integer_are_two_ids() -> None:
    assert len(BatchRequest("b", [JsonRpcRequest(1, "a"), JsonRpcRequest("1", "a")]).requests) == 2


@pytest.mark.parametrize(
    ("params", "words"),
    [
        ({"id": 1}, "params.id and params.requests must be there"),
        ({"id": 1, "requests": [{"id": 1}]}, r"params.requests\[0\].method must be a string of 1 to 256 characters"),
        ({"id": 1, "requests": [3]}, r"params.requests\[0\] must be an object, not 3"),
        ({"id": 1, "requests": [{"id": None, "method": "a"}]}, r"params.requests\[0\].id must not be null"),
        ({"id": 1, "requests": [{"id": 1.5, "method": "a"}]}, r"params.requests\[0\].id must be a string"),
        ({"id": 1, "requests": [{"method": "a", "params": []}]}, r"params.requests\[0\].params must be an object"),
        ({"id": 1, "requests": [{"method": "a"}] * 101}, "params.requests must have at most 100 requests, not 101"),
        ({"id": 1, "requests": [], "paralel": True}, "params has no member 'paralel'; did you mean parallel?"),
    ],
)
def test_what_is_wrong_with_the_parameters_of_a_batch_is_said(params: dict[str, Any], words: str) -> None:
    with pytest.raises(InvalidRequest, match=words):
        BatchRequest.from_json(params)


async def test_a_batch_from_json_comes_back_as_json() -> None:
    params = {"id": "b", "requests": [{"id": 1, "method": "ok", "params": {}}, {"id": 2, "method": "refuse"}]}
    answer = (await BatchProcessor(Desk()).process_batch(BatchRequest.from_json(params))).to_json()
    assert answer.pop("duration") >= 0
    assert answer == {
        "id": "b",
        "responses": [
            {"jsonrpc": "2.0", "id": 1, "result": {"id": 1}},
            {"jsonrpc": "2.0", "id": 2, "error": {"code": -31002, "message": "no more", "data": {"retryAfter": 3}}},
        ],
        "completed": 1,
        "failed": 1,
        "cancelled": 0,
    }
