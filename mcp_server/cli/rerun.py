"""``mcp-rewind replay --rerun``: call the recorded calls again, and compare what comes of them."""

import argparse
import asyncio
import sys
from typing import Any, Final, Self

from adapters.sqlite_reader import SqliteReader
from events.codes import INTERNAL_ERROR
from mcp_server.calls import AskRefused, Call, CallRefused, Lent
from mcp_server.cli.codes import DIFFERS, OK, UsageError
from mcp_server.cli.output import Output
from mcp_server.cli.reading import read
from mcp_server.cli.text import clean, clipped, many, to_json, value_text
from mcp_server.config import Settings, SettingsError, from_environment
from mcp_server.database import pool_of
from mcp_server.extensions.compose import NEED_A_SERVER, extended
from mcp_server.extensions.extended import Extended
from mcp_server.protocol.advanced.request import DEFAULT_MODEL
from replay.calls import RecordedCall, error_value, recorded_calls
from replay.difference import Difference, differences, readable

_GENERATE: Final = "completion/generate"
_SECONDS: Final = 300.0
_CLIP: Final = 200
_SAME: Final = "same"
_CHANGED: Final = "changed"
_SKIPPED: Final = "skipped"


def rerun(reader: SqliteReader, session: str | None, arguments: argparse.Namespace, output: Output) -> int:
    """Call again; returns the exit code."""
    catalogue, settings = _catalogue(arguments.server), _settings()
    consent = _Consent(catalogue, everything=arguments.yes)
    counts = dict.fromkeys((_SAME, _CHANGED, _SKIPPED), 0)
    with read(reader, session, "calling again") as records, _Caller(catalogue, settings) as caller:
        for call in recorded_calls(records):
            found: list[Difference] = []
            verdict = _SKIPPED
            if _can_be_made(call) and consent.given(call):
                again = caller.result(call)
                found = list(differences(call.result, again, ignored=arguments.ignore))
                verdict = _CHANGED if found else _SAME
            counts[verdict] += 1
            output.record(_json(call, verdict, found))
            if found:
                _tell(output, call, found)
    output.say(_summary(counts), "red" if counts[_CHANGED] else "green")
    return DIFFERS if counts[_CHANGED] else OK


def _can_be_made(call: RecordedCall) -> bool:
    """Whether there is something to call: no server runs here, and of models there is only the one that comes along."""
    if call.method == _GENERATE:
        return bool(call.params.get("model", DEFAULT_MODEL) == DEFAULT_MODEL)
    return call.method not in NEED_A_SERVER


def _params(call: RecordedCall) -> dict[str, Any]:
    """The parameters; a text is drawn with the seed that it was drawn with, also when that was not asked for."""
    drawn = call.result.get("result")
    sampling = call.params.get("sampling", {})
    if call.method != _GENERATE or not isinstance(drawn, dict) or not isinstance(sampling, dict):
        return call.params
    return {**call.params, "sampling": {**sampling, "seed": drawn.get("seed")}}


def _settings() -> Settings:
    """Those of the environment: what is called again may need the database that they name."""
    try:
        return from_environment(None, {})
    except SettingsError as error:
        raise UsageError(str(error)) from error


def _catalogue(target: str) -> Extended:
    from mcp_server.loader import LoadError, load

    if not target:
        from mcp_server.builtin import server
    else:
        try:
            server = load(target)
        except LoadError as error:
            raise UsageError(f"argument --server: {error}") from error
    return extended(Settings(), server.catalogue())


