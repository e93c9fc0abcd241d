"""Every request of the page is sent to a server, in both eras, and answered."""

import json
from typing import Any

import pytest

from replay.replay import verify
from tests.docs.pages import DOCS, blocks
from tests.serving import Served, Socket, serving

REQUESTS = [json.loads(block.text) for block in blocks(DOCS / "guide" / "requests.md", "json")]

MEMBERS = {
    "prompts/list": {"prompts"},
    "prompts/get": {"description", "messages"},
    "prompts/search": {"prompts"},
    "completion/generate": {"choices", "model", "seed", "usage"},
    "stream/start": {"streamId", "choices", "model", "seed", "usage"},
    "batch": {"id", "responses", "completed", "failed", "cancelled", "duration"},
    "health/check": {"status", "timestamp", "duration_ms", "checks", "system_info"},
    "server/status": {"status", "transport", "durability", "sessions", "requestsInFlight", "callsUnderWay", "memory"},
    "metrics/get": {"format", "contentType", "metrics"},
}


def test_the_page_has_every_request() -> None:
    assert [request["method"] for request in REQUESTS] == list(MEMBERS)


@pytest.mark.parametrize("request_", REQUESTS, ids=lambda request: request["method"])
async def test_a_request_of_the_page_is_answered(request_: dict[str, Any]) -> None:
    method = request_["method"]
    async with serving(prompts_enabled=True) as served, served.socket() as socket:
        result = await legacy(socket, request_)
        assert set(result) == MEMBERS[method]
        if method == "batch":
            assert (result["completed"], result["failed"]) == (2, 0)
        assert set(await modern(served, request_)) >= MEMBERS[method]
        assert all(verdict.holds for verdict in verify(served.log.reader().records()))


async def legacy(socket: Socket, request: dict[str, Any]) -> dict[str, Any]:
    """The result over a websocket, after what comes before it."""
    await socket.request(1, request["method"], request["params"])
    while "id" not in (message := await socket.receive()):
        pass
    result: dict[str, Any] = message["result"]
    return result


async def modern(served: Served, request: dict[str, Any]) -> dict[str, Any]:
    """The result over HTTP, the last message where there are several."""
    reply = await served.modern(1, request["method"], request["params"])
    result: dict[str, Any] = (reply.messages or [reply.body])[-1]["result"]
    return result
