"""What Prometheus and Grafana are told names what the server exports."""

import asyncio
import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest
import yaml
from prometheus_client.core import Metric

from adapters.metrics_log import MeasuredLog
from adapters.metrics_process import ProcessMetrics
from mcp_server.app import App
from mcp_server.builtin import server
from mcp_server.config import Settings
from mcp_server.stores import open_log
from tests.deploy.promql import Named, named
from tests.docs.pages import ROOT

DEPLOY = ROOT / "deploy"
DASHBOARD = json.loads((DEPLOY / "grafana" / "dashboards" / "mcp-server.json").read_text())
ALERTS = yaml.safe_load((DEPLOY / "alerts.yml").read_text())
SCRAPED = {"up"}  # by Prometheus itself
TARGET = {"instance", "job"}

_SUFFIXES = {"counter": ("_total",), "histogram": ("_bucket", "_sum", "_count"), "gauge": ("",)}


async def families() -> list[Metric]:
    """Every metric of a server, with every label it can have."""
    async with open_log("memory:") as log:
        measured = MeasuredLog(log)
        app = App(Settings(store="memory:"), server.catalogue(), measured)
        app.meter.answered("tools/call", "echo", "ok", 0.001)
        app.meter.failed(-32603)
        app.meter.emitted("chunk")
        return [*app.meter.collect(), *measured.collect(), *ProcessMetrics().collect()]


@pytest.fixture(scope="module")
def exported() -> Named:
    """The names of the samples and of the labels."""
    found = asyncio.run(families())
    names = {family.name + suffix for family in found for suffix in _SUFFIXES[family.type]}
    labels = {label for family in found for sample in family.samples for label in sample.labels}
    return Named(names, labels | {"le"})


def panels() -> Iterator[dict[str, Any]]:
    yield from (panel for panel in DASHBOARD["panels"] if panel["type"] != "row")


def queries() -> list[tuple[str, str]]:
    found = [(panel["title"], target["expr"]) for panel in panels() for target in panel["targets"]]
    variables = [
        (f"${each['name']}", re.sub(r"label_values\((.+), (\w+)\)", r"sum by (\2) (\1)", each["query"]["query"]))
        for each in DASHBOARD["templating"]["list"]
    ]
    alerts = [(rule["alert"], rule["expr"]) for group in ALERTS["groups"] for rule in group["rules"]]
    return found + variables + alerts


@pytest.mark.parametrize(("title", "query"), queries(), ids=[title for title, _ in queries()])
def test_every_query_names_metrics_and_labels_that_the_server_exports(title: str, query: str, exported: Named) -> None:
    metrics, labels = named(query)
    assert metrics, f"{title} asks for nothing"
    assert metrics - exported.metrics - SCRAPED == set()
    assert labels - exported.labels - TARGET == set()


@pytest.mark.parametrize(
    "query",
    [
        "sum(rate(mcp_nothing_total[5m]))",
        'mcp_log_failed{colour="red"}',
        "sum by (colour) (mcp_log_failed)",
        "mcp_requests",
    ],
)
def test_a_query_that_names_something_else_is_found_out(query: str, exported: Named) -> None:
    """The control."""
    metrics, labels = named(query)
    assert metrics - exported.metrics or labels - exported.labels - TARGET


def test_a_query_is_taken_apart_as_prometheus_does_it() -> None:
    query = """sum by (instance, le) (rate(a_bucket{x="b{c", y=~"d|e"}[5m])) / on (z) group_left (w) f > bool 1e3 * 2"""
    assert named(query) == ({"a_bucket", "f"}, {"instance", "le", "x", "y", "z", "w"})
    with pytest.raises(AssertionError):
        named("sum(rate(a[5m])")


def test_every_metric_that_is_exported_is_on_the_dashboard(exported: Named) -> None:
    shown = set().union(*(named(query).metrics for _, query in queries()))
    left = {name for name in exported.metrics - shown if not name.endswith(("_sum", "_count", "_bucket"))}
    assert left <= {"mcp_commit_conflicts_total"}, f"nobody sees {left}"


def test_the_dashboard_can_be_provisioned() -> None:
    assert DASHBOARD["uid"]
    ids = [panel["id"] for panel in DASHBOARD["panels"]]
    assert len(set(ids)) == len(ids)
    sources = {panel["datasource"]["uid"] for panel in panels()}
    provided = yaml.safe_load((DEPLOY / "grafana/provisioning/datasources/prometheus.yml").read_text())
    assert sources == {each["uid"] for each in provided["datasources"]}
    variables = {each["name"] for each in DASHBOARD["templating"]["list"]} | {"__rate_interval"}
    used = {
        name for panel in panels() for target in panel["targets"] for name in re.findall(r"\$(\w+)", target["expr"])
    }
    assert used <= variables


def test_panels_lie_beside_each_other() -> None:
    taken: set[tuple[int, int]] = set()
    for panel in DASHBOARD["panels"]:
        at = panel["gridPos"]
        cells = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
        assert at["x"] + at["w"] <= 24
        assert not cells & taken, panel["title"]
        taken |= cells


def test_every_alert_says_what_to_do() -> None:
    for group in ALERTS["groups"]:
        for rule in group["rules"]:
            assert set(rule) <= {"alert", "expr", "for", "labels", "annotations"}
            assert rule["labels"]["severity"] in ("critical", "warning")
            assert set(rule["annotations"]) == {"summary", "description"}
            assert re.fullmatch(r"\d+[smh]", rule.get("for", "0s"))


def test_prometheus_scrapes_as_the_guide_says_and_knows_the_alerts() -> None:
    configured = yaml.safe_load((DEPLOY / "prometheus.yml").read_text())
    assert configured["scrape_configs"] == [
        {
            "job_name": "mcp-server",
            "static_configs": [{"targets": ["mcp-server:8001"]}],
            "metrics_path": "/metrics",
            "scrape_interval": "15s",
        }
    ]
    assert all((DEPLOY / name).is_file() for name in configured["rule_files"])


@pytest.mark.skipif(shutil.which("promtool") is None, reason="no promtool here")
def test_promtool_finds_nothing_wrong() -> None:
    for command in (["config", str(DEPLOY / "prometheus.yml")], ["rules", str(DEPLOY / "alerts.yml")]):
        subprocess.run(["promtool", "check", *command], check=True, timeout=50)
