"""What the campaign with Prometheus holds the metrics of a server against."""

from typing import Any

import pytest

from soak.figures import FOR_AUTHORS, alert_rules, dashboard, differences, documented, missing, shows_nothing, total
from soak.prometheus_server import Sample, configuration
from soak.tally import Tally


def sample(name: str, value: float, /, **labels: str) -> Sample:
    return Sample({"__name__": name, **labels}, value)


def scraped(**changed: float) -> list[Sample]:
    """What a server tells after two pings and a call that failed."""
    values = {"ok": 2.0, "error": 1.0, "errors": 1.0, "sessions": 1.0, "open": 0.0, **changed}
    return [
        sample("mcp_requests_total", values["ok"], method="ping", name="", outcome="ok"),
        sample("mcp_requests_total", values["error"], method="tools/call", name="", outcome="error"),
        sample("mcp_request_duration_seconds_count", values["ok"], method="ping"),
        sample("mcp_request_duration_seconds_count", values["error"], method="tools/call"),
        sample("mcp_errors_total", values["errors"], code="-32602", error="invalid params"),
        sample("mcp_sessions_opened_total", values["sessions"]),
        sample("mcp_sessions_open", values["open"]),
    ]


def done() -> Tally:
    tally = Tally()
    tally.ended.update({("ping", "ok"): 2, ("tools/call", "error"): 1})
    tally.errors[-32602] = 1
    tally.sessions = 1
    return tally


def test_counters_that_equal_the_load_are_right() -> None:
    assert list(differences(scraped(), done())) == []


@pytest.mark.parametrize("name", ["ok", "error", "errors", "sessions", "open"])
def test_a_counter_that_is_off_is_told(name: str) -> None:
    assert list(differences(scraped(**{name: 7.0}), done()))


def test_a_series_that_is_not_there_is_told() -> None:
    assert list(differences(scraped()[1:], done())) == [
        "mcp_requests_total method='ping' outcome='ok' is 0, and the load did 2"
    ]


def test_a_metric_without_data_is_missing() -> None:
    assert missing(scraped(), {"mcp_request_duration_seconds", "mcp_requests_total"}) == []
    assert missing(scraped(), {"mcp_request_total", "mcp_sessions_open"}) == ["mcp_request_total"]
    assert total(scraped(), "mcp_requests_total") == 3.0


def test_an_answer_without_a_number_shows_nothing() -> None:
    assert shows_nothing([])
    assert shows_nothing([sample("", float("nan"))])
    assert not shows_nothing([sample("", float("nan")), sample("", 0.0)])


def test_what_is_asked_for_is_what_is_documented_and_deployed() -> None:
    assert documented() > FOR_AUTHORS
    queries = dashboard("127.0.0.1:8001", "60s")
    assert len(queries) > 40
    assert not [query for _, query in queries if "$" in query]
    assert "McpServerDown" in alert_rules()


@pytest.mark.parametrize(("interval", "written"), [(None, "15s"), (1.0, "1s")])
def test_only_the_target_and_the_interval_are_others_than_in_the_configuration(interval: Any, written: str) -> None:
    found = configuration("127.0.0.1:1", interval)
    (job,) = found["scrape_configs"]
    assert (job["static_configs"], job["scrape_interval"]) == ([{"targets": ["127.0.0.1:1"]}], written)
    assert found["rule_files"][0].endswith("/deploy/alerts.yml")
