"""Lines that are written while a call is carried out say which call it is."""

import asyncio
import json
import logging
from pathlib import Path
from typing import Any

from mcp_server.logs import configure
from mcp_server.production import production_logger
from tests.serving import Tools, call_params, serving

TRACE = "0af7651916cd43dd8448eb211c80319c"
PARENT = f"00-{TRACE}-b7ad6b7169203331-01"


def lines(file: Path) -> list[dict[str, Any]]:
    found = (json.loads(line) for line in file.read_text().splitlines())
    return [line for line in found if line["logger"] == "mine"]


async def test_lines_of_overlapping_calls_are_told_apart_and_those_of_none_name_none(log_file: Path) -> None:
    configure("INFO", str(log_file))
    tools, own = Tools(), production_logger.get_logger("mine")
    gate = asyncio.Event()

    @tools.server.tool
    async def wait(name: str) -> str:
        own.info("begun", name=name)
        await gate.wait()
        logging.getLogger("mine").info("over", extra={"reason": name})
        return name

    @tools.server.tool
    def threaded(name: str) -> str:
        own.info("in a thread", name=name, request="mine")
        return name

    async with serving(tools=tools) as served, served.socket() as one, served.socket() as two:
        await one.call(1, "wait", {"traceparent": PARENT}, name="one")
        await two.call("b", "wait", name="two")
        while len(lines(log_file)) < 2:  # noqa: ASYNC110 # a file has no event
            await asyncio.sleep(0.01)
        own.info("outside")
        gate.set()
        await one.receive()
        await two.receive()
        reply = await served.modern(9, "tools/call", call_params("threaded", {"traceparent": PARENT}, name="three"))
        assert reply.status == 200
        sessions = list(served.app.gate.sessions)
    told = {(line["event"], line.get("name") or line.get("reason")): line for line in lines(log_file)}
    for event in ("begun", "over"):
        first, second = told[event, "one"], told[event, "two"]
        assert (first["session"], first["request"], first["trace"]) == (sessions[0], 1, TRACE)
        assert (second["session"], second["request"], second["method"]) == (sessions[1], "b", "tools/call")
        assert "trace" not in second
    assert not {"session", "request", "trace", "method"} & told["outside", None].keys()
    threaded_line = told["in a thread", "three"]
    assert (threaded_line["request"], threaded_line["trace"]) == ("mine", TRACE)  # what is said itself counts


async def test_calls_share_a_task_all_the_same() -> None:
    """A task for every call would cost as much as all the rest of it."""
    tools, names = Tools(), set()

    @tools.server.tool
    async def name() -> str:
        task = asyncio.current_task()
        assert task is not None
        names.add(task.get_name())
        return ""

    async with serving(tools=tools) as served, served.socket() as socket:
        for number in range(1, 51):
            await socket.ask(number, "tools/call", call_params("name"))
    assert len(names) == 1
