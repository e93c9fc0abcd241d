import asyncio
from typing import Any

import msgspec
import pytest
from pydantic import SecretStr

from adapters.audit_projector import Projector
from adapters.metrics_log import MeasuredLog
from events import codes
from mcp_server.operations import Operations
from mcp_server.production import Degraded
from operators.policy import Limit
from tests.serving import Served, call_params, serving, soon


async def got(served: Served, path: str, method: str = "GET", **options: Any) -> tuple[int, Any]:
    """The status of a response, and its body."""
    async with served.request(method, path, **options) as response:
        is_json = response.content_type == "application/json"
        return response.status, await (response.json() if is_json else response.text())


async def test_a_server_is_ready_until_it_is_told_to_stop_and_alive_even_then() -> None:
    async with serving() as served:
        assert await got(served, "/health/ready") == (200, {"status": "ready", "accepting": True, "failing": []})
        served.app.stopping.set()
        status, body = await got(served, "/health/ready")
        assert (status, body["accepting"]) == (503, False)
        assert await got(served, "/health/live") == (200, {"status": "alive"})


async def test_a_server_whose_log_has_failed_is_not_ready() -> None:
    async with serving() as served:
        served.log.fail("the disk is full")
        assert await got(served, "/health/ready") == (
            503,
            {"status": "not ready", "accepting": False, "failing": ["event_log"]},
        )


class Ended(Projector):
    """A projector whose process is gone."""

    def __init__(self) -> None:
        """There is nothing to hold."""

    alive = False


async def test_a_projector_that_has_ended_is_told_so() -> None:
    async with serving() as served:
        operations = Operations(served.app, MeasuredLog(served.log), Ended(), {})
        (check,) = [check for check in operations.checks() if check.name == "audit_view"]
        with pytest.raises(Degraded, match="the process that keeps it has ended"):
            await check.check()


async def test_what_is_under_way_can_be_asked_for() -> None:
    async with serving() as served:
        asked = asyncio.create_task(served.modern(7, "tools/call", call_params("act", gate="a")))
        await soon(served.tools.begun["a"].wait())
        status, body = await got(served, "/admin/requests")
        assert (status, body["count"]) == (200, 1)
        (request,) = body["requests"]
        assert (request["id"], request["method"], request["name"]) == (7, "tools/call", "act")
        assert request["seconds"] >= 0
        served.tools.gates["a"].set()
        await soon(asked)
        assert (await got(served, "/admin/requests"))[1]["count"] == 0


async def test_limits_tell_who_uses_most_of_them() -> None:
    limit = Limit("calls", "principal", per_second=0.001, burst=4)
    async with serving(limits=(limit,)) as served:
        await served.modern(1, "tools/call", call_params("echo", text="a"))
        status, body = await got(served, "/admin/rate-limits")
        (told,) = body["limits"]
        assert (status, told["name"]) == (200, "calls")
        assert told["used"] == [{"key": "anonymous", "share": 0.25}]


async def test_garbage_is_collected_when_asked() -> None:
    async with serving() as served:
        status, body = await got(served, "/admin/gc", "POST")
        assert status == 200
        assert body["memory_freed_mb"] >= 0
        assert (await got(served, "/admin/gc"))[0] == 405


@pytest.mark.parametrize("header", ["Forwarded", "Via", "X-Forwarded-For", "X-Real-IP"])
async def test_what_came_through_a_proxy_administers_nothing(header: str) -> None:
    async with serving() as served:
        for path, method in (("/admin/gc", "POST"), ("/admin/requests", "GET"), ("/admin/rate-limits", "GET")):
            status, body = await got(served, path, method, headers={header: "192.0.2.1"})
            assert status == 403
            assert "own machine" in body


async def test_a_token_is_asked_of_everybody_once_there_is_one() -> None:
    token = "0123456789abcdef0123"
    through_a_proxy = {"X-Forwarded-For": "192.0.2.1"}
    async with serving(admin_token=SecretStr(token)) as served:
        for wrong in ({}, {"Authorization": f"Basic {token}"}, {"Authorization": f"Bearer {token}4"}):
            async with served.request("POST", "/admin/gc", headers=wrong) as response:
                assert (response.status, response.headers["WWW-Authenticate"]) == (401, 'Bearer realm="admin"')
                assert token not in await response.text()
        shown = {"Authorization": f"Bearer {token}"}
        assert (await got(served, "/admin/requests", headers=shown | through_a_proxy))[0] == 200
        assert (await got(served, "/health"))[0] == 200
        served.app.reload(msgspec.structs.replace(served.app.settings, admin_token=SecretStr("another token, 123")))
        assert (await got(served, "/admin/requests", headers=shown))[0] == 401


async def test_health_status_and_figures_are_requests_too() -> None:
    async with serving() as served, served.socket() as socket:
        health = (await socket.ask(1, "health/check"))["result"]
        assert health["status"] == "healthy"
        status = (await socket.ask(2, "server/status"))["result"]
        assert (status["status"], status["sessions"], status["requestsInFlight"]) == ("running", 1, 1)
        figures = (await socket.ask(3, "metrics/get", {"format": "prometheus"}))["result"]
        assert 'mcp_requests_total{method="health/check"' in figures["metrics"]
        listed = (await socket.ask(4, "metrics/get", {"format": "json"}))["result"]["metrics"]
        assert "mcp_requests" in [family["name"] for family in listed]
        error = (await socket.ask(5, "metrics/get", {"format": "xml"}))["error"]
        assert error["code"] == codes.INVALID_PARAMS
        assert "params.format" in error["message"]
