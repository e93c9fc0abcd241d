"""The five rules that carry everything else, each with a control that breaks it and is caught."""

import ast
import asyncio
import itertools
import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest
from msgspec.structs import replace

from events.decided import ErrorReady, ResponseReady
from events.event import Event, Observed, Step
from events.frames import frame
from events.message import Message
from events.observed import CallReturned, MessageMalformed, PermitGiven, RequestReceived
from events.record import pack, unpack
from mcp_server.effects import Durability
from operators.measure import NoMeter
from operators.policy import Limit
from operators.respond import respond
from operators.stage import Stage, stage
from pipeline.chain import chain
from pipeline.log import Record, Row, VersionConflict
from replay.replay import Verdict, verify
from tests.facts import OTHER, SESSION, closed, modern, opened, request
from tests.golden.make import FULL_POLICY as POLICY
from tests.golden.make import HISTORY
from tests.passing import steps_of
from tests.peers import Peer, Room
from tests.pipeline.logs import HandWorkedLog
from tests.serving import serving, soon, text_of

ROOT = Path(__file__).parents[1]


def records(steps: Sequence[Step]) -> list[Record]:
    """A log in which each step is a record."""
    versions = {session: itertools.count(1) for session in (SESSION, OTHER)}
    return [
        Record(position, step.fact.origin.session, next(versions[step.fact.origin.session]), pack([step]))
        for position, step in enumerate(steps, 1)
    ]


def verdicts(history: Sequence[Observed], session: str | None = None) -> list[Verdict]:
    """What a replay says of a recording of ``history``; of one session of it, alone, when it is named."""
    recorded = records(steps_of(chain(POLICY, NoMeter()), *history))
    return list(verify(each for each in recorded if session in (None, each.session)))


# 1 and 3: The chain never waits, and time, ids and chance arrive inside events.

CLOCKS = {
    "import time\nnow = time.time()": "time.time",
    "import time\nnow = time.monotonic()": "time.monotonic",
    "from time import perf_counter": "time.perf_counter",
    "from datetime import datetime\nnow = datetime.now()": "datetime.datetime.now",
    "from datetime import date\ntoday = date.today()": "datetime.date.today",
    "from uuid import uuid4": "uuid.uuid4",
    "import random": "random",
    "from random import choice": "random",
    "import secrets": "secrets",
    "import os\nchance = os.urandom(8)": "os.urandom",
}


def ruff(code: str, path: str) -> str:
    command = [str(Path(sys.executable).with_name("ruff")), "check", "--select", "TID251", "--output-format", "concise"]
    done = subprocess.run(
        [*command, "--stdin-filename", path, "-"], input=code, cwd=ROOT, capture_output=True, text=True, check=False
    )
    return done.stdout


@pytest.mark.parametrize("folder", ["events", "operators", "pipeline", "replay"])
def test_a_clock_or_chance_in_the_core_is_found_by_the_linter_which_says_what_to_do(folder: str) -> None:
    for code, name in CLOCKS.items():
        found = ruff(code + "\n", f"{folder}/sample.py")
        assert f"`{name}` is banned: time/ids/chance arrive inside events" in found, (code, found)


def test_the_rim_may_read_a_clock() -> None:
    assert ruff("import time\nnow = time.time()\n", "adapters/sample.py") == "All checks passed!\n"


FORBIDDEN = {
    *("time", "datetime", "random", "secrets", "uuid", "os", "asyncio", "threading", "socket", "select", "io"),
    *("concurrent", "multiprocessing", "subprocess", "sqlite3", "pathlib", "aiohttp", "orjson", "structlog"),
}


def imported(code: str) -> Iterator[str]:
    """The top-level names that code imports, wherever it does."""
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module.partition(".")[0]
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ("__import__", "open"):
            yield node.func.id


def test_operators_import_nothing_that_waits_or_knows_the_time() -> None:
    files = sorted((ROOT / "operators").glob("*.py"))
    assert len(files) > 10
    for file in files:
        assert not FORBIDDEN & set(imported(file.read_text())), file
        assert "await " not in file.read_text()


