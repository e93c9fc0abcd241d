import asyncio

import pytest

from adapters.memory_log import MemoryLog
from events import codes
from events.decided import RequestCancelled
from events.event import Step
from events.record import unpack
from mcp_server.effects import Durability
from replay.replay import verify
from tests.facts import frame
from tests.peers import Room
from tests.pipeline.logs import HandWorkedLog
from tests.serving import LONG, soon, text_of


async def test_a_server_that_drains_lets_calls_end() -> None:
    room = Room(drain_timeout=LONG)
    peer = room.peer()
    peer.call(1, "act", gate="a")
    await room.turns()
    draining = asyncio.create_task(room.app.drain())
    await room.turns()
    peer.call(2, "echo", text="too late")
    await room.turns()
    assert peer.answers(2)[0]["error"]["code"] == codes.OVERLOADED
    room.tools.gates["a"].set()
    await soon(draining)
    assert text_of(peer.answers(1)[0]) == "a"
    assert peer.ended == "the server stopped"
    assert not room.app.gate.sessions


async def test_calls_that_do_not_end_are_aborted_and_so_are_those_that_waited_for_them() -> None:
    room = Room(drain_timeout=0.01)
    peers = [room.peer() for _ in range(5)]
    for peer in peers:
        peer.call(1, "find", gate="never")
        peer.call(2, "act", gate="never")
    await room.turns()
    await soon(room.app.drain())
    for peer in peers:
        assert [peer.answers(id)[0]["error"]["code"] for id in (1, 2)] == [codes.ABORTED] * 2
        assert len(peer.messages) == 3
    events = [
        decision
        for record in room.log.reader().records()
        for step in unpack(record.state, record.session)
        for decision in step.decisions
    ]
    assert not [event for event in events if isinstance(event, RequestCancelled)]


@pytest.mark.parametrize("durability", Durability)
async def test_when_the_log_has_failed_no_tool_begins_not_even_for_those_that_waited(durability: Durability) -> None:
    room = Room(MemoryLog(), durability=durability)
    peers = [room.peer() for _ in range(3)]
    await room.quiet()
    for peer in peers:
        peer.call(1, "find", gate="a")
    await room.turns()
    begun = list(room.tools.done)
    room.log.fail("the disk is full")
    for peer in peers:
        peer.call(2, "echo", text="x")
    await room.turns()
    assert room.tools.done == begun == ["a"]
    assert room.tools.stopped["a"].is_set()
    for peer in peers:
        assert [peer.answers(id)[0]["error"]["code"] for id in (1, 2)] == [codes.LOG_FAILED] * 2
    assert room.app.stopping.is_set()
    assert str(room.app.failure) == "the disk is full"
    assert (room.app.gate.in_flight, len(room.app.calls)) == (0, 0)
    await soon(room.app.drain())


async def test_a_session_that_opens_after_the_log_has_failed_is_told_so() -> None:
    room = Room(HandWorkedLog())
    room.log.fail("the disk is full")
    peer = room.peer(ready=False)
    peer.ask(1, "ping")
    peer.say(b"{")
    assert [each["error"]["code"] for each in peer.messages] == [codes.LOG_FAILED] * 2
    peer.leave()
    assert not room.app.gate.sessions


NO_MESSAGE = b'{"jsonrpc":"2.0","id":"odd","method":1}'
NOT_ANSWERED = (
    b'{"jsonrpc":"2.0","method":"notifications/x","params":[]}',
    b'{"jsonrpc":"2.0","method":"notifications/x"}',
    b'{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":"hello"}}',
    b'{"jsonrpc":"2.0","id":"hello","result":{}}',
)


