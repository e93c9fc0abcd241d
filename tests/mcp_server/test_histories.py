"""Histories that Hypothesis makes up, on a whole server without a network.

However clients call, cancel, repeat themselves and leave: every request gets exactly one answer or is recorded as
cancelled, a replay comes to the same decisions, and nothing of one session reaches another.
"""

import asyncio
from collections import Counter
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from events.decided import ErrorReady, RequestCancelled, ResponseReady
from events.event import Step
from events.observed import MessageMalformed, RequestOverflowed, RequestReceived
from events.record import unpack
from mcp_server.effects import Durability
from operators.policy import Limit
from replay.replay import verify
from tests.facts import MODERN_META
from tests.peers import Peer, Room, markers

# They fill up so slowly that it makes no difference how fast the machine is.
LIMITS = (Limit("session", "session", per_second=0.01, burst=6), Limit("all", "server", per_second=0.01, burst=40))
GENEROUS = (Limit("all", "server", per_second=0.01, burst=1000),)

ACTIONS = (
    *("echo", "echo", "act", "report", "shared", "shared", "fail", "big", "no_such_tool", "tools/list", "ping"),
    *("no/such/method", "modern", "malformed", "repeat", "cancel", "cancel", "answer", "leave"),
    *("open gates", "turn", "turns"),
)
actions = st.tuples(st.sampled_from(ACTIONS), st.integers(0, 2), st.integers(1, 6))
histories = st.lists(actions, min_size=1, max_size=60)


class Talker:
    """One client after another in the same place: when one leaves, the next one comes."""

    def __init__(self, room: Room, number: int) -> None:
        self.room = room
        self.number = number
        self.peers: list[Peer] = []
        self.come()

    @property
    def peer(self) -> Peer:
        return self.peers[-1]

    @property
    def marker(self) -> str:
        """A word that only this client ever says."""
        return f"marker-{self.number}-{len(self.peers)}-"

    def come(self) -> None:
        self.peers.append(self.room.peer())

    def act(self, action: str, id: int) -> None:
        peer, marker = self.peer, f"{self.marker} "
        match action:
            case "ping" | "tools/list" | "no/such/method":
                peer.ask(f"{id}" if action == "ping" else id, action)
            case "repeat":
                peer.call(id, "act", gate=marker)
                peer.call(id, "echo", text=marker)
            case "modern":
                peer.call(id, "echo", MODERN_META, text=marker)
            case "malformed":
                peer.say(b'{"jsonrpc":"2.0","id":"%b' % marker.encode())
            case "cancel":
                peer.ask(None, "notifications/cancelled", {"requestId": id})
            case "answer":
                peer.say(b'{"jsonrpc":"2.0","id":%d,"result":{}}' % id)
            case "leave":
                peer.leave()
                self.come()
            case tool:
                peer.call(id, tool, {"progressToken": marker}, **self._arguments(tool, id))

    def _arguments(self, tool: str, id: int) -> dict[str, Any]:
        """What a tool is called with. What all share holds no client's marker."""
        match tool:
            case "shared":
                return {"text": f"{id % 3}"}
            case "big":
                return {"size": 100}
            case "act" | "report":
                return {"gate": self.marker}
        return {"text": self.marker}


async def play(
    history: list[tuple[str, int, int]], durability: Durability, limits: tuple[Limit, ...] = LIMITS
) -> tuple[Room, list[Talker]]:
    room = Room(limits=limits, server_window=8, durability=durability)
    talkers = [Talker(room, number) for number in range(3)]
    for action, number, id in history:
        match action:
            case "turn":
                await asyncio.sleep(0)
            case "turns":
                await room.turns()
            case "open gates":
                for gate in list(room.tools.gates.values()):
                    gate.set()
            case _:
                talkers[number].act(action, id)
    while room.app.gate.in_flight:
        for gate in list(room.tools.gates.values()):
            gate.set()
        await room.turns(5)
    await room.quiet()
    for talker in talkers:
        talker.peer.leave()
    await room.quiet()
    return room, talkers


