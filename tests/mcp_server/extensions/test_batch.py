import asyncio
from typing import Any

import pytest

from events import codes
from events.decided import CallDispatched, PermitAsked, RequestCancelled
from events.observed import NotificationReceived, SessionClosed, SessionOpened
from mcp_server.extensions.batch import Answers
from operators.policy import Limit
from operators.versions import LATEST_LEGACY, MODERN
from replay.replay import verify
from tests.facts import request
from tests.serving import Served, call_params, serving, soon

ITEMS: list[dict[str, Any]] = [
    {"id": 1, "method": "tools/call", "params": call_params("echo", text="a")},
    {"id": "1", "method": "tools/call", "params": call_params("fail", text="b")},
    {"id": 2, "method": "no/such", "params": {}},
    {"id": 3, "method": "tools/list"},
]


def batch(*requests: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"id": "b", "requests": list(requests), **more}


def outcomes(result: dict[str, Any]) -> list[tuple[Any, Any]]:
    """For each answer its id, and the code of its error, or None."""
    return [(each["id"], each["error"]["code"] if "error" in each else None) for each in result["responses"]]


def replayed(served: Served) -> int:
    """How many sessions there are; each replays from its own events."""
    verdicts = list(verify(served.log.reader().records()))
    assert all(verdict.holds for verdict in verdicts), verdicts
    return len(verdicts)


@pytest.mark.parametrize("era", ["modern", "legacy"])
@pytest.mark.parametrize("parallel", [True, False])
async def test_each_request_of_a_batch_has_its_own_outcome_in_the_order_of_the_requests(
    era: str, *, parallel: bool
) -> None:
    async with serving() as served:
        if era == "modern":
            reply = await served.modern(7, "batch", batch(*ITEMS, parallel=parallel))
        else:
            headers = await served.initialize()
            body = {"jsonrpc": "2.0", "id": 7, "method": "batch", "params": batch(*ITEMS, parallel=parallel)}
            reply = await served.post(body, headers)
        result = reply.body["result"]
        assert outcomes(result) == [(1, None), ("1", None), (2, codes.METHOD_NOT_FOUND), (3, None)]
        assert (result["id"], result["completed"], result["failed"]) == ("b", 3, 1)
        assert result["responses"][0]["result"]["content"] == [{"type": "text", "text": "a"}]
        assert result["responses"][1]["result"]["isError"] is True


async def test_the_requests_of_a_batch_are_a_session_that_names_its_parent_and_replays_by_itself() -> None:
    async with serving() as served:
        await served.modern(7, "batch", batch(*ITEMS))
        parent, child = served.recorded(SessionOpened)
        assert (child.transport, child.parent, child.version) == ("batch", parent.origin.session, MODERN[0])
        assert child.principal == parent.principal
        (closed,) = await served.until(SessionClosed)
        assert (closed.origin.session, closed.reason) == (child.origin.session, "the batch is over")
        dispatched = [(each.origin.session, each.method) for each in served.recorded(CallDispatched)]
        assert dispatched[0] == (parent.origin.session, "batch")
        assert {session for session, _ in dispatched[1:]} == {child.origin.session}
        assert replayed(served) == 2


async def test_a_notification_in_a_batch_is_recorded_and_not_answered() -> None:
    async with serving() as served:
        reply = await served.modern(7, "batch", batch({"method": "notifications/x"}, ITEMS[0]))
        assert outcomes(reply.body["result"]) == [(1, None)]
        assert len(served.recorded(NotificationReceived)) == 1


async def test_each_request_of_a_batch_counts_for_the_limits() -> None:
    limit = Limit("calls", "principal", per_second=0.001, burst=2)
    async with serving(limits=(limit,)) as served:
        items = [{"id": number, "method": "tools/call", "params": call_params("echo", text="a")} for number in range(4)]
        reply = await served.modern(7, "batch", batch(*items, parallel=False))
        assert [code for _, code in outcomes(reply.body["result"])] == [None, None, *[codes.RATE_LIMITED] * 2]
        assert len(served.recorded(PermitAsked)) == 4


async def test_no_more_requests_are_under_way_than_the_batch_says() -> None:
    async with serving() as served:
        items = [{"id": gate, "method": "tools/call", "params": call_params("act", gate=gate)} for gate in "abcd"]
        asked = asyncio.create_task(served.modern(7, "batch", batch(*items, max_concurrent=2)))
        await soon(served.tools.begun["b"].wait())
        assert served.tools.done == ["a", "b"]
        for gate in "abcd":
            served.tools.gates[gate].set()
        reply = await soon(asked)
        assert reply.body["result"]["completed"] == 4