@pytest.mark.parametrize("durability", Durability)
async def test_what_is_answered_at_once_is_answered_once_too_when_the_log_fails_meanwhile(
    durability: Durability,
) -> None:
    log = HandWorkedLog()
    room = Room(log, server_window=1, durability=durability)
    peer = room.peer(ready=False)
    peer.call("hello", "act", gate="a")
    for raw in (NO_MESSAGE, b"{", frame("full", "ping"), *NOT_ANSWERED):
        peer.say(raw)
    await room.turns()
    before = len(peer.messages)
    assert before == (4 if durability is Durability.ASYNC else 0)
    log.fail("the disk is full")
    await room.turns()
    assert sorted(str(each["id"]) for each in peer.messages) == ["None", "full", "hello", "odd"]
    assert {each["error"]["code"] for each in peer.messages[before:]} <= {codes.LOG_FAILED}
    for raw in NOT_ANSWERED:
        peer.say(raw)
    assert len(peer.messages) == 4
    assert not peer.session.apart
    assert room.app.gate.in_flight == 0


async def test_what_was_answered_at_once_is_forgotten() -> None:
    room = Room(server_window=1)
    peer = room.peer()
    await room.quiet()
    peer.call(1, "act", gate="a")
    for raw in (NO_MESSAGE, b"{", frame("full", "ping"), *NOT_ANSWERED):
        peer.say(raw)
    assert len(peer.session.apart) == 3
    await room.turns()
    assert not peer.session.apart


@pytest.mark.parametrize("durability", Durability)
async def test_a_session_that_cannot_be_recorded_ends_and_no_other_loses_anything(durability: Durability) -> None:
    room = Room(durability=durability)
    lost, other = room.peer(), room.peer()
    await room.quiet()
    lost.call(1, "find", gate="a")
    lost.call(2, "act", gate="b")
    await room.turns()
    other.call(1, "find", gate="a")  # waits for what the first is to find
    other.call(2, "act", gate="c")
    await room.turns()
    lost.call(3, "odd")
    other.call(3, "echo", text="hi")
    await room.turns()
    assert [lost.answers(id)[0]["error"]["code"] for id in (1, 2)] == [codes.LOG_FAILED] * 2
    assert [len(lost.answers(id)) for id in (1, 2)] == [1, 1]
    assert durability is Durability.ASYNC or lost.answers(3)[0]["error"]["code"] == codes.LOG_FAILED
    assert lost.ended == "it cannot be recorded"
    assert room.tools.stopped["b"].is_set()
    assert text_of(other.answers(3)[0]) == "hi"

    lost.ask(4, "ping")  # the connection is about to close
    lost.session.push(lost.session.read(b"{"))
    for gate in "ac":
        room.tools.gates[gate].set()
    await room.quiet()
    assert [text_of(other.answers(id)[0]) for id in (1, 2)] == ["a", "c"]
    assert room.app.gate.in_flight == len(room.app.calls) == 0
    assert list(room.app.gate.sessions) == [other.session.id]
    assert not room.app.stopping.is_set()

    other.leave()
    await room.quiet()
    verdicts = {verdict.session: verdict for verdict in verify(room.log.reader().records())}
    assert all(verdict.holds for verdict in verdicts.values())
    assert {session: verdict.closed for session, verdict in verdicts.items()} == {
        lost.session.id: False,
        other.session.id: True,
    }


async def test_what_is_answered_at_once_is_answered_too_when_its_session_is_lost(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def pack(steps: list[Step]) -> bytes:
        raise OverflowError

    room = Room(server_window=1)
    peer = room.peer()
    await room.quiet()
    monkeypatch.setattr("pipeline.journal.pack", pack)
    peer.ask("one", "ping")
    for raw in (NO_MESSAGE, b"{", frame("full", "ping"), *NOT_ANSWERED):
        peer.say(raw)
    told = len(peer.messages)
    await room.turns()
    answers = peer.messages[told:]
    assert sorted(str(each["id"]) for each in answers) == ["None", "full", "odd", "one"]
    assert {each["error"]["code"] for each in answers} == {codes.LOG_FAILED}


async def test_on_stdio_the_loss_of_its_session_is_the_end_of_the_server() -> None:
    room = Room(transport_type="stdio")
    peer = room.peer()
    peer.call(1, "odd")
    await room.turns()
    assert peer.answers(1)[0]["error"]["code"] == codes.LOG_FAILED
    assert room.app.stopping.is_set()
    assert str(room.app.failure) == f"the session {peer.session.id} cannot be recorded"
    await soon(room.app.drain())
