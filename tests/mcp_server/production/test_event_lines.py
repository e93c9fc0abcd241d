"""What is in the log lines of events, and what is not."""

import json
import logging
from pathlib import Path
from typing import Any

import pytest

from events.observed import RequestReceived
from events.record import unpack
from mcp_server.production import log_setup
from mcp_server.production.event_lines import NAME
from tests.serving import Served, call_params, serving


@pytest.fixture
def debugging(log_file: Path) -> Path:
    """A log file of everything."""
    log_setup.configure("DEBUG", str(log_file))
    return log_file


def lines(file: Path) -> list[dict[str, Any]]:
    found = [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []
    return [line for line in found if line["logger"] == NAME]


async def asked(served: Served) -> None:
    assert (await served.modern("a-7", "tools/call", call_params("echo", text="hidden words"))).status == 200
    assert (await served.modern(8, "made/up")).code == -32601


async def test_every_event_has_a_line_with_its_place_in_the_log(debugging: Path) -> None:
    async with serving() as served:
        await asked(served)
    recorded = [
        (f"{record.position}.{place}", type(event).__name__)
        for record in served.log.reader().records()
        for place, event in enumerate(
            event for step in unpack(record.state, record.session) for event in (step.fact, *step.decisions)
        )
    ]
    told = lines(debugging)
    assert [(line["position"], line["event"]) for line in told] == recorded
    assert {line["level"] for line in told} == {"debug"}
    (called, _) = [line for line in told if line["event"] == RequestReceived.__name__]
    assert (called["request"], called["session"]) == ("a-7", served.recorded(RequestReceived)[0].origin.session)
    assert [line["method"] for line in told if line["event"] == "CallDispatched"] == ["tools/call"]
    assert [line["code"] for line in told if line["event"] == "RequestRejected"] == [-32601]


async def test_nothing_that_was_sent_is_in_them(debugging: Path) -> None:
    async with serving() as served:
        await asked(served)
    told = lines(debugging)
    assert told
    assert "hidden" not in str(told)
    assert "made/up" not in str(told)


async def test_there_are_none_unless_they_are_wanted(log_file: Path) -> None:
    log_setup.configure("INFO", str(log_file))
    async with serving() as served:
        await asked(served)
    assert lines(log_file) == []


async def test_they_begin_and_end_with_the_level_of_the_settings(log_file: Path) -> None:
    log_setup.configure("INFO", str(log_file))
    async with serving() as served:
        for level in ("DEBUG", "INFO"):
            logging.getLogger().setLevel(level)
            served.app.reload(served.app.settings)
            await asked(served)
    told = lines(log_file)
    assert {line["session"] for line in told} == {served.recorded(RequestReceived)[0].origin.session}
    positions = [line["position"] for line in told]
    assert positions == sorted(set(positions), key=lambda each: tuple(map(int, each.split("."))))
    assert len([line for line in told if line["event"] == RequestReceived.__name__]) == 2
