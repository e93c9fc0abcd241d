import asyncio
import math
from typing import Any

import pytest

from mcp_server.context import LEVELS, Context
from mcp_server.features.server import MCPServer
from tests.mcp_server.asking import NEW, SESSION, Heard, call, text_of, use


def context(heard: Heard, params: dict[str, Any] | None = None) -> Context:
    return Context(call("tools/call", params), heard)


async def test_a_context_knows_its_call() -> None:
    ctx = context(Heard(), {"_meta": {"progressToken": 7}})
    assert (ctx.session, ctx.principal, ctx.request_id, ctx.version) == (SESSION, "alice", 1, NEW)
    assert ctx.meta == {"progressToken": 7}
    assert context(Heard()).meta == {}
    assert ctx.cancelled is False


async def test_reports_can_be_awaited_or_simply_made() -> None:
    heard = Heard()
    ctx = context(heard)
    await ctx.progress(1, 2, "half")
    ctx.progress(2, 2)
    assert heard.progressed == [(1, 2, "half"), (2, 2, "")]


async def test_who_awaits_a_report_waits_for_a_client_that_does_not_read() -> None:
    heard = Heard()
    heard.reads.clear()
    ctx = context(heard)

    async def chatter() -> None:
        for number in range(1, 4):
            await ctx.progress(number)
            await ctx.info(number)

    talking = asyncio.create_task(chatter())
    for _ in range(50):
        await asyncio.sleep(0)
    assert (len(heard.progressed), len(heard.logged)) == (1, 0)
    ctx.info("not awaited")
    heard.reads.set()
    await talking
    assert (len(heard.progressed), len(heard.logged)) == (3, 4)


async def test_progress_only_grows() -> None:
    heard = Heard()
    ctx = context(heard)
    for value in (1, 1, 0, 2.5, 2):
        await ctx.progress(value)
    assert heard.progressed == [(1, None, ""), (2.5, None, "")]


@pytest.mark.parametrize(
    "numbers", [(math.nan, None), (math.inf, None), (1, math.nan), (10**400, None), (1, -(10**400))]
)
async def test_progress_is_a_finite_number(numbers: tuple[float, float | None]) -> None:
    with pytest.raises(ValueError, match="finite"):
        context(Heard()).progress(*numbers)


async def test_a_report_holds_nothing_that_cannot_be_stored() -> None:
    heard = Heard()
    ctx = context(heard)
    ctx.progress(2**70, 2**71, "\udcff.txt")
    ctx.info("begun", logger="\ud800")
    (report,) = heard.progressed
    assert report == (float(2**70), float(2**71), "?.txt")
    assert [type(value) for value in report] == [float, float, str]
    assert heard.logged == [("info", "?", "begun")]


async def test_every_level_is_known_and_no_other() -> None:
    heard = Heard()
    ctx = context(heard)
    for level in LEVELS:
        await ctx.log(level, level)
    await ctx.debug(1)
    await ctx.info({"a": [1]}, logger="mine")
    await ctx.warning(None)
    await ctx.error("bad")
    assert [level for level, _, _ in heard.logged] == [*LEVELS, "debug", "info", "warning", "error"]
    assert heard.logged[-3] == ("info", "mine", {"a": [1]})
    with pytest.raises(ValueError, match="unknown level 'warn'; the levels are debug, info"):
        ctx.log("warn", "x")


async def test_a_log_message_never_fails_because_of_what_it_says() -> None:
    heard = Heard()
    await context(heard).info({"x": math.nan})
    await context(heard).info("\ud800")
    assert [data for _, _, data in heard.logged] == ["{'x': nan}", "'\\ud800'"]


async def test_awaiting_a_report_gives_others_a_turn() -> None:
    ctx, turns = context(Heard()), []

    async def other() -> None:
        turns.append("other")

    task = asyncio.create_task(other())
    await ctx.info("x")
    assert turns == ["other"]
    await task


async def test_nothing_is_told_after_the_call_is_over() -> None:
    server, heard, kept = MCPServer("test"), Heard(), []

    @server.tool
    async def keep(ctx: Context) -> str:
        kept.append(ctx)
        await ctx.info("during")
        return "ok"

    assert text_of(await use(server, "keep", heard=heard)) == "ok"
    await kept[0].info("after")
    await kept[0].progress(1)
    assert [data for _, _, data in heard.logged] == ["during"]
    assert heard.progressed == []


async def test_reports_from_a_thread_arrive_on_the_loop() -> None:
    server, loop = MCPServer("test"), asyncio.get_running_loop()

    class OnLoop(Heard):
        def log(self, level: str, logger: str, payload: bytes) -> None:
            assert asyncio.get_running_loop() is loop
            super().log(level, logger, payload)

    @server.tool
    def crunch(ctx: Context) -> int:
        for number in range(100):
            ctx.debug(number)
        return 0

    heard = OnLoop()
    await use(server, "crunch", heard=heard)
    assert [data for _, _, data in heard.logged] == list(range(100))
