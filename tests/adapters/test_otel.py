"""Against a real receiver: what arrives over HTTP is decoded as OTLP (OpenTelemetry protocol specification 1.x)."""

import asyncio
import gzip
import json
import logging
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.trace import TraceState
from prometheus_client import CollectorRegistry, generate_latest

from adapters import otel
from adapters.otel import Tracing, otlp_exporter
from adapters.otel_spans import Context, Span
from mcp_server.production.tracing import TracingUnavailable, open_tracing
from tests.adapters.test_otel_spans import PARENT
from tests.peers import Room
from tests.serving import soon

ROOT = Path(__file__).parents[2]


class Receiver:
    """A collector: keeps the spans that arrive, answers with ``status``."""

    def __init__(self) -> None:
        self.spans: list[Any] = []
        self.scopes: list[Any] = []
        self.headers: list[Any] = []
        self.resource: dict[str, str] = {}
        self.status = 200
        self.asked = asyncio.Event()
        self.url = ""

    async def take(self, request: web.Request) -> web.Response:
        assert request.headers["Content-Type"] == "application/x-protobuf"
        body = await request.read()
        if request.headers.get("Content-Encoding") == "gzip" and body[:2] == b"\x1f\x8b":
            body = gzip.decompress(body)
        self.headers.append(request.headers)
        self.asked.set()
        if self.status == 200:
            for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
                self.resource |= {each.key: each.value.string_value for each in resource.resource.attributes}
                for scope in resource.scope_spans:
                    self.scopes.append(scope.scope)
                    self.spans += scope.spans
        return web.Response(
            status=self.status,
            body=ExportTraceServiceResponse().SerializeToString(),
            content_type="application/x-protobuf",
        )


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    found, app = Receiver(), web.Application()
    app.router.add_post("/v1/traces", found.take)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    found.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield found
    await runner.cleanup()


@asynccontextmanager
async def tracing(url: str) -> AsyncIterator[Tracing]:
    opened = open_tracing(url, {}, "1.2.3")
    assert opened is not None
    try:
        yield opened
    finally:
        await soon(asyncio.to_thread(opened.close, 20.0))


def shown(collector: Tracing) -> dict[str, float]:
    registry = CollectorRegistry()
    registry.register(collector)
    lines = generate_latest(registry).decode().splitlines()
    return {name: float(value) for name, value in (line.rsplit(" ", 1) for line in lines if not line.startswith("#"))}


def count(collector: Tracing, result: str) -> float:
    return shown(collector)[f'mcp_trace_spans_total{{result="{result}"}}']


def span(number: int) -> Span:
    return Span("s", True, Context(1, number + 1), None, 0.0, 1.0, {})


def attributes(found: Any) -> dict[str, Any]:
    return {each.key: getattr(each.value, each.value.WhichOneof("value")) for each in found.attributes}


async def test_what_a_server_records_arrives_at_a_collector(receiver: Receiver) -> None:
    async with tracing(receiver.url) as traces:
        room = Room()
        room.app.journal.recorded.subscribe(traces.on_recorded)
        peer = room.peer()
        peer.call(1, "echo", {"traceparent": PARENT, "tracestate": "rojo=1"}, text="payload")
        peer.call(2, "fail", text="payload")
        peer.call(3, "no such tool")
        await room.quiet()
        peer.leave()
        await room.quiet()
    spans = {each.name: each for each in receiver.spans}
    assert set(spans) >= {"mcp.session", "initialize", "tools/call echo", "execute_tool echo", "tools/call fail"}
    echo = spans["tools/call echo"]
    assert echo.trace_id.hex() == PARENT.split("-")[1]
    assert echo.parent_span_id.hex() == PARENT.split("-")[2]
    assert (echo.trace_state, echo.kind, echo.status.code) == ("rojo=1", 2, 0)
    assert echo.links[0].span_id == spans["mcp.session"].span_id
    assert spans["execute_tool echo"].parent_span_id == echo.span_id
    assert echo.start_time_unix_nano <= echo.end_time_unix_nano
    assert attributes(echo)["gen_ai.tool.name"] == "echo"
    assert (spans["tools/call fail"].status.code, attributes(spans["tools/call fail"])["error.type"]) == (
        2,
        "tool_error",
    )
    unknown = spans["tools/call no such tool"]
    assert (unknown.status.code, unknown.status.message) == (2, "invalid params")
    assert receiver.resource["service.name"] == "mcp-rewind"
    assert receiver.resource["service.version"] == "1.2.3"
    assert (receiver.scopes[0].name, receiver.scopes[0].version) == ("mcp-rewind", "1.2.3")
    assert "payload" not in str(receiver.spans)
    assert count(traces, "exported") == len(receiver.spans)


