import aiohttp
import pytest
from prometheus_client import CollectorRegistry
from prometheus_client.parser import text_string_to_metric_families

from adapters.metrics_server import serving_metrics
from adapters.prometheus import PrometheusMeter
from tests.serving import soon


async def get(port: int, path: str = "/metrics", **headers: str) -> tuple[int, str, str]:
    async with aiohttp.ClientSession() as client, client.get(f"http://127.0.0.1:{port}{path}", headers=headers) as got:
        return got.status, got.headers.get("Content-Type", ""), await got.text()


@pytest.fixture
def registry() -> CollectorRegistry:
    meter, registry = PrometheusMeter({}), CollectorRegistry()
    meter.answered("tools/call", "echo", "ok", 0.25)
    registry.register(meter)
    return registry


async def test_figures_are_served_on_a_port_of_their_own(registry: CollectorRegistry) -> None:
    async with serving_metrics(registry, "127.0.0.1", 0) as port:
        status, kind, text = await soon(get(port))
        assert (status, kind.split(";")[0]) == (200, "text/plain")
        names = {family.name for family in text_string_to_metric_families(text)}
        assert {"mcp_requests", "mcp_request_duration_seconds"} <= names
        assert (await soon(get(port, "/")))[0] == 404


@pytest.mark.parametrize("accept", ["application/openmetrics-text; version=1.0.0", "text/plain; version=what", "*/*"])
async def test_a_scraper_gets_the_format_that_it_asks_for_where_there_is_one(
    registry: CollectorRegistry, accept: str
) -> None:
    async with serving_metrics(registry, "127.0.0.1", 0) as port:
        status, kind, text = await soon(get(port, Accept=accept))
        assert status == 200
        assert kind.startswith("application/openmetrics-text" if "openmetrics" in accept else "text/plain")
        assert text.endswith("# EOF\n") == ("openmetrics" in accept)


async def test_only_hosts_that_are_allowed_are_answered(registry: CollectorRegistry) -> None:
    async with serving_metrics(registry, "127.0.0.1", 0, ["mcp-server"]) as port:
        assert (await soon(get(port, Host="evil.example")))[0] == 421
        assert (await soon(get(port, Host="mcp-server:8001")))[0] == 200


async def test_a_port_that_is_taken_is_told(registry: CollectorRegistry) -> None:
    async with serving_metrics(registry, "127.0.0.1", 0) as port:
        with pytest.raises(OSError, match="in use"):
            async with serving_metrics(registry, "127.0.0.1", port):
                pass