def steps_of(room: Room) -> list[Step]:
    return [step for record in room.log.reader().records() for step in unpack(record.state, record.session)]


def asked(steps: list[Step]) -> Counter[tuple[str, Any]]:
    """The requests that came, by session and id; ``1`` and ``"1"`` are two."""
    kinds = (RequestReceived, RequestOverflowed)
    return Counter((s.fact.origin.session, repr(s.fact.origin.request)) for s in steps if isinstance(s.fact, kinds))


def ended(steps: list[Step], *kinds: type) -> Counter[tuple[str, Any]]:
    return Counter(
        (step.fact.origin.session, repr(decision.origin.request))
        for step in steps
        for decision in step.decisions
        if type(decision) in kinds and not isinstance(step.fact, MessageMalformed)
    )


def check(room: Room, talkers: list[Talker]) -> None:
    steps = steps_of(room)

    # Every request that came has ended once, with an answer or with a recorded cancellation.
    assert ended(steps, ResponseReady, ErrorReady, RequestCancelled) == asked(steps)
    assert not room.app.calls
    assert not room.app.gate.sessions

    # What was decided was sent, to whom it was owed, unless he had left; and nothing else.
    malformed = Counter(step.fact.origin.session for step in steps if isinstance(step.fact, MessageMalformed))
    answers = ended(steps, ResponseReady, ErrorReady)
    for talker in talkers:
        for number, peer in enumerate(talker.peers, 1):
            own = Counter({key: count for key, count in answers.items() if key[0] == peer.session.id})
            told = Counter((peer.session.id, repr(each["id"])) for each in peer.messages if each.get("id") is not None)
            assert told <= own
            assert sum(each.get("id", 0) is None for each in peer.messages) <= malformed[peer.session.id]
            assert markers(peer.told) <= {f"marker-{talker.number}-{number}-"}
            if number < len(talker.peers):
                continue
            assert told == own  # the last one stayed until all was quiet

    # The recording says it all.
    verdicts = list(verify(room.log.reader().records()))
    assert len(verdicts) == sum(len(talker.peers) for talker in talkers)
    assert all(verdict.holds and verdict.closed for verdict in verdicts), verdicts


@settings(max_examples=60)
@given(histories)
def test_every_request_is_answered_once_and_a_replay_decides_the_same(history: list[tuple[str, int, int]]) -> None:
    check(*asyncio.run(play(history, Durability.STRICT)))


@settings(max_examples=25)
@given(histories, st.sampled_from([Durability.GROUP, Durability.ASYNC]))
def test_with_a_weaker_durability_too(history: list[tuple[str, int, int]], durability: Durability) -> None:
    check(*asyncio.run(play(history, durability)))


def test_the_histories_meet_what_they_are_made_to_meet() -> None:
    """A control: the checks above would hold of histories in which nothing happens."""
    busy = [(action, number, id) for id in range(1, 7) for action in ACTIONS for number in range(3)]
    calm = [each for id, action in enumerate(ACTIONS * 6) for each in ((action, 0, id), ("turns", 0, 0))]
    met: set[str] = set()
    for history, limits in ((busy, LIMITS), (calm, LIMITS), (calm, GENEROUS)):
        room, talkers = asyncio.run(play(history, Durability.STRICT, limits))
        check(room, talkers)
        met |= {type(event).__name__ for step in steps_of(room) for event in (step.fact, *step.decisions)}
    assert met >= {
        *("RequestCancelled", "ErrorReady", "ResponseReady", "ProgressEmitted", "CacheFilled"),
        *("PermitGiven", "PermitRefused", "CacheHit", "CacheMissed", "MessageMalformed", "RequestOverflowed"),
        *("SessionAgreed", "CallReturned", "CallFailed", "ResponseReceived", "CancelReceived"),
    }