async def test_what_a_client_sends_as_the_state_of_its_trace_is_in_no_line(
    receiver: Receiver, caplog: pytest.LogCaptureFixture
) -> None:
    async with tracing(receiver.url) as traces:
        room = Room()
        room.app.journal.recorded.subscribe(traces.on_recorded)
        peer = room.peer()
        for number, state in enumerate(("payload", "payload=", "a=payload,a=payload", "payload=1," * 40)):
            peer.call(number, "echo", {"traceparent": PARENT, "tracestate": state}, text="x")
        await room.quiet()
    assert sum(each.name == "tools/call echo" for each in receiver.spans) == 4
    assert "payload" not in caplog.text
    with caplog.at_level(logging.WARNING, "opentelemetry"):  # the control: the library would have said it
        TraceState.from_header(["payload"])
    assert "payload" in caplog.text


async def test_a_mistake_in_tracing_disturbs_nobody_who_listens_too(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError

    async with tracing(receiver.url) as traces:
        monkeypatch.setattr(traces._spans, "on_recorded", fail)
        room = Room()
        room.app.journal.recorded.subscribe(traces.on_recorded)
        peer = room.peer()
        peer.call(1, "echo", text="x")
        await room.quiet()
    assert peer.answers(1)
    assert count(traces, "failed") > 0


async def test_a_collector_that_refuses_costs_spans_and_one_line(
    receiver: Receiver, caplog: pytest.LogCaptureFixture
) -> None:
    receiver.status = 400
    async with tracing(receiver.url) as traces:
        traces._take(span(1))
        traces._wake.set()
        await soon(receiver.asked.wait())
        receiver.asked.clear()
        traces._take(span(2))
        traces._wake.set()
        await soon(receiver.asked.wait())
    assert (count(traces, "failed"), count(traces, "exported")) == (2, 0)
    assert [record.getMessage() for record in caplog.records if "traces" in record.getMessage()] == [
        "traces cannot be exported; they are dropped, and counted, until they can"
    ]


async def test_a_collector_that_is_away_holds_nobody_up(unused_tcp_port: int) -> None:
    traces = open_tracing(f"http://127.0.0.1:{unused_tcp_port}", {})
    assert traces is not None
    for number in range(otel.QUEUE * 2):
        traces._take(span(number))
    assert count(traces, "dropped") >= otel.QUEUE - 2 * otel.BATCH
    assert shown(traces)["mcp_trace_spans_waiting"] <= otel.QUEUE
    await soon(asyncio.to_thread(traces.close, 0.01))
    assert not traces._thread.is_alive()


async def test_an_exporter_that_raises_costs_its_spans_and_not_the_thread(receiver: Receiver) -> None:
    class Raising:
        def __init__(self) -> None:
            self.inner = otlp_exporter(receiver.url)
            self.raised = False

        def export(self, spans: Any) -> Any:
            if not self.raised:
                self.raised = True
                raise RuntimeError
            return self.inner.export(spans)

        def shutdown(self) -> None:
            self.inner.shutdown()

    traces = Tracing(Raising())  # type: ignore[arg-type]  # it has what is used of one
    traces._take(span(1))
    traces._wake.set()
    while count(traces, "failed") == 0:  # noqa: ASYNC110 - counters have no event
        await asyncio.sleep(0.001)
    traces._take(span(2))
    await soon(asyncio.to_thread(traces.close, 20.0))
    assert (count(traces, "failed"), count(traces, "exported")) == (1, 1)


@pytest.mark.parametrize(
    "environment",
    [
        {},
        {"OTEL_SDK_DISABLED": "true", "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:4318"},
        {"OTEL_TRACES_EXPORTER": "none", "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:4318"},
    ],
)
def test_nothing_is_traced_unless_it_is_configured(environment: dict[str, str]) -> None:
    assert open_tracing("", environment) is None


async def test_opentelemetrys_own_variables_count(receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    import os

    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", receiver.url)
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", "x-key=7")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_COMPRESSION", "gzip")
    monkeypatch.setenv("OTEL_SERVICE_NAME", "mine")
    traces = open_tracing("", os.environ)
    assert traces is not None
    traces._take(span(1))
    await soon(asyncio.to_thread(traces.close, 20.0))
    assert (len(receiver.spans), receiver.headers[0]["x-key"], receiver.resource["service.name"]) == (1, "7", "mine")


@pytest.mark.parametrize("ratio", ["", "two", "1.5", "-1"])
def test_a_share_that_is_none_is_told(ratio: str) -> None:
    environment = {"OTEL_TRACES_SAMPLER": "parentbased_traceidratio", "OTEL_TRACES_SAMPLER_ARG": ratio}
    with pytest.raises(TracingUnavailable, match="number from 0 to 1"):
        open_tracing("http://127.0.0.1:4318", environment)


def test_without_traces_nothing_of_opentelemetry_is_imported() -> None:
    code = (
        "import json, sys; import mcp_server.production; from mcp_server.production.tracing import open_tracing;"
        "assert open_tracing('', {}) is None;"
        "print(json.dumps([name for name in sys.modules if name.startswith(('opentelemetry', 'psutil', 'google'))]))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == []


def test_where_the_packages_are_missing_it_is_said_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "adapters.otel", None)
    with pytest.raises(TracingUnavailable, match=r"mcp-rewind\[otel\]"):
        open_tracing("http://127.0.0.1:4318", {})
