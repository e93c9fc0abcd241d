"""What an idle websocket session costs in memory: the growth of a server, its helpers included, over many of them."""

import contextlib
from collections.abc import Sequence
from statistics import median

import uvloop

from bench import load
from bench.connections import Tally
from bench.figure import Figures, Goal, Result, Setting, judged
from bench.figures import throughput
from bench.load import Load
from bench.process import CannotMeasure, Server

FIRST = 200
"""Sessions that are open before the first look, so that what is made once is not counted."""


async def growth(server: Server, sessions: int, *, handshake: bool) -> tuple[float, float]:
    """Kilobytes a session, of the server alone and with its helpers."""
    some = Load(transport="websocket", port=server.port, connections=FIRST, handshake=handshake)
    many = Load(transport="websocket", port=server.port, connections=sessions, handshake=handshake)
    tally = Tally()
    try:
        held = await load.connect(some, tally)
        server.settle()
        before = server.memory()
        held += await load.connect(many, tally)
        server.settle()
        after = server.memory()
    except (OSError, TimeoutError) as error:
        raise CannotMeasure(f"{server.name}: {sessions} sessions could not be opened: {error!r}") from error
    if tally.errors:
        raise CannotMeasure(f"{server.name}: {'; '.join(tally.problems)}")
    for connection in held:
        connection.leave()
    return tuple((late - early) / sessions / 1000 for early, late in zip(before, after, strict=True))  # type: ignore[return-value]  # two, as they are


def measure(setting: Setting, _names: Sequence[str]) -> list[Result]:
    sessions = 1000 if setting.quick else 2000
    alone: dict[str, list[float]] = {"bare_ws": [], "ours": []}
    whole: dict[str, list[float]] = {"bare_ws": [], "ours": []}
    for number in range(1 if setting.quick else 3):
        for name in ("bare_ws", "ours"):
            setting.say(f"{sessions} idle websocket sessions, round {number + 1}: {name}")
            folder = setting.scratch / f"{name}-{number}"
            folder.mkdir()
            with contextlib.ExitStack() as stack:
                server = stack.enter_context(throughput.start(name, folder))
                one, all_of_it = uvloop.run(growth(server, sessions, handshake=name == "ours"))
                alone[name].append(one)
                whole[name].append(all_of_it)
    words = (
        f"{sessions} sessions; the server alone {median(alone['ours']):.1f} kB, "
        f"the bare server {median(alone['bare_ws']):.1f} kB"
    )
    goal = Goal(40.0, 15.0, "kB", rising=False)
    return [judged("session-memory", whole["ours"], goal, words, server_alone=alone, with_helpers=whole)]


MEMORY = Figures(("session-memory",), measure)
