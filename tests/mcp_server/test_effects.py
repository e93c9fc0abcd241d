import logging

import pytest

from adapters.memory_log import MemoryLog
from events import frames
from events.event import Decided, Observed
from tests.peers import Peer, Room
from tests.serving import text_of


class Broken(Peer):
    """A peer to whom nothing can be sent."""

    def deliver(self, *arguments: object) -> None:
        raise ZeroDivisionError("secret")


async def test_an_effect_that_fails_costs_no_other(caplog: pytest.LogCaptureFixture) -> None:
    room = Room(MemoryLog())
    before, after = room.peer(), room.peer()
    broken = Broken(room.app)
    await room.quiet()
    with caplog.at_level(logging.ERROR):
        for peer in (before, broken, after):
            peer.ask(1, "ping")
        await room.quiet()
    assert before.answers(1) == after.answers(1) == [{"jsonrpc": "2.0", "id": 1, "result": {}}]
    assert [record.getMessage() for record in caplog.records] == ["effect of ResponseReady failed"]
    before.call(2, "echo", text="hi")
    await room.quiet()
    assert text_of(before.answers(2)[0]) == "hi"


async def test_an_answer_that_cannot_be_made_costs_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    def frame(decision: Decided, fact: Observed) -> bytes:
        if decision.origin.request == "bad":
            raise ValueError("no such frame")
        return frames.frame(decision, fact)

    monkeypatch.setattr("mcp_server.effects.frame", frame)
    room = Room()
    peer = room.peer()
    for id in ("bad", "good"):
        peer.ask(id, "ping")
    await room.turns()
    assert peer.answers("good")
