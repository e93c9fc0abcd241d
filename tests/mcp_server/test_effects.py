import logging
from collections.abc import Sequence

import pytest

from adapters.memory_log import MemoryLog
from events import codes, frames
from events.event import Decided, Event, Observed
from events.observed import ProgressReported
from operators.stage import Stage, no_state, stage
from replay.replay import verify
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


async def test_a_call_that_meets_a_bug_of_ours_is_stopped_and_answered_once(monkeypatch: pytest.MonkeyPatch) -> None:
    def deaf() -> Stage:
        def fail(_: None, event: Event) -> Sequence[Event]:
            raise ZeroDivisionError

        return stage("deaf", no_state, {ProgressReported: fail})

    monkeypatch.setattr("pipeline.chain.emit_chunks", deaf)
    room = Room()
    peer, other = room.peer(), room.peer()
    peer.call(1, "report", {"progressToken": "p"}, gate="a")
    other.call(1, "act", gate="b")
    await room.turns()
    room.tools.gates["a"].set()
    room.tools.gates["b"].set()
    await room.quiet()
    assert [each["error"]["code"] for each in peer.answers(1)] == [codes.INTERNAL_ERROR]
    assert text_of(other.answers(1)[0]) == "b"
    assert room.tools.stopped["a"].is_set()
    assert not room.app.calls
    peer.leave()
    await room.quiet()
    (verdict,) = verify(room.log.reader().session(peer.session.id))
    assert verdict.holds
