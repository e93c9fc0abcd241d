"""Settings that are read anew while a server runs: by its sessions at once, and in a replay at the same place."""

import asyncio
import json
import signal
from pathlib import Path

import aiohttp
import pytest

from events import codes
from events.event import Observed
from events.observed import PolicyReplaced, SessionOpened
from events.record import unpack
from mcp_server.config import Settings
from operators.policy import Limit, load
from replay.replay import verify
from tests.children import Child, recorded, running
from tests.peers import Room
from tests.serving import Socket, call_params, handshake, soon, text_of

ONE = Limit("one", "session", requests=1, window=3600.0)
TWO = Limit("two", "session", requests=2, window=3600.0)
PLACES = Limit("places", "server", concurrent=1)


def given(**settings: object) -> Settings:
    used = {"store": "memory:", "drain_timeout": 0.2, "prompts_enabled": False, **settings}
    return Settings(**used)  # type: ignore[arg-type]


def facts(room: Room) -> list[Observed]:
    records = room.log.reader().records()
    return [step.fact for record in records for step in unpack(record.state, record.session)]


async def test_a_session_that_is_open_follows_the_new_limits_and_a_replay_does_too() -> None:
    room = Room()
    peer = room.peer()
    for number in (1, 2):
        peer.call(number, "echo", text="free")
    await room.quiet()
    assert room.app.reload(given(limits=(ONE,))) == (("limits",), ())
    for number in (3, 4):
        peer.call(number, "echo", text="limited")
    await room.quiet()
    late = room.peer()
    for number in (5, 6):
        late.call(number, "echo", text="limited")
    await room.quiet()
    answers = [*(peer.answers(number)[0] for number in range(1, 5)), *(late.answers(number)[0] for number in (5, 6))]
    refused = [answer.get("error", {}).get("code") for answer in answers]
    assert refused == [None, None, None, codes.RATE_LIMITED, None, codes.RATE_LIMITED]
    replaced = [fact for fact in facts(room) if isinstance(fact, PolicyReplaced)]
    assert [(fact.origin.session, load(fact.policy).limits) for fact in replaced] == [
        (peer.session.id, (ONE,)),
        (late.session.id, (ONE,)),
    ]
    last = [fact for fact in facts(room) if isinstance(fact, SessionOpened)][-1]
    assert (last.origin.session, load(last.policy).limits) == (late.session.id, (ONE,))
    await soon(room.app.drain())
    assert all(verdict.holds for verdict in verify(room.log.reader().records()))


async def test_without_the_event_a_replay_would_differ() -> None:
    room = Room()
    peer = room.peer()
    await room.quiet()
    room.app.reload(given(limits=(ONE,)))
    await room.quiet()  # so that the event has a record for itself
    for number in (1, 2):
        peer.call(number, "echo", text="x")
    await room.quiet()
    await soon(room.app.drain())
    records = list(room.log.reader().records())
    without = [record for record in records if b"PolicyReplaced" not in record.state]
    assert len(without) == len(records) - 1
    assert not all(verdict.holds for verdict in verify(without))


async def test_what_was_used_of_a_limit_that_stays_is_not_forgotten() -> None:
    room = Room(limits=(ONE,))
    peer = room.peer()
    peer.call(1, "echo", text="x")
    await room.quiet()
    room.app.reload(given(limits=(ONE, TWO)))
    peer.call(2, "echo", text="x")
    await room.quiet()
    assert peer.answers(2)[0]["error"]["data"]["limit"] == "one"
    room.app.reload(given(limits=()))
    peer.call(3, "echo", text="x")
    await room.quiet()
    assert text_of(peer.answers(3)[0]) == "x"


async def test_a_place_that_is_taken_is_given_back_though_its_limit_is_gone_or_smaller() -> None:
    room = Room(limits=(PLACES,))
    peer = room.peer()
    peer.call(1, "act", gate="a")
    await room.turns()
    room.app.reload(given(limits=()))
    room.tools.gates["a"].set()
    await room.quiet()
    room.app.reload(given(limits=(PLACES,)))
    for number in (2, 3):
        peer.call(number, "echo", text="x")
        await room.quiet()
    assert [text_of(peer.answers(number)[0]) for number in (2, 3)] == ["x", "x"]
    await soon(room.app.drain())
    assert all(verdict.holds for verdict in verify(room.log.reader().records()))


