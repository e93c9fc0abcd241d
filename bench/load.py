"""The load: a process of its own, on a core of its own, that checks every answer it gets.

``python -m bench.load JSON`` takes a :class:`Load` and prints a :class:`Measured`.
"""

import asyncio
import os
import sys
import time
from array import array
from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import cast

import msgspec
import uvloop

from bench import wire

PATIENCE = 10.0
"""Seconds after which an answer that is still missing counts as an error."""


class Load(msgspec.Struct, frozen=True, kw_only=True):
    """What to send.

    Attributes:
        transport: ``http`` or ``websocket``.
        connections: How many are held open.
        in_flight: Unanswered requests on each; HTTP/1.1 can have one.
        handshake: Whether a websocket begins with MCP's ``initialize``.
        warm_up: Seconds before the window in which answers are counted.
        seconds: Length of that window.
        requests: Stop after so many instead; 0 for no such end.
        rate: Requests a second over all connections; 0 for as many as are answered.
        core: The processor core to stay on; -1 for any.
        server: The server's process id, to see how much of its core it gets; 0 not to look.
    """

    transport: str
    port: int
    connections: int
    in_flight: int = 1
    handshake: bool = False
    warm_up: float = 1.0
    seconds: float = 4.0
    requests: int = 0
    rate: float = 0.0
    core: int = -1
    server: int = 0


class Measured(msgspec.Struct, frozen=True, kw_only=True):
    """What came back within the window. Times are in milliseconds.

    Attributes:
        errors: Answers that were wrong, missing or cut off, in the window or not: with any, nothing else counts.
        problems: The first few of them, in words.
        cpu: The share of its core that the load took: near 1, it measured itself.
        server_cpu: The share of its core that the server itself had: well below 1, it was waiting, or others ran there.
    """

    answers: int
    seconds: float
    per_second: float
    p50: float
    p99: float
    p999: float
    longest: float
    errors: int
    problems: list[str]
    cpu: float
    server_cpu: float = 0.0

    @property
    def per_cpu_second(self) -> float:
        """Answers for each second of processor time of the server: others on the machine hardly touch this one."""
        return self.per_second / self.server_cpu if self.server_cpu else 0.0


class Tally:
    """What all connections have seen."""

    def __init__(self, load: Load) -> None:
        self.ids = count(wire.FIRST_ID)
        self.sent = 0
        self.requests = load.requests
        self.sending = True
        self.counting = False
        self.latencies = array("d")
        self.errors = 0
        self.problems: list[str] = []
        self.finished = asyncio.Event()

    def next_id(self) -> int | None:
        """The id of the next request, or None when no more are to be sent."""
        if not self.sending:
            return None
        self.sent += 1
        if self.sent == self.requests:
            self.sending = False
            self.finished.set()
        return next(self.ids)

    def wrong(self, problem: str) -> None:
        """Count an error, keep the words of the first few, and send no more."""
        self.errors += 1
        self.sending = False
        self.finished.set()
        if len(self.problems) < 5:
            self.problems.append(problem)

    def answered(self, number: int, answer: bytes, began: float, now: float) -> None:
        """Judge an answer that carries the right id."""
        right = (
            answer.startswith(b"{")
            and answer.endswith(b"}")
            and answer.count(b'"jsonrpc"') == 1
            and b'"result":' in answer
            and b'"isError":true' not in answer
            and wire.text_of(number) in answer
        )
        if not right:
            self.wrong(f"a wrong answer to {number}: {answer[:200]!r}")
        elif self.counting:
            self.latencies.append(now - began)