def test_an_import_that_hides_in_a_function_is_seen() -> None:
    assert set(imported("def f():\n    from time import time\n    __import__('os')")) == {"time", "__import__"}


def test_a_replay_under_another_clock_decides_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("time.time", lambda: 0.0)
    (verdict,) = verdicts(HISTORY)
    assert verdict.holds, verdict


def test_a_stage_that_reads_the_clock_diverges_in_a_replay(monkeypatch: pytest.MonkeyPatch) -> None:
    def punctual() -> Stage:
        def late(_: None, event: Event) -> Sequence[Event]:
            return (event, ErrorReady(event.origin, -1, f"too late: it is {time.time()}"))

        return stage("punctual", lambda: None, {RequestReceived: late})

    monkeypatch.setattr("pipeline.chain.respond", punctual)
    (verdict,) = verdicts([opened(policy=POLICY), request(1), closed()])
    assert not verdict.holds
    assert verdict.divergence is not None
    assert verdict.divergence.difference.path == "$.message"


# 2: Nothing acts on an event before it is in the log.


@pytest.fixture
def log() -> HandWorkedLog:
    return HandWorkedLog()


async def settle(room: Room, log: HandWorkedLog) -> None:
    """Make everything durable that comes, until nothing comes any more."""
    await room.turns()
    while log.appended:
        log.release()
        await room.turns()


async def ready(room: Room, log: HandWorkedLog) -> Peer:
    peer = room.peer()
    await settle(room, log)
    return peer


async def test_no_tool_begins_and_nothing_is_sent_before_it_is_durable(log: HandWorkedLog) -> None:
    room = Room(log)
    peer = room.peer()
    await room.turns()
    assert peer.told == []
    log.release()
    await room.turns()
    assert peer.told == []  # the handshake's result is known, and not yet recorded
    log.release()
    assert peer.answers("hello")

    peer.call(1, "act", gate="a")
    await room.turns()
    assert (room.tools.done, len(log.appended)) == ([], 1)
    log.release()
    await room.turns()
    assert room.tools.done == ["a"]

    room.tools.gates["a"].set()
    await room.turns()
    assert (peer.answers(1), len(log.appended)) == ([], 1)
    log.release()
    (answer,) = peer.answers(1)
    assert text_of(answer) == "a"


async def test_progress_is_not_sent_before_it_is_durable(log: HandWorkedLog) -> None:
    room = Room(log)
    peer = await ready(room, log)
    peer.call(1, "report", {"progressToken": "p"}, gate="a")
    await room.turns()
    log.release()
    await room.turns()
    before = list(peer.told)
    assert room.tools.done == ["a"]
    log.release()
    (told,) = peer.told[len(before) :]
    assert b'"progressToken":"p"' in told


async def test_no_call_is_stopped_before_its_cancellation_is_durable(log: HandWorkedLog) -> None:
    room = Room(log)
    peer = await ready(room, log)
    peer.call(1, "act", gate="a")
    await settle(room, log)
    peer.ask(None, "notifications/cancelled", {"requestId": 1})
    await room.turns()
    assert not room.tools.stopped["a"].is_set()
    log.release()
    await soon(room.tools.stopped["a"].wait())


async def test_no_result_is_shared_before_it_is_durable(log: HandWorkedLog) -> None:
    room = Room(log)
    one, other = await ready(room, log), await ready(room, log)
    one.call(1, "shared", text="x")
    await room.turns()
    log.release()
    await room.turns()
    other.call(1, "shared", text="x")
    await room.turns()
    assert room.tools.done == ["x"]
    assert log.appended  # the result is on its way to the log
    await settle(room, log)
    assert text_of(other.answers(1)[0]) == "x"
    assert room.tools.done == ["x"]


async def test_no_notification_is_accepted_before_it_is_durable() -> None:
    class Held(HandWorkedLog):
        """Lets everything through until it is told to hold."""

        holds = False

        def append(
            self,
            rows: Sequence[Row],
            done: Callable[[int], None],
            refused: Callable[[VersionConflict], None] | None = None,
        ) -> None:
            super().append(rows, done, refused)
            if not self.holds:
                asyncio.get_running_loop().call_soon(self.release)

    log = Held()
    async with serving(log) as served:
        headers = await served.initialize()
        log.holds = True
        waiting = asyncio.create_task(served.post(b'{"jsonrpc":"2.0","method":"notifications/x"}', headers))
        done, _ = await asyncio.wait({waiting}, timeout=0.2)
        assert not done
        log.holds = False
        log.release()
        assert (await soon(waiting)).status == 202


