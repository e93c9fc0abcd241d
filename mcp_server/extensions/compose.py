"""Which extensions are turned on, and what answers them."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from adapters.keys import Keys
from adapters.sessions import Gate
from events.decided import TasksNamed
from events.event import Decided
from mcp_server.config import Settings, SettingsError
from mcp_server.extensions.extended import Extended, Handler
from mcp_server.features.catalogue import Catalogue
from mcp_server.protocol.invalid import InvalidRequest
from operators.methods import BATCH, STREAM
from pipeline.log import LogReader

if TYPE_CHECKING:
    from mcp_server.config.settings import CompletionModel
    from mcp_server.protocol.advanced import CompletionEngine

MOST_IN_A_BATCH: Final = 100


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


NEED_A_SERVER: Final = frozenset({BATCH, STREAM, "stream/resume", "health/check", "metrics/get", "server/status"})
"""What only a running server can answer."""


class Running(NamedTuple):
    """What extensions need of the server that they run in.

    Attributes:
        gate: Where sessions are opened.
        operations: What answers questions about the server itself, by method.
        open_log: Opens the log for reading.
        at_end: Takes what is to be awaited when the server has stopped.
        keys: What texts for clients are sealed with.
        sweeps: Takes what is to be called every second or so.
        acts: What acts on decisions that are an extension's own, by their class; to be filled.
        on_change: Takes what is to be called with the name of a list of the catalogue that has changed.
    """

    gate: Gate
    operations: Mapping[str, Handler]
    open_log: Callable[[], AbstractContextManager[LogReader]]
    at_end: Callable[[Callable[[], Awaitable[None]]], object]
    keys: Keys
    sweeps: Callable[[Callable[[], None]], object]
    acts: dict[type[Decided], Callable[..., None]]
    on_change: Callable[[Callable[[str], None]], object]


def extended(settings: Settings, catalogue: Catalogue, running: Running | None = None) -> Extended:
    """The catalogue with what the settings turn on; each part is imported only then.

    Without a server that runs, what needs one is announced all the same and not answered.
    """
    handlers: dict[str, Handler] = dict(running.operations) if running else {}
    if settings.prompts_enabled:
        from mcp_server.extensions.prompts import ServedPrompts
        from mcp_server.prompts import prompt_registry

        handlers |= ServedPrompts(catalogue, prompt_registry).handlers()
    if settings.advanced_features_enabled:
        handlers |= _advanced(settings, catalogue, running)
    served = Extended(catalogue, handlers, enabled(settings))
    if running is not None:
        _add_tasks(served, catalogue, running)
    return served


def _add_tasks(served: Extended, catalogue: Catalogue, running: Running) -> None:
    """Answer what is asked about tasks as soon as there is a tool that may be one, now or while the server runs."""
    added = False

    def add(_kind: str = "tools") -> None:
        nonlocal added
        if added or not catalogue.has_tasks():
            return
        from mcp_server.extensions.tasks import Tasks

        added = True
        tasks = Tasks(catalogue, running.gate, running.keys, running.open_log, catalogue.answer)
        running.sweeps(tasks.sweep)
        running.acts[TasksNamed] = tasks.find
        running.at_end(tasks.aclose)
        served.add(tasks.handlers())

    add()
    running.on_change(add)


def _engine(models: "Sequence[CompletionModel]", running: Running | None) -> "CompletionEngine":
    from mcp_server.protocol.advanced import CompletionEngine, OpenAIModel

    engine = CompletionEngine()
    if models and find_spec("openai") is None:
        raise SettingsError("completion_models: they need the package openai: pip install 'mcp-rewind[openai]'")
    for each in models:
        bounds: dict[str, Any] = {"timeout": each.timeout, "max_retries": each.max_retries}
        try:
            key = each.api_key_env or None
            model = OpenAIModel(each.base_url, each.model or each.name, each.api, api_key_env=key, **bounds)
            engine.register(each.name, model)
        except InvalidRequest as error:
            raise SettingsError(f"completion_models: {each.name[:64]!r}: {error}") from error
    if models and running is not None:
        running.at_end(engine.aclose)
    return engine


def _advanced(settings: Settings, catalogue: Catalogue, running: Running | None) -> dict[str, Handler]:
    from mcp_server.extensions.completions import Completions

    completions = Completions(catalogue, _engine(settings.completion_models, running))
    handlers: dict[str, Handler] = {"completion/generate": completions.answer}
    if settings.streaming_enabled and running is not None:
        from mcp_server.extensions.streams import Streams

        streams = Streams(catalogue, completions, running.gate, running.open_log)
        handlers |= {STREAM: streams.start, "stream/resume": streams.resume}
    if settings.batch_operations_enabled and running is not None:
        from mcp_server.extensions.batch import Batches

        handlers[BATCH] = Batches(catalogue, running.gate, MOST_IN_A_BATCH).answer
    return handlers