class Connection(asyncio.Protocol):
    """What the two transports have in common: requests that wait for answers."""

    def __init__(self, load: Load, tally: Tally) -> None:
        self.load = load
        self.tally = tally
        self.waiting: dict[int, float] = {}
        self.rest = b""
        self.transport: asyncio.WriteTransport
        self.ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.leaving = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.WriteTransport", transport)
        self.greet()

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.leaving:
            self.lost(f"the server closed a connection ({exc or 'end of file'})")

    def data_received(self, data: bytes) -> None:
        try:
            self.rest = self.taken(self.rest + data if self.rest else data)
        except (wire.LostFraming, ValueError) as error:
            self.lost(str(error))

    def lost(self, problem: str) -> None:
        """This connection is of no use any more."""
        self.tally.wrong(problem)
        self.waiting.clear()
        self.leave()
        if not self.ready.done():
            self.ready.set_exception(ConnectionError(problem))

    def leave(self) -> None:
        self.leaving = True
        self.transport.close()

    def fill(self) -> None:
        """Send as many requests as may be unanswered."""
        now = time.perf_counter()
        self.transport.write(b"".join(self.more(self.load.in_flight - len(self.waiting), now)))

    def more(self, room: int, now: float) -> list[bytes]:
        """The next requests, already counted as sent."""
        requests = []
        while room > 0 and (number := self.tally.next_id()) is not None:
            self.waiting[number] = now
            requests.append(self.encode(number))
            room -= 1
        return requests

    def greet(self) -> None:
        raise NotImplementedError

    def encode(self, number: int) -> bytes:
        raise NotImplementedError

    def taken(self, data: bytes) -> bytes:
        """Deal with the answers in ``data``, send what may follow them, and return what is left over."""
        raise NotImplementedError


class HttpConnection(Connection):
    """HTTP/1.1 with keep-alive, one request at a time."""

    def greet(self) -> None:
        self.post = wire.post(f"127.0.0.1:{self.load.port}")
        self.ready.set_result(None)

    def encode(self, number: int) -> bytes:
        return self.post(number)

    def taken(self, data: bytes) -> bytes:
        response = wire.take_response(data)
        if response is None:
            return data
        status, body, end = response
        if len(data) > end or not self.waiting:
            raise wire.LostFraming("more came than was asked for")
        now = time.perf_counter()
        number, began = self.waiting.popitem()
        if status == 200 and b'"id":%d' % number in body:
            self.tally.answered(number, body, began, now)
        else:
            self.tally.wrong(f"status {status}, and not the id {number}: {body[:200]!r}")
        if not self.load.rate:
            self.transport.write(b"".join(self.more(1, now)))
        return b""


class WebsocketConnection(Connection):
    """A websocket with the subprotocol ``mcp``; with or without MCP's own handshake."""

    HELLO = (
        b'{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},'
        b'"clientInfo":{"name":"bench","version":"1"}}}'
    )
    READY = b'{"jsonrpc":"2.0","method":"notifications/initialized"}'

    def greet(self) -> None:
        self.key = os.urandom(16)
        self.upgraded = False
        self.transport.write(wire.upgrade(f"127.0.0.1:{self.load.port}", "/ws", "mcp", self.key))

    def encode(self, number: int) -> bytes:
        return wire.frame(wire.call(number, modern=False))

    def taken(self, data: bytes) -> bytes:
        if not self.upgraded:
            return self.upgrade(data)
        at = answered = 0
        now = time.perf_counter()
        for first, payload, end in wire.take_frames(data):
            at = end
            if first == wire.TEXT:
                answered += self.received(payload, now)
            elif first == wire.PING:
                self.transport.write(wire.frame(payload, wire.PONG))
            elif first != wire.PONG:
                raise wire.LostFraming(f"a frame that begins with {first:#x}: {payload[:100]!r}")
        if answered and not self.load.rate:
            self.transport.write(b"".join(self.more(answered, now)))
        return data[at:] if at else data

    def upgrade(self, data: bytes) -> bytes:
        head, end, rest = data.partition(b"\r\n\r\n")
        if not end:
            return data
        wire.check_upgrade(head, "mcp", self.key)
        self.upgraded = True
        if self.load.handshake:
            self.transport.write(wire.frame(self.HELLO))
        else:
            self.ready.set_result(None)
        return rest

    def received(self, payload: bytes, now: float) -> int:
        """Take one message; 1 when it answered a call."""
        if not self.ready.done():
            if b'"protocolVersion":"2025-11-25"' not in payload:
                raise wire.LostFraming(f"initialize was answered with {payload[:200]!r}")
            self.transport.write(wire.frame(self.READY))
            self.ready.set_result(None)
            return 0
        at = payload.find(b'"id":') + 5
        number = int(payload[at : at + 10]) if at > 4 and payload[at : at + 10].isdigit() else 0
        began = self.waiting.pop(number, None)
        if began is None:
            self.tally.wrong(f"an answer to nothing that was asked: {payload[:200]!r}")
            return 0
        self.tally.answered(number, payload, began, now)
        return 1


