"""Traces, where somebody configured them."""

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from adapters.otel import Tracing

_ENDPOINTS: Final = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")


class TracingUnavailable(Exception):
    """Traces are configured and cannot be made; the text says what to do."""


def open_tracing(
    endpoint: str = "", environment: Mapping[str, str] = os.environ, version: str = ""
) -> "Tracing | None":
    """Traces as configured; None when they are not, and then nothing of OpenTelemetry is imported.

    Args:
        endpoint: The collector, such as ``http://collector:4318``. When empty, OpenTelemetry's own variables say it:
            ``OTEL_EXPORTER_OTLP_ENDPOINT`` and the others of the OTLP exporter.
        environment: Where ``OTEL_SDK_DISABLED``, ``OTEL_TRACES_EXPORTER`` and ``OTEL_TRACES_SAMPLER`` are looked up.
        version: The version of the server.

    Raises:
        TracingUnavailable: The packages are not installed, or a variable is wrong.
    """
    off = environment.get("OTEL_SDK_DISABLED", "").lower() == "true"
    off = off or environment.get("OTEL_TRACES_EXPORTER", "otlp") != "otlp"
    if off or not (endpoint or any(environment.get(name) for name in _ENDPOINTS)):
        return None
    try:
        from adapters.otel import Tracing, otlp_exporter
    except ImportError as error:
        raise TracingUnavailable(f"traces need an extra: pip install 'mcp-rewind[otel]' ({error})") from error
    return Tracing(otlp_exporter(endpoint), _ratio(environment), version)


def _ratio(environment: Mapping[str, str]) -> float:
    """The share of traces to export (OpenTelemetry, SDK environment variables)."""
    sampler = environment.get("OTEL_TRACES_SAMPLER", "").removeprefix("parentbased_")
    if sampler == "always_off":
        return 0.0
    if sampler != "traceidratio":
        return 1.0
    given = environment.get("OTEL_TRACES_SAMPLER_ARG", "1")
    try:
        ratio = float(given)
    except ValueError:
        ratio = -1.0
    if not 0.0 <= ratio <= 1.0:
        raise TracingUnavailable(f"OTEL_TRACES_SAMPLER_ARG must be a number from 0 to 1, not {given[:40]!r}")
    return ratio
