import json
from collections.abc import Mapping

import aiohttp
import pytest

from adapters.prometheus import PrometheusMeter
from events.event import RequestId
from events.message import Message
from mcp_server.production import performance
from mcp_server.production.admin import requests_body
from mcp_server.production.monitoring import MonitoringSystem
from mcp_server.production.performance import PerformanceMonitor
from tests.facts import frame
from tests.mcp_server.production.test_metrics import shown
from tests.serving import soon


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def system() -> MonitoringSystem:
    return MonitoringSystem()


async def test_requests_are_counted_and_timed_by_their_ids(system: MonitoringSystem) -> None:
    clock = Clock()
    monitor = system.performance = PerformanceMonitor(clock)
    await monitor.start_request("req_123", "tools/list")
    clock.now += 0.5
    await monitor.start_request(7, "ping")
    assert monitor.active() == [
        {"id": "req_123", "method": "tools/list", "seconds": 0.5},
        {"id": 7, "method": "ping", "seconds": 0.0},
    ]
    assert await monitor.end_request("req_123", "tools/list", "success") == 0.5
    assert await monitor.end_request(7, "ping", "error") == 0.0
    figures = shown(system)
    assert figures['mcp_monitored_requests_total{method="tools/list",status="success"}'] == 1
    assert figures['mcp_monitored_requests_total{method="ping",status="error"}'] == 1
    assert figures['mcp_monitored_request_duration_seconds_sum{method="tools/list"}'] == 0.5
    assert figures["mcp_monitored_requests_active"] == 0


async def test_ids_that_are_unknown_or_come_again_are_counted_and_disturb_nothing(system: MonitoringSystem) -> None:
    monitor = system.performance
    assert await monitor.end_request("never begun", "ping", "success") is None
    await monitor.start_request("twice", "ping")
    await monitor.start_request("twice", "ping")
    assert len(monitor) == 1
    assert await monitor.end_request("twice", "ping", "success") is not None
    assert await monitor.end_request("twice", "ping", "success") is None
    figures = shown(system)
    assert figures['mcp_monitored_requests_total{method="ping",status="success"}'] == 3
    assert figures['mcp_monitored_requests_total{method="ping",status="replaced"}'] == 1
    assert figures['mcp_monitored_request_duration_seconds_count{method="ping"}'] == 1


async def test_requests_that_never_end_and_names_that_never_repeat_do_not_fill_memory(
    system: MonitoringSystem, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(performance, "MOST_ACTIVE", 10)
    monkeypatch.setattr(performance, "MOST_SERIES", 10)
    monitor = system.performance
    for number in range(100):
        await monitor.start_request(number, "m")
    assert [each["id"] for each in monitor.active()] == list(range(90, 100))
    for number in range(100):
        await monitor.end_request(number, f"method {number}", "x" * 5000)
    figures = shown(system)
    assert figures["mcp_monitored_requests_forgotten_total"] == 90
    assert len([name for name in figures if name.startswith("mcp_monitored_requests_total")]) == 11
    assert max(map(len, figures)) < 400


async def test_everything_is_shown_as_text_or_as_json(system: MonitoringSystem) -> None:
    await system.metrics.gauge("level", 3, labels={"a": "b"})
    await system.metrics.histogram("h", 100.0)
    families = {family["name"]: family for family in json.loads(system.render("json"))}
    assert families["level"]["samples"] == [{"name": "level", "labels": {"a": "b"}, "value": 3.0}]
    assert {"name": "h_bucket", "labels": {"le": "+Inf"}, "value": 1.0} in families["h"]["samples"]
    assert "mcp_memory_usage_bytes" in families
    text, data = system.result("prometheus"), system.result("json")
    assert text["metrics"].splitlines()[0].startswith("# HELP")
    assert (text["format"], data["format"]) == ("prometheus", "json")
    assert json.loads(json.dumps(data))["metrics"]
    with pytest.raises(ValueError, match="'prometheus' and 'json', not 'xml'"):
        system.render("xml")  # type: ignore[arg-type]  # the mistake


async def test_numbers_that_json_does_not_have_are_words(system: MonitoringSystem) -> None:
    meter = PrometheusMeter({"mcp_odd": ("Odd", lambda: float("inf"))})
    families = {family["name"]: family for family in system.result("json", system.registry(meter))["metrics"]}
    assert families["mcp_odd"]["samples"][0]["value"] == "+Inf"


async def test_the_figures_of_a_server_and_those_of_its_author_are_shown_together(system: MonitoringSystem) -> None:
    meter = PrometheusMeter({})
    meter.answered("ping", "", "ok", 0.1)
    registry = system.registry(meter)
    await system.metrics.counter("mine")
    text = system.render("prometheus", registry)
    for word in ("mcp_requests_total", "request_duration", "mine_total", "mcp_monitored_requests_active"):
        assert word in text
    async with (
        system.serving("127.0.0.1", 0, registry) as port,
        aiohttp.ClientSession() as client,
        client.get(f"http://127.0.0.1:{port}/metrics") as response,
    ):
        assert "mine_total 1.0" in await soon(response.text())


class Open:
    def __init__(self, principal: str, *pending: tuple[int, str, str]) -> None:
        self.principal = principal
        self.pending: Mapping[RequestId, Message] = {
            id: Message(frame(id, method, {"name": name})) for id, method, name in pending
        }


def test_the_requests_under_way_are_listed_with_their_names_and_without_their_arguments() -> None:
    monitor = PerformanceMonitor()
    monitor.start("mine", "work")
    sessions = {"s": Open("alice", (1, "tools/call", "echo"), (2, "tools/call", "slow")), "t": Open("bob")}
    body = requests_body(sessions, {("s", 2): 90.0}, 100.0, monitor)
    assert body["count"] == 2
    assert body["requests"] == [
        {"session": "s", "id": 2, "principal": "alice", "method": "tools/call", "name": "slow", "seconds": 10.0},
        {"session": "s", "id": 1, "principal": "alice", "method": "tools/call", "name": "echo", "seconds": None},
    ]
    assert [each["id"] for each in body["monitored"]] == ["mine"]
