"""What the documentation lists is what there is: settings, metrics, codes, events, options, exit codes."""

import asyncio
import re
import subprocess
from pathlib import Path
from typing import Any

import msgspec
import pytest
from prometheus_client import generate_latest

from adapters.http_answers import _LEGACY_STATUS, _STATUS
from adapters.listener import READ_LIMIT
from events import codes, decided, jsonrpc, observed
from events.event import Decided, Observed
from events.jsonrpc import decode
from events.observed import MessageMalformed
from events.outcome import OUTCOMES
from mcp_server import config
from mcp_server.app import App
from mcp_server.builtin import server
from mcp_server.cli import codes as exit_codes
from mcp_server.config import Settings
from mcp_server.config.given import Given
from mcp_server.production import monitoring_system
from mcp_server.stores import open_log
from operators.measure import KINDS, DetailedMeter
from operators.methods import BOTH, LEGACY_METHODS, MODERN_METHODS
from operators.versions import LEGACY, MODERN
from replay.audit import PENDING, WORDS, parse_outcome
from tests.docs.pages import DOCS, coded, plain, rows
from tests.docs.terminal import environment

OPERATING, PROTOCOL, REPLAY = (DOCS / f"{name}.md" for name in ("operating", "protocol", "replay-and-audit"))
ARCHITECTURE = DOCS / "architecture.md"


def test_every_setting_is_listed_with_its_default() -> None:
    listed = {coded(name)[0]: msgspec.json.decode(coded(default)[0]) for name, default, _ in rows(OPERATING, "setting")}
    assert listed == Given().model_dump(mode="json")
    assert list(listed) == list(Given.model_fields)


def test_other_names_of_settings_are_told() -> None:
    text = plain(OPERATING)
    assert all(f"`{name}`" in text for name in (*config._ALIASES, *config._BARE))
    assert "`MCP_STORE`" in text


def test_metrics_are_listed_as_they_are_served() -> None:
    served = asyncio.run(metrics())
    kinds = dict(re.findall(r"^# TYPE (mcp_\S+) (\S+)$", served, re.MULTILINE))  # others are those of other tests
    assert {coded(name)[0]: kind for name, kind, _ in rows(OPERATING, "metric")} == kinds
    own = "\n".join(line for line in served.splitlines() if line.startswith("mcp_"))
    labels = set(re.findall(r"(\w+)=\"", own)) - {"le"}
    told = {name for _, _, text in rows(OPERATING, "metric") for name in coded(text)}
    assert told == labels | set(KINDS.values())


async def metrics() -> str:
    async with open_log("memory:") as log:
        app = App(Settings(store="memory:"), server.catalogue(), log)
        meter: DetailedMeter = app.meter
        meter.answered("tools/call", "echo", "ok", 0.001)
        meter.failed(codes.RATE_LIMITED)
        meter.emitted("chunk")
        await monitoring_system.performance.start_request("documented", "tools/list")
        await monitoring_system.performance.end_request("documented", "tools/list", "success")
        return generate_latest(app.operations.registry).decode()


def test_error_codes_are_listed_with_their_names_and_statuses() -> None:
    listed = {int(code): (name, modern, legacy) for code, name, modern, legacy, _ in rows(PROTOCOL, "code")}
    assert listed == {
        code: (name, str(_STATUS.get(code, "")), str(_LEGACY_STATUS.get(code, 200)))
        for code, name in codes.NAMES.items()
    }


@pytest.mark.parametrize("row", list(rows(PROTOCOL, "bytes (as Python)")), ids=lambda row: str(row[0]))
def test_malformed_input_gets_what_is_listed(row: list[str]) -> None:
    source, code, told = row
    fact = decode(eval(coded(source)[0]), "session", at=0.0)
    assert isinstance(fact, MessageMalformed)
    assert (fact.code, fact.answer) == (int(code), True)
    assert told in fact.problem


def test_limits_are_listed() -> None:
    listed = [int(number.replace(",", "")) for _, number in rows(PROTOCOL, "limit")]
    assert listed == [
        jsonrpc.FRAME_LIMIT,
        READ_LIMIT,
        jsonrpc.DEPTH_LIMIT,
        jsonrpc.VALUE_LIMIT,
        jsonrpc.ID_LIMIT,
        jsonrpc.KEPT,
    ]


def test_versions_and_methods_are_listed() -> None:
    text = plain(PROTOCOL)
    assert all(version in text for version in (*MODERN, *LEGACY))
    assert all(f"`{method}`" in text for method in BOTH | LEGACY_METHODS | MODERN_METHODS)


@pytest.mark.parametrize(("heading", "module", "kind"), [("fact", observed, Observed), ("decision", decided, Decided)])
def test_every_event_is_listed(heading: str, module: Any, kind: type) -> None:
    there = {name for name, found in vars(module).items() if isinstance(found, type) and issubclass(found, kind)} - {
        kind.__name__
    }
    assert {coded(name)[0] for name, _ in rows(ARCHITECTURE, heading)} == there


def test_outcomes_are_listed() -> None:
    listed = [coded(name)[0] for name, _ in rows(REPLAY, "outcome")]
    assert {parse_outcome(word) for word in listed} == {*OUTCOMES, PENDING}
    assert ", ".join(OUTCOMES[:2]) in plain(ARCHITECTURE)


def test_conditions_are_listed() -> None:
    listed = " ".join(cell for row in rows(REPLAY, "condition") for cell in row[:2])
    assert all(re.search(rf"\b{word}\b", listed) for word in WORDS)


def test_exit_codes_are_listed() -> None:
    serving = {int(code) for code, _ in rows(OPERATING, "`serve`")}
    assert serving == {0, 2, 3, 4}
    reading = {int(code) for code, _ in rows(OPERATING, "code")}
    assert reading == {value for name, value in vars(exit_codes).items() if name.isupper() and isinstance(value, int)}
    assert all(f"\n  {code} " in exit_codes.EPILOG for code in reading)


def options(command: str) -> set[str]:
    """The options of a command, as its help names them."""
    shown = subprocess.run(
        ["mcp-rewind", command, "--help"], capture_output=True, text=True, env=environment(), timeout=60, check=True
    )
    return set(re.findall(r"(--[a-z][a-z-]*)", shown.stdout)) - {"--help"}


@pytest.mark.parametrize(
    ("page", "commands"),
    [(OPERATING, ["serve"]), (REPLAY, ["sessions", "show", "replay", "audit"])],
    ids=lambda value: value.stem if isinstance(value, Path) else "",
)
def test_every_option_is_described_and_none_that_is_not_there(page: Path, commands: list[str]) -> None:
    there = set().union(*map(options, commands))
    described = set(re.findall(r"(--[a-z][a-z-]*)", plain(page)))
    assert there - described == set()
    assert described - there <= ({"--store", "--rebuild"} if page == OPERATING else set())
