"""What the guide shows of production works as it stands there."""

import ast
import inspect
import json
import re
import shutil
import socket
import sqlite3
import subprocess
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml
from prometheus_client import CollectorRegistry

from adapters.memory_log import MemoryLog
from adapters.metrics_log import MeasuredLog
from adapters.metrics_process import ProcessMetrics
from adapters.otel import Tracing, otlp_exporter
from adapters.prometheus import PrometheusMeter
from events import codes
from mcp_server.production import (
    Middleware,
    health_checker,
    log_setup,
    middleware_stack,
    monitoring_system,
    production_logger,
)
from tests.children import running
from tests.docs.pages import DOCS, blocks, coded, rows
from tests.mcp_server.production.conftest import log_file
from tests.serving import handshake, soon

PAGE = DOCS / "guide" / "production.md"
__all__ = ["log_file"]

REQUEST = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "echo"}}


class Names(dict[str, Any]):
    """The namespace in which the blocks of a section run."""

    async def run(self, section: str) -> None:
        """Run the Python blocks of a section, in order."""
        found = blocks(PAGE, "python", section)
        assert found
        for block in found:
            code = compile("\n" * (block.line - 1) + block.text, str(PAGE), "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
            coming = eval(code, self)
            if inspect.isawaitable(coming):
                await soon(coming)


@pytest.fixture(autouse=True)
def _as_before(log_file: Path) -> Iterator[None]:
    """What the page registers and sets for the whole process is taken back."""
    yield
    for name in health_checker.names:
        health_checker.unregister_check(name)
    middleware_stack.set_default_middleware(Middleware())


def lines(file: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in file.read_text().splitlines()]


def shell(command: str) -> str:
    """What a command prints; it must succeed."""
    run = ["bash", "-o", "pipefail", "-c", command]
    done = subprocess.run(run, capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 0, (command, done.stderr)
    return done.stdout


async def test_lines_are_written_as_shown(log_file: Path) -> None:
    await Names().run("Structured logging")
    done, warmed = lines(log_file)
    (shown,) = blocks(PAGE, "json", "Structured logging")
    expected = json.loads(shown.text)
    assert list(done) == list(expected)
    assert {**done, "timestamp": expected["timestamp"]} == expected
    assert (warmed["request_id"], warmed["tenant"], warmed["user_id"]) == ("req_123", "acme", "user123")
    assert log_setup.lost() == production_logger.lost == 0


async def test_an_error_is_written_as_shown(log_file: Path) -> None:
    (block,) = [block for block in blocks(PAGE, "python", "Structured logging") if "error=e" in block.text]
    names = Names()
    exec(block.text.replace("    pass\n", "    1 / 0\n"), names)
    failed = lines(log_file)[-1]
    assert (failed["event"], failed["operation"]) == ("Operation failed", "data_sync")
    assert (failed["error"], failed["error_message"]) == ("builtins.ZeroDivisionError", "division by zero")
    assert failed["where"]


async def test_checks_tell_as_shown(capsys: pytest.CaptureFixture[str]) -> None:
    names = Names()
    await names.run("Health checks")
    assert capsys.readouterr().out == "Overall status: unhealthy\n"
    assert "has no attribute 'db'" in names["report"].checks[0].message

    class Database:
        async def ping(self) -> None:
            with sqlite3.connect(":memory:") as connection:
                connection.execute("SELECT 1")
            connection.close()

    names["DatabaseHealthCheck"].db = Database()
    health_checker.register_check(names["QueueHealthCheck"](range(3)))
    report = await soon(health_checker.run_checks())
    assert [str(check.status) for check in report.checks] == ["healthy", "healthy"]
    health_checker.register_check(names["QueueHealthCheck"](range(101)))
    report = await soon(health_checker.run_checks())
    assert f"{report.overall_status}" == "degraded"
    assert report.checks[1].message == "101 jobs wait"
    listed = [coded(status)[0] for status, *_ in rows(PAGE, "overall status")]
    assert listed == ["healthy", "degraded", "unhealthy"]


async def test_figures_are_recorded_and_served_as_shown(capsys: pytest.CaptureFixture[str]) -> None:
    await Names().run("Metrics and monitoring")
    assert re.fullmatch(r"http://127\.0\.0\.1:\d+/metrics\n", capsys.readouterr().out)
    text = monitoring_system.render()
    assert 'requests_total{method="POST"}' in text
    assert 'request_duration_count{endpoint="/api/data"}' in text
    assert "active_connections 25.0" in text
    assert 'mcp_monitored_requests_total{method="tools/list",status="success"}' in text
    assert monitoring_system.render("json")


def everything() -> CollectorRegistry:
    """All that a server counts."""
    meter = PrometheusMeter({})
    meter.answered("tools/call", "echo", "ok", 0.1)
    tracing = Tracing(otlp_exporter("http://127.0.0.1:9"))
    tracing.close()
    return monitoring_system.registry(meter, MeasuredLog(MemoryLog()), ProcessMetrics(), tracing)


def test_the_metrics_that_are_listed_are_there_and_no_others_of_the_server() -> None:
    there = set(re.findall(r"^# TYPE (mcp_\S+)", monitoring_system.render("prometheus", everything()), re.MULTILINE))
    listed = {name for names, _ in rows(PAGE, "metric") for name in coded(names)}
    assert listed == {name for name in there if not name.endswith("_created")}


async def test_requests_go_through_the_middleware_as_shown() -> None:
    asked: list[str] = []

    class Limiter:
        async def check_limit(self, key: str) -> Any:
            asked.append(key)
            return SimpleNamespace(allowed=len(asked) <= 1, retry_after=0.5)

    async def handler(request: Any) -> Any:
        return {"jsonrpc": "2.0", "id": request["id"], "result": {}}

    names = Names(rate_limiter=Limiter(), request=REQUEST, handler=handler)
    await names.run("Middleware stack")
    assert (asked, names["response"]) == (["user123"], {"jsonrpc": "2.0", "id": 1, "result": {}})
    refused = await soon(middleware_stack.process_request(REQUEST, handler, client_info={"user_id": "user123"}))
    assert refused["error"]["code"] == codes.RATE_LIMITED == -31002
    assert refused["error"]["data"]["retryAfter"] == 0.5
    middleware_stack.set_default_middleware(names["ReadOnly"]())
    unnamed = await soon(middleware_stack.process_request(REQUEST, handler))
    assert unnamed["error"] == {"code": codes.UNAUTHORIZED, "message": "tools are for users with a name"}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """A server as a process: the addresses of the pages, and where it listens instead."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        metrics = free.getsockname()[1]
    given = {"MCP_METRICS_PORT": str(metrics), "MCP_ADMIN_TOKEN": "", "RATE_LIMIT_REQUESTS": "100"}
    with running(tmp_path_factory.mktemp("server"), **given) as child:
        yield {"localhost:8001": f"127.0.0.1:{metrics}", "localhost:8080": f"127.0.0.1:{child.port}"}


def commands() -> list[str]:
    """Every command of these pages that asks a server something."""
    sections = [(PAGE, "From the command line"), (DOCS / "guide" / "rate-limiting.md", "In the server")]
    lines = [
        line for page, name in sections for block in blocks(page, "bash", name) for line in block.text.splitlines()
    ]
    return [line for line in lines if line and not line.startswith(("#", "export"))]


LOOKED_FOR = {
    "/health": '"status"',
    ":8001/metrics": "# TYPE mcp_requests_total counter",
    "memory_percent'": r"^[\d.]+$",
    "-X POST": '"memory_freed_mb"',
    "grep request_duration": "mcp_request_duration_seconds",
    "/admin/requests": r'"requests":\[\]',
    ".checks[]": '"event_log"',
    "grep -E": "mcp_memory_usage_bytes",
    "/admin/rate-limits": '"default"',
}
"""What a command has in it, the last that fits counting, and a pattern of what it prints."""


def test_every_command_is_looked_for_something() -> None:
    found = {next(part for part in reversed(LOOKED_FOR) if part in command) for command in commands()}
    assert found == set(LOOKED_FOR)


@pytest.mark.skipif(not shutil.which("curl") or not shutil.which("jq"), reason="needs curl and jq")
@pytest.mark.parametrize("command", commands())
def test_the_commands_find_what_they_look_for(command: str, server: dict[str, str]) -> None:
    expected = next(LOOKED_FOR[part] for part in reversed(LOOKED_FOR) if part in command)
    if command.startswith("watch"):
        command = command.partition("'")[2].removesuffix("'")  # watch itself runs until it is stopped
    for name, here in server.items():
        command = command.replace(name, here)
    assert re.search(expected, shell(command))


@pytest.mark.parametrize("name", ["LOG_LEVEL", "DEBUG"])
def test_each_of_the_two_variables_has_everything_logged(name: str, tmp_path: Path) -> None:
    (block,) = [block for block in blocks(PAGE, "bash") if "export LOG_LEVEL" in block.text]
    exported = dict(re.findall(r"^export (\w+)=(.*)$", block.text, re.MULTILINE))
    assert list(exported) == ["LOG_LEVEL", "DEBUG"]
    assert logged(tmp_path / "some", {}).isdisjoint({"debug"})
    assert "debug" in logged(tmp_path / "all", {name: exported[name]})


def logged(folder: Path, variables: dict[str, str]) -> set[str]:
    """The levels of the lines that a server writes."""
    folder.mkdir()
    file = folder / "app.log"
    with running(folder, **{"LOG_FILE": str(file), "MCP_METRICS_PORT": "0", **variables}) as child:
        asked = urllib.request.Request(child.url, handshake(1), {"Content-Type": "application/json", "Accept": "*/*"})
        with urllib.request.urlopen(asked, timeout=30) as answer:
            assert answer.status == 200
        assert child.stop() == 0
    return {line["level"] for line in lines(file)}


def test_requests_and_settings_that_are_shown_can_be_read() -> None:
    methods = [json.loads(block.text)["method"] for block in blocks(PAGE, "json", "From the command line")]
    assert methods == ["health/check", "metrics/get"]
    (shown,) = blocks(PAGE, "yaml")
    (job,) = yaml.safe_load(shown.text)["scrape_configs"]
    assert (job["static_configs"], job["metrics_path"]) == ([{"targets": ["mcp-server:8001"]}], "/metrics")
