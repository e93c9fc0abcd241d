"""How late the server's event loop gets while 20,000 events a second are stored.

A tool of the measured server ticks every millisecond in the server's own loop while calls come in at a steady rate.
"""

import asyncio
import contextlib
import sqlite3
from collections.abc import Sequence
from pathlib import Path
from statistics import median

import aiohttp
import orjson
import uvloop

from bench import process
from bench.figure import Figures, Goal, Result, Setting, judged
from bench.figures import throughput
from bench.load import Load, Measured
from bench.process import CannotMeasure, Server
from events.observed import RequestReceived
from events.record import unpack

EVENTS_A_SECOND = 20_000
HELLO = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "bench", "version": "1"}}


async def probe(server: Server, seconds: float) -> dict[str, float]:
    """Have the server's loop watched for so long; milliseconds."""
    timeout = aiohttp.ClientWSTimeout(ws_receive=seconds + 30)
    async with (
        aiohttp.ClientSession() as session,
        session.ws_connect(f"http://127.0.0.1:{server.port}/ws", protocols=("mcp",), timeout=timeout) as socket,
    ):
        await socket.send_json({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": HELLO})
        await socket.receive_json()
        await socket.send_json({"jsonrpc": "2.0", "method": "notifications/initialized"})
        call = {"name": "lateness", "arguments": {"seconds": seconds}}
        await socket.send_json({"jsonrpc": "2.0", "id": 2, "method": "tools/call", "params": call})
        answer = await socket.receive_json()
    if "result" not in answer or answer["result"].get("isError"):
        raise CannotMeasure(f"{server.name}: the probe failed: {str(answer)[:300]}")
    found: dict[str, float] = orjson.loads(answer["result"]["content"][0]["text"])
    return found


def stored(store: Path, after: int) -> tuple[int, int, float]:
    """Calls and events in the log above a position, and the seconds from the first of these calls to the last."""
    calls, events, times = 0, 0, []
    with contextlib.closing(sqlite3.connect(f"{store.as_uri()}?mode=ro", uri=True)) as db:
        rows = db.execute("SELECT originator_id, state FROM stored_events WHERE rowid > ?", (after,))
        for session, state in rows:
            for step in unpack(state, session):
                events += 1 + len(step.decisions)
                if isinstance(step.fact, RequestReceived):
                    calls += 1
                    times.append(step.fact.origin.at)
    return calls, events, max(times) - min(times) if times else 0.0


def last(store: Path) -> int:
    with contextlib.closing(sqlite3.connect(f"{store.as_uri()}?mode=ro", uri=True)) as db:
        return int(db.execute("SELECT coalesce(max(rowid), 0) FROM stored_events").fetchone()[0])


async def under_load(server: Server, load: Load) -> tuple[dict[str, float], Measured]:
    """Watch the loop in the middle of the load."""
    putting = asyncio.create_task(asyncio.to_thread(process.put_load, server, load))
    await asyncio.sleep(load.warm_up + 1.0)
    found = await probe(server, load.seconds - 1.5)
    return found, await putting


def undisturbed(server: Server, load: Load, store: Path, tries: int) -> tuple[dict[str, float], float]:
    """Watch the loop under load until the machine's host lets it have its processors; also the events stored a second.

    Raises:
        CannotMeasure: So many events a second were not stored, in none of the tries.
    """
    found: list[tuple[float, dict[str, float], float]] = []
    slow = 0.0
    for _ in range(tries):
        server.settle()
        before = last(store)
        late, measured = uvloop.run(under_load(server, load))
        server.settle()
        _, events, seconds = stored(store, before)
        slow = max(slow, events / seconds)
        if events / seconds >= EVENTS_A_SECOND * 0.97:
            found.append((measured.stolen, late, events / seconds))
            if measured.stolen <= process.UNDISTURBED:
                break
    if not found:
        raise CannotMeasure(f"only {slow:,.0f} of {EVENTS_A_SECOND:,} events/s were stored, in {tries} tries")
    _, late, rate = min(found, key=lambda one: one[0])
    return late, rate


def measure(setting: Setting, _names: Sequence[str]) -> list[Result]:
    late: list[dict[str, float]] = []
    rates = []
    store = setting.scratch / "events.db"
    with throughput.start("ours", setting.scratch) as server:
        setting.say("loop stall: an idle server, for comparison")
        idle = uvloop.run(probe(server, setting.window))
        process.put_load(server, Load(transport="websocket", port=0, connections=32, handshake=True, seconds=1.0))
        calls, events, _ = stored(store, 0)
        rate = EVENTS_A_SECOND / (events / calls) * 1.03
        load = Load(
            transport="websocket", port=0, connections=32, in_flight=16, handshake=True, seconds=setting.window + 2,
            rate=rate,
        )  # fmt: skip
        for number in range(setting.rounds):
            setting.say(f"loop stall at {EVENTS_A_SECOND:,} events/s, round {number + 1}")
            found, rate_stored = undisturbed(server, load, store, setting.tries)
            late.append(found)
            rates.append(rate_stored)
    words = (
        f"at {median(rates):,.0f} events/s in {rate:,.0f} calls/s; p99 {median(one['p99'] for one in late):.2f} ms, "
        f"longest {max(one['longest'] for one in late):.1f} ms; p99.9 of an idle server {idle['p999']:.2f} ms"
    )
    goal = Goal(20.0, 5.0, "ms", rising=False)
    return [judged("loop-stall", [one["p999"] for one in late], goal, words, under_load=late, idle=idle, events=rates)]


STALL = Figures(("loop-stall",), measure)