async def test_with_a_weaker_durability_the_same_tests_fail(log: HandWorkedLog) -> None:
    """The control: what is checked above can be seen."""
    room = Room(log, durability=Durability.ASYNC)
    peer = room.peer()
    peer.call(1, "act", gate="a")
    room.tools.gates["a"].set()
    await room.turns()
    assert room.tools.done == ["a"]
    assert text_of(peer.answers(1)[0]) == "a"
    assert log.reader().last() == 0


async def test_in_a_group_only_calls_that_act_on_nothing_begin_early(log: HandWorkedLog) -> None:
    room = Room(log, durability=Durability.GROUP)
    peer = room.peer()
    await settle(room, log)
    peer.call(1, "echo", text="reads")
    peer.call(2, "act", gate="acts")
    await room.turns()
    assert room.tools.done == ["reads"]
    assert peer.answers(1) == []
    log.release()
    await room.turns()
    assert room.tools.done == ["reads", "acts"]
    await settle(room, log)
    assert text_of(peer.answers(1)[0]) == "reads"


async def test_when_the_log_fails_nothing_acts_and_everyone_is_told(log: HandWorkedLog) -> None:
    room = Room(log)
    peer = await ready(room, log)
    peer.call(1, "act", gate="a")
    await room.turns()
    log.fail("the disk is full")
    peer.call(2, "act", gate="b")
    await room.turns()
    assert room.tools.done == []
    assert [peer.answers(id)[0]["error"]["code"] for id in (1, 2)] == [-31004, -31004]
    assert room.app.gate.in_flight == 0


# 4: What sessions share lives at the rim, and a session's own events are enough to replay it.


async def test_each_session_is_replayed_from_its_own_events_alone() -> None:
    limits = (Limit("all", "server", per_second=200, burst=20), Limit("mine", "session", per_second=50, burst=5))
    room = Room(limits=limits)
    peers = [room.peer() for _ in range(8)]
    for number in range(15):
        for peer in peers:
            peer.call(number, "shared", text=str(number % 3))
            peer.call(f"{number}", "echo", text="x")
        await room.turns(number)
    await room.quiet()
    for peer in peers:
        peer.leave()
    await room.quiet()
    reader = room.log.reader()
    sessions = list(reader.sessions())
    assert len(sessions) == len(peers)
    for session in sessions:
        (verdict,) = verify(reader.session(session))
        assert verdict.holds, verdict
        assert verdict.events > 100
    facts = [step.fact for record in reader.records() for step in unpack(record.state, record.session)]
    assert {type(fact).__name__ for fact in facts} >= {"CacheHit", "CacheMissed", "PermitGiven", "PermitRefused"}
    assert len({fact.remaining for fact in facts if isinstance(fact, PermitGiven)}) > 3


def test_a_stage_that_shares_a_state_between_sessions_diverges_when_one_is_replayed_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def crowded() -> Stage:
        served = itertools.count(1)

        def number(_: None, event: Event) -> Sequence[Event]:
            return (event, ErrorReady(event.origin, -1, f"you are number {next(served)}"))

        return stage("crowded", lambda: None, {RequestReceived: number})

    monkeypatch.setattr("pipeline.chain.respond", crowded)
    history = [
        opened(policy=POLICY),
        opened(policy=POLICY, session=OTHER),
        request(1),
        request(1, session=OTHER),
        closed(),
        closed(session=OTHER),
    ]
    assert all(verdict.holds for verdict in verdicts(history))  # together they come out the same
    assert verdicts(history, SESSION)[0].holds
    assert not verdicts(history, OTHER)[0].holds


# 5: A payload is stored once, as the bytes that came or went.