async def connect(load: Load, tally: Tally) -> list[Connection]:
    """Open all connections, a few at a time so that no backlog overflows."""
    kinds: dict[str, Callable[[Load, Tally], Connection]] = {
        "http": HttpConnection,
        "websocket": WebsocketConnection,
    }
    loop = asyncio.get_running_loop()
    connections: list[Connection] = []
    for first in range(0, load.connections, 32):
        group = [
            loop.create_connection(lambda: kinds[load.transport](load, tally), "127.0.0.1", load.port)
            for _ in range(first, min(first + 32, load.connections))
        ]
        opened = [connection for _, connection in await asyncio.gather(*group)]
        await asyncio.wait_for(asyncio.gather(*(connection.ready for connection in opened)), PATIENCE)
        connections += opened
    return connections


async def run(load: Load) -> Measured:
    """Open the connections, send, and count."""
    tally = Tally(load)
    connections = await connect(load, tally)
    if load.rate:
        pace = asyncio.create_task(_pace(load, connections))
    else:
        pace = None
        for connection in connections:
            connection.fill()
    if not load.requests:
        await _until(tally, load.warm_up)
    tally.counting = True
    began, busy, server = time.perf_counter(), time.process_time(), _cpu_of(load.server)
    if load.requests:
        await _until(tally, 3600)
        await _drain(connections, tally)
    else:
        await _until(tally, load.seconds)
    tally.counting = tally.sending = False
    seconds, busy, server = time.perf_counter() - began, time.process_time() - busy, _cpu_of(load.server) - server
    if pace:
        pace.cancel()
    await _drain(connections, tally)
    for connection in connections:
        connection.leave()
    return _summary(tally, seconds, busy / seconds, server / seconds)


async def _until(tally: Tally, seconds: float) -> None:
    try:
        await asyncio.wait_for(tally.finished.wait(), seconds)
    except TimeoutError:
        return


async def _drain(connections: list[Connection], tally: Tally) -> None:
    """Wait for the answers that are still owed, unless it is clear already that something is wrong."""
    deadline = time.perf_counter() + PATIENCE
    while any(connection.waiting for connection in connections) and time.perf_counter() < deadline:
        if tally.errors:
            return
        await asyncio.sleep(0.005)
    if missing := sum(len(connection.waiting) for connection in connections):
        tally.wrong(f"{missing} answers never came")


async def _pace(load: Load, connections: list[Connection]) -> None:
    """Send at a fixed rate, to each connection in turn; one whose window is full is passed over."""
    began, sent, turn = time.perf_counter(), 0, 0
    while True:
        now = time.perf_counter()
        for _ in range(int((now - began) * load.rate) - sent):
            sent += 1
            turn = (turn + 1) % len(connections)
            connection = connections[turn]
            if len(connection.waiting) < load.in_flight:
                connection.transport.write(b"".join(connection.more(1, now)))
        await asyncio.sleep(0.001)


def _cpu_of(process: int) -> float:
    """Seconds of processor time that a process has used (Linux: proc(5), fields 14 and 15 of ``stat``)."""
    if not process:
        return 0.0
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _summary(tally: Tally, seconds: float, cpu: float, server_cpu: float) -> Measured:
    ordered = sorted(tally.latencies)
    answers = len(ordered)

    def at(share: float) -> float:
        return ordered[min(int(answers * share), answers - 1)] * 1000 if ordered else 0.0

    if not answers and not tally.errors:
        tally.wrong("no answer came within the window")
    return Measured(
        answers=answers,
        seconds=seconds,
        per_second=answers / seconds,
        p50=at(0.5),
        p99=at(0.99),
        p999=at(0.999),
        longest=at(1.0),
        errors=tally.errors,
        problems=tally.problems,
        cpu=cpu,
        server_cpu=server_cpu,
    )


def main() -> None:
    load = msgspec.json.decode(sys.argv[1], type=Load)
    if load.core >= 0:
        os.sched_setaffinity(0, {load.core})
    measured = uvloop.run(run(load))
    sys.stdout.write(msgspec.json.encode(measured).decode() + "\n")


if __name__ == "__main__":
    main()