async def test_a_batch_that_is_cancelled_cancels_what_runs() -> None:
    async with serving() as served, served.socket() as socket:
        await socket.request(
            7, "batch", batch({"id": 1, "method": "tools/call", "params": call_params("act", gate="a")})
        )
        await soon(served.tools.begun["a"].wait())
        await socket.send('{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":7}}')
        await soon(served.tools.stopped["a"].wait())
        assert len(await served.until(RequestCancelled, 2)) == 2
        await served.until(SessionClosed)
        assert served.app.gate.in_flight == 0
        assert (await socket.ask(8, "ping"))["result"] == {}


@pytest.mark.parametrize(
    ("params", "problem"),
    [
        ({}, "params.id and params.requests must be there"),
        (batch(), "at least one request"),
        (batch({"id": 1, "method": "batch", "params": {}}), "a batch has no batches in it"),
        (batch(ITEMS[0], ITEMS[0]), "used twice"),
        (batch(*({"id": number, "method": "tools/list"} for number in range(101))), "at most 100 requests"),
        (batch(ITEMS[0], max_concurrent=0), "max_concurrent must be an integer from 1 to 100"),
    ],
)
async def test_a_batch_that_is_wrong_is_refused_as_a_whole(params: dict[str, Any], problem: str) -> None:
    async with serving() as served:
        reply = await served.modern(7, "batch", params)
        assert reply.code == codes.INVALID_PARAMS
        assert problem in reply.body["error"]["message"]
        assert len(served.recorded(CallDispatched)) == 1


async def test_what_cannot_be_in_a_batch_fails_alone() -> None:
    async with serving() as served, served.socket() as socket:
        answer = await socket.ask(
            7, "batch", batch({"id": 1, "method": "initialize", "params": {}}, {"id": 2, "method": "ping"})
        )
        assert outcomes({"responses": answer["result"]["responses"][:1]}) == [(1, codes.INVALID_REQUEST)]
        assert answer["result"]["responses"][1]["result"] == {}
        assert served.recorded(SessionOpened)[1].version == LATEST_LEGACY


async def test_the_answers_of_a_batch_have_a_bound_together() -> None:
    async with serving() as served, served.socket() as socket:
        sizes = [3_000_000, 4_000_000, 3_000_000, 1, 1]
        items = [
            {"id": id, "method": "tools/call", "params": call_params("big", size=size)} for id, size in enumerate(sizes)
        ]
        answer = await socket.ask(7, "batch", batch(*items, parallel=False))
        found = outcomes(answer["result"])
        assert found == [(0, None), (1, None), (2, codes.INTERNAL_ERROR), (3, codes.ABORTED), (4, codes.ABORTED)]
        assert "its answer left out" in answer["result"]["responses"][2]["error"]["message"]
        assert len(served.recorded(CallDispatched)) == 5  # with the handshake: the last two were not carried out
        assert (await socket.ask(8, "ping"))["result"] == {}


async def test_a_client_that_leaves_cancels_its_batch() -> None:
    async with serving() as served:
        item = {"id": 1, "method": "tools/call", "params": call_params("act", gate="a")}
        asking = asyncio.create_task(served.modern(7, "batch", batch(item)))
        await soon(served.tools.begun["a"].wait())
        asking.cancel()
        await soon(served.tools.stopped["a"].wait())
        await served.until(SessionClosed)
        assert len(await served.until(RequestCancelled, 2)) == 2
        assert served.app.gate.in_flight == 0


async def test_the_answers_of_a_session_that_ended_are_waited_for_by_nobody() -> None:
    answers, fact = Answers(1), request(1, "ping")
    waiting = answers.expect(fact)
    answers.close("lost")
    assert (await soon(waiting), await soon(answers.expect(fact))) == (b"", b"")


async def test_an_array_is_no_batch() -> None:
    async with serving() as served, served.socket() as socket:
        text = '[{"jsonrpc":"2.0","id":1,"method":"ping"}]'
        await socket.send(text)
        assert (await socket.receive())["error"]["code"] == codes.INVALID_REQUEST
        assert (await served.post(text.encode())).code == codes.INVALID_REQUEST


async def test_batches_can_be_turned_off() -> None:
    async with serving(batch_operations_enabled=False) as served:
        assert (await served.modern(7, "batch", batch(*ITEMS))).code == codes.METHOD_NOT_FOUND