class _Consent:
    """Which calls may be made again: those that act on nothing, or the same twice as once, and what the user allows."""

    def __init__(self, catalogue: Extended, *, everything: bool) -> None:
        self._catalogue = catalogue
        self._everything = everything
        self._answers: dict[str, bool] = {}
        self._asks = sys.stdin.isatty() and sys.stderr.isatty()

    def given(self, call: RecordedCall) -> bool:
        acts = call.method != _GENERATE and not self._catalogue.is_idempotent(call.method, call.name)
        if self._everything or not acts:
            return True
        if call.name not in self._answers:
            self._answers[call.name] = self._ask(call) if self._asks else self._warn(call)
        return self._answers[call.name]

    def _ask(self, call: RecordedCall) -> bool:
        arguments = clipped(to_json(call.params.get("arguments", {})), _CLIP)
        print(f"{clean(call.name)} may act on something; it was called with {arguments}", file=sys.stderr)
        print(f"call {clean(call.name)} again, here and wherever else it was called? [y/N] ", end="", file=sys.stderr)
        sys.stderr.flush()
        return sys.stdin.readline().strip().lower() in {"y", "yes"}

    def _warn(self, call: RecordedCall) -> bool:
        problem = "is not marked read-only or idempotent, so it is not called again; --yes calls it"
        print(f"mcp-rewind: {clean(call.name)} {problem}", file=sys.stderr)
        return False


class _NoTeller:
    """Progress, log lines and parts of a call that is made again are of no interest: its result holds them all."""

    def progress(self, progress: float, total: float | None, message: str) -> None: ...

    def log(self, level: str, logger: str, payload: bytes) -> None: ...

    def chunk(self, payload: bytes) -> None: ...

    def release(self, retry: float) -> None: ...

    async def ask(self, _key: str, _method: str, _params: bytes) -> dict[str, Any]:
        """Refuse: no client is there."""
        raise AskRefused(INTERNAL_ERROR, "no client is there to be asked when a call is made again")

    async def room(self) -> None: ...


class _Caller:
    """Calls again, one call after another, with the database that the settings name."""

    def __init__(self, catalogue: Extended, settings: Settings) -> None:
        self._catalogue = catalogue
        self._database = pool_of(settings)
        self._lent = Lent(self._database)
        self._runner = asyncio.Runner()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        with self._runner:
            if self._database is not None:
                self._runner.run(self._database.close())

    def result(self, recorded: RecordedCall) -> dict[str, Any]:
        """What comes of a call today, as the response would say it."""
        return self._runner.run(self._result(recorded))

    async def _result(self, recorded: RecordedCall) -> dict[str, Any]:
        call = Call(
            recorded.session,
            recorded.request,
            recorded.principal,
            recorded.method,
            _params(recorded),
            recorded.version,
            recorded.at,
            self._lent,
        )
        try:
            async with asyncio.timeout(_SECONDS):
                answer = await self._catalogue.answer(call, _NoTeller())
        except CallRefused as refused:
            return {"error": error_value(refused.code, refused.message, refused.data)}
        except Exception:  # noqa: BLE001 - the server would answer an internal error, whatever it was
            return {"error": error_value(INTERNAL_ERROR, "internal error", None)}
        return {"result": readable(answer.payload)}


def _tell(output: Output, call: RecordedCall, found: list[Difference]) -> None:
    arguments = clipped(to_json(call.params.get("arguments", {})), _CLIP)
    output.say(f"{call.position}  {clean(call.method)} {clean(call.name)} {arguments}", "bold")
    for difference in found:
        before, after = (clipped(value_text(value), _CLIP) for value in (difference.before, difference.after))
        output.say(f"  {clean(difference.path)}  {before} -> {after}")


def _json(call: RecordedCall, verdict: str, found: list[Difference]) -> dict[str, Any]:
    return {
        "session": call.session,
        "position": str(call.position),
        "request": call.request,
        "method": call.method,
        "name": call.name,
        "verdict": verdict,
        "changes": [
            {"path": each.path, "before": value_text(each.before), "after": value_text(each.after)} for each in found
        ],
    }


def _summary(counts: dict[str, int]) -> str:
    called = counts[_SAME] + counts[_CHANGED]
    skipped = f", {many(counts[_SKIPPED], 'call')} not made again" if counts[_SKIPPED] else ""
    changed = "every result is the same" if not counts[_CHANGED] else f"{many(counts[_CHANGED], 'result')} changed"
    return f"{many(called, 'call')} made again: {changed}{skipped}"
