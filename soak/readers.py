"""Websocket clients that do nothing, and one that does not read: neither costs the server much, nor the others."""

import asyncio
import random
import time
from typing import Final, cast

import orjson

from adapters.sqlite_reader import SqliteReader
from events.observed import SessionClosed, SessionOpened
from events.record import unpack_facts
from soak import processes, wire
from soak.campaign import Campaign, Control, Outcome, Setting
from soak.mutate import META
from soak.probe import probing
from soak.requests import READY, Requests
from soak.servers import Server, nursery

TEXT_BYTES: Final = 50_000
WARM: Final = 100
"""Sessions that are not counted."""

MOST_A_SESSION: Final = 40_000
"""Bytes that an idle session may cost the server."""

MOST_GROWTH: Final = 64 << 20
PATIENCE: Final = 30.0


class Peer(asyncio.Protocol):
    """A websocket client that is told what to do.

    Attributes:
        came: Bytes that came after the handshake.
        ended: Set when the connection has ended.
    """

    def __init__(self) -> None:
        self.came = 0
        self.ended = asyncio.Event()
        self.ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.transport: asyncio.Transport
        self._held = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self.transport.write(wire.upgrade(b"0123456789abcdef"))

    def data_received(self, data: bytes) -> None:
        if self.ready.done():
            self.came += len(data)
            return
        self._held += data
        if found := wire.take_response(self._held):
            wire.check_upgrade(found[0], b"0123456789abcdef")
            self.ready.set_result(None)

    def connection_lost(self, _error: Exception | None) -> None:
        self.ended.set()


async def run(setting: Setting) -> Outcome:
    """Hold ``setting.count`` idle sessions, then have a client that does not read."""
    outcome = Outcome()
    store = setting.scratch / "events.db"
    async with nursery(setting.scratch) as place:
        server = await place.start("--store", f"sqlite:///{store}")
        await server.ready()
        async with probing(server.port) as honest:
            await _idle(server, setting, outcome)
            outcome.controls.append(await _slow(server, outcome))
        outcome.counts["honest calls beside them"] = honest.calls
        outcome.counts["their longest, ms"] = round(honest.longest, 1)
        if honest.problem or not honest.calls:
            outcome.violation(f"an honest client beside them: {honest.problem or 'no call was answered'}")
        if problem := await server.stop():
            outcome.violation(problem)
    with SqliteReader(store) as reader:
        facts = [type(fact) for record in reader.records() for fact in unpack_facts(record.state, record.session)]
    if facts.count(SessionOpened) != facts.count(SessionClosed):
        outcome.violation(f"{facts.count(SessionOpened)} sessions opened, {facts.count(SessionClosed)} closed")
    return outcome


async def _peer(server: Server) -> Peer:
    _, peer = await asyncio.get_running_loop().create_connection(Peer, "127.0.0.1", server.port)
    await asyncio.wait_for(peer.ready, PATIENCE)
    return peer


async def _idle(server: Server, setting: Setting, outcome: Outcome) -> None:
    requests = Requests(random.Random(setting.seed))
    warm = [await _greeted(server, requests) for _ in range(WARM)]  # what is made once is not an idle session's cost
    await _all_answered(warm)
    before = processes.resident(server.pid)
    peers: list[Peer] = []
    for number in range(setting.count):
        peers.append(await _greeted(server, requests))
        setting.tell(number + 1, "idle sessions")
    await _all_answered(peers)
    each = (processes.resident(server.pid) - before) / setting.count
    outcome.counts["idle sessions"] = setting.count
    outcome.counts["each, kB"] = round(each / 1000, 1)
    if each > MOST_A_SESSION:
        outcome.violation(f"an idle session takes {each / 1000:.1f} kB")
    if silent := sum(not peer.came or peer.ended.is_set() for peer in peers):
        outcome.violation(f"{silent} of {setting.count} idle sessions were not answered, or ended")
    for peer in (*peers, *warm):
        peer.transport.abort()


async def _greeted(server: Server, requests: Requests) -> Peer:
    peer = await _peer(server)
    peer.transport.write(wire.frame(requests.hello().raw) + wire.frame(READY))
    return peer


async def _all_answered(peers: list[Peer]) -> None:
    until = time.monotonic() + PATIENCE
    while not all(peer.came for peer in peers) and time.monotonic() < until:  # noqa: ASYNC110 # as below
        await asyncio.sleep(0.01)
    await asyncio.sleep(0.5)


async def _slow(server: Server, outcome: Outcome) -> Control:
    """One client asks for much and reads nothing; another asks for as much and reads."""
    before = processes.resident(server.pid)
    slow, quick = await _peer(server), await _peer(server)
    slow.transport.pause_reading()
    most = asked = 0
    while not slow.ended.is_set() and asked < 2000 and not slow.transport.is_closing():
        for peer in (slow, quick):
            peer.transport.write(wire.frame(_question(asked)))
        asked += 1
        most = max(most, processes.resident(server.pid) - before)
        await asyncio.sleep(0.002)
    await asyncio.wait([asyncio.ensure_future(_all_came(quick, asked))], timeout=PATIENCE)
    slow.transport.resume_reading()  # an end of the connection shows only to those who read
    cut = await _ended(slow)
    outcome.counts["unread answers asked for, MB"] = round(asked * TEXT_BYTES / 1e6)
    outcome.counts["the server grew by, MB"] = round(most / 1e6, 1)
    if not cut:
        outcome.violation("a client that did not read was not cut off")
    if most > MOST_GROWTH:
        outcome.violation(f"the server grew by {most / 1e6:.0f} MB for a client that did not read")
    whole = quick.came > asked * TEXT_BYTES and not quick.ended.is_set()
    quick.transport.abort()
    return Control("a client that reads as much is served", whole, f"{quick.came / 1e6:.1f} MB came")


def _question(number: int) -> bytes:
    params = {"name": "echo", "arguments": {"text": "x" * TEXT_BYTES}, "_meta": META}
    return orjson.dumps({"jsonrpc": "2.0", "id": number, "method": "tools/call", "params": params})


async def _all_came(peer: Peer, asked: int) -> None:
    while peer.came < asked * TEXT_BYTES and not peer.ended.is_set():  # noqa: ASYNC110 # bytes come without an event
        await asyncio.sleep(0.01)


async def _ended(peer: Peer) -> bool:
    try:
        await asyncio.wait_for(peer.ended.wait(), PATIENCE)
    except TimeoutError:
        return False
    return True


READERS: Final = Campaign("readers", "idle sessions", 1000, 300, run)
