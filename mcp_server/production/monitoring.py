"""All figures in one place: the guide's ``monitoring_system``."""

import math
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from typing import Any, Final, Literal

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.registry import Collector

from mcp_server.production.metrics import Metrics
from mcp_server.production.performance import PerformanceMonitor

Format = Literal["prometheus", "json"]

PORT: Final = 8001
"""Where figures are served besides the main port."""


class MonitoringSystem:
    """What a server's author records, and the way to show it together with what the server counts itself.

    Attributes:
        metrics: Counters, histograms and gauges.
        performance: Requests, by id.
    """

    def __init__(self) -> None:
        self.metrics = Metrics()
        self.performance = PerformanceMonitor()
        self._default: CollectorRegistry | None = None

    def registry(self, *collectors: Collector) -> CollectorRegistry:
        """A registry with everything that is recorded here, and with what the ``collectors`` of a server tell."""
        registry = CollectorRegistry()
        for each in (*collectors, self.performance, self.metrics.registry):
            registry.register(each)
        return registry

    def render(self, format: Format = "prometheus", registry: CollectorRegistry | None = None) -> str:  # noqa: A002
        """All figures as text, in Prometheus's format or as JSON.

        Args:
            format: ``prometheus`` or ``json``.
            registry: A server's; without it, what is recorded here and what the process takes.

        Raises:
            ValueError: There is no such format.
        """
        if format == "prometheus":
            return generate_latest(registry or self._own()).decode()
        import orjson

        return orjson.dumps(self.result(format, registry)["metrics"]).decode()

    def result(self, format: Format = "prometheus", registry: CollectorRegistry | None = None) -> dict[str, Any]:  # noqa: A002
        """What the method ``metrics/get`` answers. Arguments and errors as those of :meth:`render`."""
        registry = registry or self._own()
        if format == "prometheus":
            return {"format": format, "contentType": CONTENT_TYPE_LATEST, "metrics": self.render(format, registry)}
        if format == "json":
            return {"format": format, "contentType": "application/json", "metrics": _families(registry)}
        raise ValueError(f"metrics come in the formats 'prometheus' and 'json', not {str(format)[:40]!r}")

    @asynccontextmanager
    async def serving(
        self,
        host: str = "127.0.0.1",
        port: int = PORT,
        registry: CollectorRegistry | None = None,
        allowed_hosts: Iterable[str] = (),
    ) -> AsyncIterator[int]:
        """Serve ``/metrics`` on a port of its own meanwhile; yields the port.

        Arguments and errors as those of :func:`adapters.metrics_server.serving_metrics`.
        """
        from adapters.metrics_server import serving_metrics

        async with serving_metrics(registry or self._own(), host, port, allowed_hosts) as bound:
            yield bound

    def _own(self) -> CollectorRegistry:
        if self._default is None:
            from adapters.metrics_process import ProcessMetrics

            self._default = self.registry(ProcessMetrics())
        return self._default


def _families(registry: CollectorRegistry) -> list[dict[str, Any]]:
    return [
        {
            "name": family.name,
            "type": family.type,
            "help": family.documentation,
            "samples": [
                {"name": sample.name, "labels": dict(sample.labels), "value": _value(sample.value)}
                for sample in family.samples
            ],
        }
        for family in registry.collect()
    ]


def _value(value: float) -> float | str:
    """A number, or its word in Prometheus's format where JSON has no such number."""
    if math.isfinite(value):
        return value
    return "NaN" if math.isnan(value) else "+Inf" if value > 0 else "-Inf"


monitoring_system = MonitoringSystem()
