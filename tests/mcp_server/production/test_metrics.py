import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

from mcp_server.production import metrics
from mcp_server.production.metrics import MetricError
from mcp_server.production.monitoring import MonitoringSystem


def shown(system: MonitoringSystem) -> dict[str, float]:
    lines = [line for line in system.render().splitlines() if not line.startswith("#")]
    return {name: float(value) for name, value in (line.rsplit(" ", 1) for line in lines) if "_created" not in name}


@pytest.fixture
def system() -> MonitoringSystem:
    return MonitoringSystem()


async def test_counters_histograms_and_gauges_are_shown(system: MonitoringSystem) -> None:
    record = system.metrics
    await record.counter("requests_total", labels={"method": "POST"})
    await record.counter("requests_total", 2, labels={"method": "POST"})
    await record.counter("plain")
    await record.histogram("request_duration", 0.15, labels={"endpoint": "/api/data"})
    await record.gauge("active_connections", 25)
    await record.gauge("active_connections", 20)
    figures = shown(system)
    assert figures['requests_total{method="POST"}'] == 3
    assert figures["plain_total"] == 1
    assert figures['request_duration_bucket{endpoint="/api/data",le="0.25"}'] == 1
    assert figures['request_duration_bucket{endpoint="/api/data",le="0.1"}'] == 0
    assert figures["active_connections"] == 20


async def test_the_order_of_labels_does_not_matter(system: MonitoringSystem) -> None:
    await system.metrics.counter("c", labels={"a": 1, "b": 2})
    await system.metrics.counter("c", labels={"b": 2, "a": 1})
    assert shown(system)['c_total{a="1",b="2"}'] == 2


@pytest.mark.parametrize("name", ["", "1st", "a b", "a-b", "a{", 'a"', "a\n", "ä", "x" * 101, "mcp_requests_total"])
async def test_a_name_that_cannot_be_is_refused(system: MonitoringSystem, name: str) -> None:
    with pytest.raises(MetricError, match="name"):
        await system.metrics.counter(name)


@pytest.mark.parametrize("label", ["", "1st", "a b", "__name__", "le", "quantile", "a-b"])
async def test_a_label_that_cannot_be_is_refused(system: MonitoringSystem, label: str) -> None:
    with pytest.raises(MetricError, match="label"):
        await system.metrics.histogram("h", 1.0, labels={label: "x"})


@pytest.mark.parametrize("value", [float("nan"), float("inf"), True, "1", None])
async def test_only_finite_numbers_are_recorded(system: MonitoringSystem, value: float) -> None:
    for record in (system.metrics.counter, system.metrics.histogram, system.metrics.gauge):
        with pytest.raises(MetricError, match="finite number"):
            await record("m", value)


async def test_a_counter_does_not_fall(system: MonitoringSystem) -> None:
    with pytest.raises(MetricError, match="only grows"):
        await system.metrics.counter("c", -1)


async def test_a_metric_keeps_its_kind_and_its_labels(system: MonitoringSystem) -> None:
    await system.metrics.counter("c", labels={"a": "x"})
    with pytest.raises(MetricError, match="'c' is a counter already, and cannot be a gauge too"):
        await system.metrics.gauge("c", 1)
    with pytest.raises(MetricError, match="has the labels a; it cannot be given b"):
        await system.metrics.counter("c", labels={"b": "x"})
    with pytest.raises(MetricError, match="it cannot be given none"):
        await system.metrics.counter("c")
    await system.metrics.histogram("h", 1)
    with pytest.raises(MetricError, match="'h_count' cannot be recorded"):
        await system.metrics.gauge("h_count", 1)


async def test_labels_with_many_values_count_together_from_some_number_on(
    system: MonitoringSystem, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(metrics, "MOST_SERIES", 10)
    for number in range(100):
        await system.metrics.counter("c", labels={"user": number, "x": "y"})
    await system.metrics.counter("c", labels={"user": 3, "x": "y"})
    figures = shown(system)
    series = {name: value for name, value in figures.items() if name.startswith("c_total")}
    assert (len(series), sum(series.values())) == (11, 101)
    assert series['c_total{user="other",x="other"}'] == 90
    assert series['c_total{user="3",x="y"}'] == 2
    assert figures['mcp_metrics_overflow_total{metric="c"}'] == 90


async def test_all_metrics_together_have_only_so_many_series(
    system: MonitoringSystem, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(metrics, "MOST_SERIES_IN_ALL", 20)
    monkeypatch.setattr(metrics, "MOST_METRICS", 5)
    for number in range(100):
        await system.metrics.gauge(f"g{number % 5}", number, labels={"n": number})
    assert len([name for name in shown(system) if name.startswith("g")]) == 20 + 5
    with pytest.raises(MetricError, match="5 metrics already"):
        await system.metrics.gauge("one_more", 1)


@given(st.text())
async def test_any_value_of_a_label_gives_text_that_can_be_read_back(value: str) -> None:
    system = MonitoringSystem()
    await system.metrics.counter("c", labels={"a": value.encode("utf-8", "replace").decode()})
    assert any(family.name == "c" for family in text_string_to_metric_families(system.render()))