ODD = (
    b' { "method" : "tools/call","id":1 ,"jsonrpc":"2.0",\r\n "params":{"name":"echo","_meta":{"z":1.0,"a":1,"e":1e2,'
    b'"big":123456789012345678901234567890,"-0":-0,"n":null},"arguments":{"text":"\\u0041\\/ \xc3\xbc"}}}\t'
)


async def test_a_payload_is_stored_once() -> None:
    await check_that_payloads_are_stored_once()


async def check_that_payloads_are_stored_once() -> None:
    room = Room()
    peer = room.peer()
    call = b'{"jsonrpc":"2.0","id":%d,"method":"tools/call","params":{"name":"echo","arguments":{"text":"marker%d"}}}'
    requests = [call % (number, number) for number in range(20)]
    for raw in requests:
        peer.say(raw)
    await room.quiet()
    states = b"\0".join(record.state for record in room.log.reader().records())
    for number, raw in enumerate(requests):
        payload = b'{"content":[{"type":"text","text":"marker%d"}]}' % number
        assert states.count(raw) == 1
        assert states.count(payload) == 1
        assert states.count(b'marker%d"' % number) == 2  # what was asked, and what was answered
        assert peer.told.count(b'{"jsonrpc":"2.0","id":%d,"result":%b}' % (number, payload)) == 1


async def test_a_payload_comes_back_byte_for_byte() -> None:
    await check_that_payloads_come_back()


async def check_that_payloads_come_back() -> None:
    room = Room()
    peer = room.peer()
    peer.say(ODD)
    await room.quiet()
    steps = [step for record in room.log.reader().records() for step in unpack(record.state, record.session)]
    (received,) = [
        step.fact for step in steps if isinstance(step.fact, RequestReceived) and step.fact.origin.request == 1
    ]
    assert isinstance(received, RequestReceived)
    assert received.message.raw == ODD
    (sent,) = [
        frame(decision, step.fact)
        for step in steps
        for decision in step.decisions
        if isinstance(decision, ResponseReady) and decision.origin.request == 1
    ]
    assert sent in peer.told
    assert json.loads(sent)["result"]["content"][0]["text"] == "A/ \u00fc"


async def test_what_is_no_message_is_kept_byte_for_byte_too() -> None:
    room = Room()
    peer = room.peer()
    raw = b'{"jsonrpc":"2.0","id":1,"method":"ping","method":"pong"}'
    peer.say(raw)
    await room.quiet()
    facts = [step.fact for record in room.log.reader().records() for step in unpack(record.state, record.session)]
    assert [fact.frame for fact in facts if isinstance(fact, MessageMalformed)] == [raw]


def test_decisions_repeat_no_payload() -> None:
    history = [opened(policy=POLICY), modern(1, "tools/call", {"name": "echo", "big": "x" * 10_000}), closed()]
    for step in steps_of(chain(POLICY, NoMeter()), *history):
        for decision in step.decisions:
            assert len(pack([Step(closed(), (decision,))])) < 500


async def test_a_decision_that_repeats_a_payload_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """The control: what went out is the same, and it is in the log twice."""

    def wordy() -> Stage:
        def repeat(_: object, event: CallReturned) -> Sequence[Event]:
            return (event, ResponseReady(event.origin, event.payload))

        plain = respond()
        return stage("wordy", plain.fresh, {**plain.knows, CallReturned: repeat})

    monkeypatch.setattr("pipeline.chain.respond", wordy)
    await check_that_payloads_come_back()
    with pytest.raises(AssertionError):
        await check_that_payloads_are_stored_once()


async def test_a_log_that_keeps_what_was_understood_instead_of_what_came_is_found_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The control: what is stored means the same, and other bytes came."""

    def understood(steps: Sequence[Step]) -> bytes:
        return pack([Step(tidied(step.fact), step.decisions) for step in steps])

    def tidied(fact: Observed) -> Observed:
        if not isinstance(fact, RequestReceived):
            return fact
        return replace(fact, message=Message(json.dumps(fact.message.body, separators=(",", ":")).encode()))

    monkeypatch.setattr("pipeline.journal.pack", understood)
    await check_that_payloads_are_stored_once()
    with pytest.raises(AssertionError):
        await check_that_payloads_come_back()
