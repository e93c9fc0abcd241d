"""Every request that the guide shows is sent to a server, in both eras, and answered."""

import json
from typing import Any

import pytest

from replay.replay import verify
from tests.docs.pages import DOCS, blocks
from tests.serving import Served, Socket, serving

GUIDE = DOCS / "guide"


def shown(page: str) -> list[dict[str, Any]]:
    """The requests of a page, among what else it has of JSON."""
    found = [json.loads(block.text) for block in blocks(GUIDE / page, "json")]
    return [each for each in found if isinstance(each, dict) and "method" in each]


REQUESTS = shown("requests.md")
ELSEWHERE = [request for page in ("prompts.md", "production.md") for request in shown(page)]

MEMBERS = {
    "prompts/list": {"prompts"},
    "prompts/get": {"description", "messages"},
    "prompts/search": {"prompts"},
    "completion/generate": {"choices", "model", "seed", "usage"},
    "completion/complete": {"completion"},
    "stream/start": {"streamId", "choices", "model", "seed", "usage"},
    "batch": {"id", "responses", "completed", "failed", "cancelled", "duration"},
    "health/check": {"status", "timestamp", "duration_ms", "checks", "system_info"},
    "server/status": {"status", "transport", "durability", "sessions", "requestsInFlight", "callsUnderWay", "memory"},
    "metrics/get": {"format", "contentType", "metrics"},
}


def test_the_page_has_every_request() -> None:
    assert [request["method"] for request in REQUESTS] == list(MEMBERS)
    assert len(ELSEWHERE) == 5


@pytest.mark.parametrize("request_", REQUESTS + ELSEWHERE, ids=lambda request: request["method"])
async def test_a_request_of_the_guide_is_answered(request_: dict[str, Any]) -> None:
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
