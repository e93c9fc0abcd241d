"""The load: a process of its own, on a core of its own, that checks every answer it gets.

``python -m bench.load JSON`` takes a :class:`Load` and prints a :class:`Measured`.
"""

import asyncio
import contextlib
import os
import sys
import time
from pathlib import Path

import msgspec
import uvloop

from bench.connections import Connection, HttpConnection, Tally, WebsocketConnection

PATIENCE = 10.0
"""Seconds after which an answer that is still missing counts as an error."""


class Load(msgspec.Struct, frozen=True, kw_only=True):
    """What to send.

    Attributes:
        transport: ``http`` or ``websocket``.
        connections: How many are held open.
        in_flight: Unanswered requests on each; HTTP/1.1 can have one.
        handshake: Whether a connection begins with ``initialize``; over HTTP it is a legacy session then.
        asked: How many requests ask for the same; see :func:`bench.wire.text_of`.
        first: The number of the first request: loads that begin at others ask for other things.
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
    asked: int = 1
    first: int = 0
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
        stolen: The share of the machine's processor time that its host gave to others; 0 on a machine of its own.
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
    stolen: float = 0.0

    @property
    def per_cpu_second(self) -> float:
        """Answers for each second of processor time of the server: others on the machine hardly touch this one."""
        return self.per_second / self.server_cpu if self.server_cpu else 0.0


async def connect(load: Load, tally: Tally) -> list[Connection]:
    """Open all connections, a few at a time so that no backlog overflows."""

    def connection() -> Connection:
        if load.transport == "http":
            return HttpConnection(tally, load.port, handshake=load.handshake, paced=bool(load.rate))
        return WebsocketConnection(tally, load.port, load.in_flight, handshake=load.handshake, paced=bool(load.rate))

    loop = asyncio.get_running_loop()
    connections: list[Connection] = []
    for first in range(0, load.connections, 32):
        group = [
            loop.create_connection(connection, "127.0.0.1", load.port)
            for _ in range(first, min(first + 32, load.connections))
        ]
        opened = [made for _, made in await asyncio.gather(*group)]
        await asyncio.wait_for(asyncio.gather(*(made.ready for made in opened)), PATIENCE)
        connections += opened
    return connections


async def run(load: Load) -> Measured:
    """Open the connections, send, and count."""
    tally = Tally(load.requests, load.asked, load.first)
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
    began, busy, server, host = time.perf_counter(), time.process_time(), _cpu_of(load.server), _stolen()
    if load.requests:
        await _until(tally, 3600)
        await _drain(connections, tally)
    else:
        await _until(tally, load.seconds)
    tally.counting = tally.sending = False
    seconds, busy, server = time.perf_counter() - began, time.process_time() - busy, _cpu_of(load.server) - server
    host = _stolen() - host
    if pace:
        pace.cancel()
    await _drain(connections, tally)
    for connection in connections:
        connection.leave()
    return _summary(tally, seconds, busy / seconds, server / seconds, host / seconds / (os.cpu_count() or 1))


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


def _stolen() -> float:
    """Seconds of processor time that the machine wanted and did not get (Linux: proc(5), "steal" of ``/proc/stat``)."""
    with contextlib.suppress(OSError, IndexError):
        return int(Path("/proc/stat").read_text().split(maxsplit=9)[8]) / os.sysconf("SC_CLK_TCK")
    return 0.0


def _summary(tally: Tally, seconds: float, cpu: float, server_cpu: float, stolen: float) -> Measured:
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
        stolen=stolen,
    )


def main() -> None:
    load = msgspec.json.decode(sys.argv[1], type=Load)
    if load.core >= 0:
        os.sched_setaffinity(0, {load.core})
    measured = uvloop.run(run(load))
    sys.stdout.write(msgspec.json.encode(measured).decode() + "\n")


if __name__ == "__main__":
    main()
