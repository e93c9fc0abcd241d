"""Which extensions are turned on, and what answers them."""

from collections.abc import Callable
from contextlib import AbstractContextManager

from adapters.sessions import Gate
from mcp_server.config import Settings
from mcp_server.extensions.extended import Extended, Handler
from mcp_server.features.catalogue import Catalogue
from operators.methods import BATCH, STREAM
from pipeline.log import LogReader

MOST_IN_A_BATCH = 100


def enabled(settings: Settings) -> tuple[str, ...]:
    """The requests that are taken besides those of the protocol."""
    found = ["health/check", "metrics/get", "server/status"]
    if settings.prompts_enabled:
        found.append("prompts/search")
    if settings.advanced_features_enabled:
        found.append("completion/generate")
        found += [STREAM, "stream/resume"] if settings.streaming_enabled else []
        found += [BATCH] if settings.batch_operations_enabled else []
    return tuple(sorted(found))


def extended(
    settings: Settings,
    catalogue: Catalogue,
    gate: Gate,
    operations: dict[str, Handler],
    open_log: Callable[[], AbstractContextManager[LogReader]],
) -> Extended:
    """The catalogue with what the settings turn on; each part is imported only then."""
    handlers = dict(operations)
    if settings.prompts_enabled:
        from mcp_server.extensions.prompts import ServedPrompts
        from mcp_server.prompts import prompt_registry

        handlers |= ServedPrompts(catalogue, prompt_registry).handlers()
    if settings.advanced_features_enabled:
        handlers |= _advanced(settings, catalogue, gate, open_log)
    return Extended(catalogue, handlers, enabled(settings))


def _advanced(
    settings: Settings,
    catalogue: Catalogue,
    gate: Gate,
    open_log: Callable[[], AbstractContextManager[LogReader]],
) -> dict[str, Handler]:
    from mcp_server.extensions.completions import Completions
    from mcp_server.protocol.advanced import CompletionEngine

    completions = Completions(catalogue, CompletionEngine())
    handlers: dict[str, Handler] = {"completion/generate": completions.answer}
    if settings.streaming_enabled:
        from mcp_server.extensions.streams import Streams

        streams = Streams(catalogue, completions, open_log)
        handlers |= {STREAM: streams.start, "stream/resume": streams.resume}
    if settings.batch_operations_enabled:
        from mcp_server.extensions.batch import Batches

        handlers[BATCH] = Batches(catalogue, gate, MOST_IN_A_BATCH).answer
    return handlers
