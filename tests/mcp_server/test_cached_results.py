"""Results that a server keeps: for whom, for how long, and what has them dropped."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from adapters.memory_log import MemoryLog
from mcp_server.app import App
from mcp_server.config import Settings
from mcp_server.context import Context
from mcp_server.features.server import MCPServer
from tests.peers import Peer, Room
from tests.pipeline.logs import HandWorkedLog
from tests.serving import LONG, text_of


class Desk(Room):
    """A server whose tool and resource tell who asked first, and how often they ran."""

    def __init__(self, log: MemoryLog | None = None) -> None:
        self.log = log or MemoryLog()
        self.runs: list[str] = []
        server = MCPServer("desk")

        @server.tool(read_only=True, cacheable=60.0)
        async def mine(ctx: Context) -> str:
            return self._ran(f"tool of {ctx.principal}")

        @server.tool(read_only=True, cacheable=60.0, public=True)
        async def ours(ctx: Context) -> str:
            return self._ran(f"tool of all, by {ctx.principal}")

        @server.tool(read_only=True, cacheable=60.0)
        async def broken(ctx: Context) -> str:
            self._ran(f"failure of {ctx.principal}")
            raise ValueError("it is broken")

        @server.resource("desk://mine", cacheable=60.0)
        async def paper(ctx: Context) -> str:
            return self._ran(f"resource of {ctx.principal}")

        self.app = App(
            Settings(store="memory:", drain_timeout=0.2, prompts_enabled=False), server.catalogue(), self.log
        )

    def _ran(self, what: str) -> str:
        self.runs.append(what)
        return what

    def visitor(self, principal: str) -> Peer:
        """A peer that somebody has vouched for."""
        peer = Peer(self.app)
        peer.session.close("it was nobody")
        peer.session = self.app.gate.open("websocket", "", principal, peer)
        peer.initialize()
        return peer


READ = ("resources/read", {"uri": "desk://mine"})
MINE = ("tools/call", {"name": "mine", "arguments": {}})
OURS = ("tools/call", {"name": "ours", "arguments": {}})
BROKEN = ("tools/call", {"name": "broken", "arguments": {}})


async def ask(desk: Desk, peer: Peer, request: tuple[str, dict[str, Any]], id: Any) -> Any:
    peer.ask(id, *request)
    await desk.quiet()
    (answer,) = peer.answers(id)
    return answer


@pytest.mark.parametrize("request_", [MINE, READ], ids=["tool", "resource"])
async def test_no_principal_is_given_what_another_asked_for(request_: tuple[str, dict[str, Any]]) -> None:
    desk = Desk()
    alice, bob, again = desk.visitor("alice"), desk.visitor("bob"), desk.visitor("alice")
    answers = [await ask(desk, peer, request_, 1) for peer in (alice, bob, again, desk.visitor("bob"))]
    assert [name for answer in answers for name in ("alice", "bob") if name in str(answer["result"])] == [
        *("alice", "bob", "alice", "bob")
    ]
    assert len(desk.runs) == 2  # the control: each is kept, for its own


async def test_nor_is_it_through_a_batch() -> None:
    desk = Desk()
    inside = {"id": "b", "requests": [{"id": 7, "method": MINE[0], "params": MINE[1]}]}
    answers = [await ask(desk, desk.visitor(name), ("batch", inside), 1) for name in ("alice", "bob", "alice")]
    said = [answer["result"]["responses"][0]["result"]["content"][0]["text"] for answer in answers]
    assert said == ["tool of alice", "tool of bob", "tool of alice"]
    assert desk.runs == ["tool of alice", "tool of bob"]


async def test_what_is_public_is_given_to_everyone() -> None:
    desk = Desk()
    answers = [await ask(desk, desk.visitor(name), OURS, 1) for name in ("alice", "bob")]
    assert [text_of(answer) for answer in answers] == ["tool of all, by alice"] * 2


async def test_a_failure_is_found_anew() -> None:
    desk = Desk()
    peer = desk.visitor("alice")
    for number in (1, 2):
        assert (await ask(desk, peer, BROKEN, number))["result"]["isError"]
    assert len(desk.runs) == 2


async def test_a_list_that_changed_drops_the_results_of_its_method_and_no_others() -> None:
    desk = Desk()
    peer = desk.visitor("alice")
    for number in (1, 2):
        await ask(desk, peer, MINE, f"call {number}")
        await ask(desk, peer, READ, f"read {number}")
    assert desk.runs == ["tool of alice", "resource of alice"]
    desk.app.forget("resources/read")
    for number in (3, 4):
        await ask(desk, peer, MINE, f"call {number}")
        await ask(desk, peer, READ, f"read {number}")
    assert desk.runs == ["tool of alice", "resource of alice", "resource of alice"]


async def test_a_result_whose_session_closed_before_it_was_recorded_does_not_outlive_that() -> None:
    log = HandWorkedLog()
    desk = Desk(log)
    peer = desk.visitor("alice")

    async def record(until: Callable[[], object]) -> None:
        async with asyncio.timeout(LONG):
            while not until():
                if log.appended:
                    log.release()
                await asyncio.sleep(0)

    peer.ask(1, *READ)
    await record(lambda: desk.runs)
    await desk.turns()
    assert log.appended  # what it read waits for the log
    peer.leave()
    await record(lambda: desk.app.journal.idle)
    assert desk.app.shared.cache.stats().entries == 1
    desk.app.forget("resources/read")
    assert desk.app.shared.cache.stats().entries == 0
