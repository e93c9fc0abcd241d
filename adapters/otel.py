"""Traces for an OpenTelemetry collector, over OTLP/HTTP. Imported only where they are configured.

A collector that is slow or away costs spans, which are counted, and nothing else: they are sent from a thread of their
own, out of a bounded queue.
"""

import logging
import os
import threading
from collections import deque
from collections.abc import Iterator
from typing import Any, Final

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import Link, SpanContext, SpanKind, Status, StatusCode, TraceFlags, TraceState
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from adapters.otel_spans import Context, Span, Spans
from pipeline.journal import Recorded

QUEUE: Final = 4096
"""Spans that wait to be sent; what comes on top is dropped."""

BATCH: Final = 512
PAUSE: Final = 1.0
"""Seconds for which spans gather, unless a whole batch waits."""

_log: Final = logging.getLogger(__name__)


class Tracing:
    """Makes spans of what is recorded, and sends them.

    Args:
        exporter: What sends them, from a thread of its own.
        ratio: The share of traces that are exported; a client that says so in ``traceparent`` decides for its own.
        version: The version of the server.
    """

    def __init__(self, exporter: SpanExporter, ratio: float = 1.0, version: str = "") -> None:
        self._exporter = exporter
        self._convert = _Converter(version)
        self._queue: deque[Span] = deque()
        self._counts = {"exported": 0, "failed": 0, "dropped": 0}
        self._wake, self._closing = threading.Event(), threading.Event()
        self._away = False
        self._spans = Spans(self._take, ratio)
        self._thread = threading.Thread(target=self._work, name="traces", daemon=True)
        self._thread.start()

    def on_recorded(self, record: Recorded) -> None:
        """Make spans of a record. To be subscribed to ``Journal.recorded``; raises nothing, since others listen too."""
        try:
            self._spans.on_recorded(record)
        except Exception:  # noqa: BLE001 - a mistake of ours costs spans
            self._counts["failed"] += 1
            _log.exception("a record could not be traced")

    def close(self, timeout: float = 5.0) -> None:
        """Send what waits, for at most ``timeout`` seconds. Blocks."""
        self._closing.set()
        self._wake.set()
        self._thread.join(timeout)
        self._exporter.shutdown()
        self._thread.join(1.0)

    def collect(self) -> Iterator[Metric]:
        """The figures, for ``prometheus_client``."""
        spans = CounterMetricFamily("mcp_trace_spans", "Spans, by what became of them", labels=("result",))
        for result, count in self._counts.items():
            spans.add_metric((result,), count)
        yield spans
        yield GaugeMetricFamily("mcp_trace_spans_waiting", "Spans that wait to be sent", len(self._queue))

    def _take(self, span: Span) -> None:
        if len(self._queue) >= QUEUE:
            self._counts["dropped"] += 1
            return
        self._queue.append(span)
        if len(self._queue) == BATCH:
            self._wake.set()

    def _work(self) -> None:
        while not self._closing.is_set():
            self._wake.wait(PAUSE)
            self._wake.clear()
            self._send()

    def _send(self) -> None:
        """Send what waits, until it is sent or an attempt fails."""
        while self._queue:
            batch = [self._queue.popleft() for _ in range(min(BATCH, len(self._queue)))]
            try:
                result = self._exporter.export([self._convert(span) for span in batch])
                sent = result is SpanExportResult.SUCCESS
            except Exception:  # noqa: BLE001 - whatever it was, it costs these spans
                sent = False
            self._counts["exported" if sent else "failed"] += len(batch)
            self._tell(sent=sent)
            if not sent:
                return

    def _tell(self, *, sent: bool) -> None:
        """Write a line when the collector goes away, and when it is back."""
        if sent and self._away:
            _log.info("traces are exported again")
        elif not sent and not self._away:
            _log.warning("traces cannot be exported; they are dropped, and counted, until they can")
        self._away = not sent


class _Converter:
    """Makes the SDK's spans of ours."""

    def __init__(self, version: str) -> None:
        attributes: dict[str, Any] = {"service.version": version} if version else {}
        if "OTEL_SERVICE_NAME" not in os.environ:
            attributes["service.name"] = "mcp-rewind"
        self._resource = Resource.create(attributes)
        self._scope = InstrumentationScope("mcp-rewind", version or None)

    def __call__(self, span: Span) -> ReadableSpan:
        return ReadableSpan(
            name=span.name,
            context=_context(span.context),
            parent=_context(span.parent) if span.parent else None,
            resource=self._resource,
            attributes=span.attributes,
            links=[Link(_context(span.link))] if span.link else [],
            kind=SpanKind.SERVER if span.server else SpanKind.INTERNAL,
            status=Status(StatusCode.ERROR, span.problem or None) if span.failed else Status(),
            start_time=round(span.start * 1e9),
            end_time=round(span.end * 1e9),
            instrumentation_scope=self._scope,
        )


def _context(context: Context) -> SpanContext:
    state = TraceState.from_header([context.state]) if context.state else TraceState()
    flags = TraceFlags(TraceFlags.SAMPLED if context.sampled else TraceFlags.DEFAULT)
    return SpanContext(context.trace, context.span, context.remote, flags, state)


def otlp_exporter(endpoint: str = "") -> SpanExporter:
    """What sends to the collector at ``endpoint``, or where OpenTelemetry's own variables say."""
    # It tells of every attempt that fails, and quotes what clients send; we tell once, and count.
    logging.getLogger("opentelemetry").setLevel(logging.CRITICAL)
    return OTLPSpanExporter(endpoint=f"{endpoint.rstrip('/')}/v1/traces" if endpoint else None)