@pytest.mark.parametrize(
    ("before", "after"),
    [((ONE,), ()), ((ONE,), (PLACES,)), ((PLACES,), (ONE,)), ((PLACES,), ()), ((), (TWO,)), ((ONE, PLACES), (TWO,))],
)
async def test_sessions_to_come_follow_the_limits_that_there_are_then_and_those_alone(
    before: tuple[Limit, ...], after: tuple[Limit, ...]
) -> None:
    room = Room(limits=before)
    room.app.reload(given(limits=after))
    peer = room.peer()
    for number in (1, 2, 3):
        peer.call(number, "echo", text="x")
        await room.quiet()
    passes = {"one": 1, "two": 2}.get(after[0].name, 3) if after else 3
    said = [peer.answers(number)[0].get("error", {}).get("code") for number in (1, 2, 3)]
    assert said == [None] * passes + [codes.RATE_LIMITED] * (3 - passes)
    await soon(room.app.drain())
    assert all(verdict.holds for verdict in verify(room.log.reader().records()))


@pytest.mark.parametrize("new", [False, True], ids=["in one session", "in a new session each time"])
async def test_anonymous_callers_can_be_shut_out_and_let_in_again(*, new: bool) -> None:
    room = Room()
    peer = room.peer()
    said = []
    for number, anonymous in enumerate((True, False, True)):
        room.app.reload(given(anonymous=anonymous))
        peer = room.peer() if new else peer
        peer.call(number, "echo", text="x")
        await room.quiet()
        said.append(peer.answers(number)[0].get("error", {}).get("code"))
    assert said == [None, codes.UNAUTHORIZED, None]
    await soon(room.app.drain())
    assert all(verdict.holds for verdict in verify(room.log.reader().records()))


async def test_what_needs_a_restart_stays_as_it_was() -> None:
    room = Room()
    found = room.app.reload(given(port=1, server_window=7, call_timeout=5.0))
    assert (found.applied, found.needs_restart) == (("server_window", "call_timeout"), ("port",))
    assert (room.app.settings.port, room.app.gate.window, room.app.calls.timeout) == (8080, 7, 5.0)
    assert not [fact for fact in facts(room) if isinstance(fact, PolicyReplaced)]


async def said(child: Child, words: str) -> None:
    async with asyncio.timeout(30.0):
        while words not in child.errors:  # noqa: ASYNC110 - a file has no event
            await asyncio.sleep(0.02)


async def test_a_signal_has_a_server_read_its_file_anew(tmp_path: Path) -> None:
    file = tmp_path / "settings.json"
    file.write_text("{}")
    with running(tmp_path, "--config", str(file)) as child:
        url = f"ws://127.0.0.1:{await asyncio.to_thread(lambda: child.port)}/ws"
        async with aiohttp.ClientSession() as client, client.ws_connect(url, protocols=("mcp",)) as ws:
            socket = Socket(ws)
            await socket.send(handshake(0))
            await socket.receive()
            file.write_text('{"limits": [{"name": "one", "requests": 0}]}')
            child.process.send_signal(signal.SIGHUP)
            await said(child, "settings are as they were")
            file.write_text(json.dumps({"log_level": "DEBUG", "metrics_host": "::1", "rate_limit_requests": 1}))
            child.process.send_signal(signal.SIGHUP)
            await said(child, "settings read anew")
            for number in (1, 2):
                await socket.request(number, "tools/call", call_params("echo", text="x"))
            answers = {answer["id"]: answer for answer in [await socket.receive() for _ in range(2)]}
            assert ("error" in answers[1], "error" in answers[2]) == (False, True)
        assert await asyncio.to_thread(child.stop) == 0
        line = next(json.loads(each) for each in child.errors.splitlines() if "settings read anew" in each)
        assert (line["applied"], line["needs_restart"]) == (["limits", "log_level"], ["metrics_host"])
    assert len(recorded(tmp_path, PolicyReplaced)) == 1


@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGTERM])
def test_a_server_that_starts_is_not_ended_by_being_told_to_reload(tmp_path: Path, number: signal.Signals) -> None:
    with running(tmp_path) as child:
        assert child.port
        if number is signal.SIGHUP:
            child.process.send_signal(number)
            asyncio.run(said(child, "settings read anew"))
        assert child.stop(signal.SIGTERM) == 0
