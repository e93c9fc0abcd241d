"""Replay generated sessions where everything is different that must not matter: each byte comes out as it was."""

import asyncio
import os
import sys
from pathlib import Path
from typing import Final, NamedTuple

import msgspec

from soak.campaign import Campaign, Control, Outcome, Setting
from soak.remade import Remade
from soak.servers import ROOT

TEN_YEARS: Final = 10 * 365.25 * 86400
A_LOG: Final = 100
"""Sessions in one log."""


class Elsewhere(NamedTuple):
    """Where a replay runs. ``moved`` is how far its clock is off, in seconds."""

    loop: str
    hashes: str
    zone: str
    moved: float


PLACES: Final = (
    Elsewhere("asyncio", "0", "UTC", 0.0),
    Elsewhere("uvloop", "1", "Asia/Kathmandu", 0.0),
    Elsewhere("asyncio", "1", "UTC", TEN_YEARS),
    Elsewhere("uvloop", "0", "America/St_Johns", TEN_YEARS),
)


async def run(setting: Setting) -> Outcome:
    """Record ``setting.count`` sessions, half of them on each event loop, and replay each in four places."""
    outcome = Outcome()
    done = 0
    for number, size in enumerate(_sizes(setting.count)):
        store = setting.scratch / f"log-{number}" / "events.db"
        loop = ("asyncio", "uvloop")[number % 2]
        await _record(store, setting.seed * 1000 + number, size, loop)
        await _replay_everywhere(store, outcome)
        done += size
        setting.tell(done, f"{outcome.counts.get('replays', 0):,} replays, {outcome.broken} broken")
    outcome.controls.append(await _control(setting))
    return outcome


def _sizes(count: int) -> list[int]:
    logs = -(-count // A_LOG)
    return [count * (number + 1) // logs - count * number // logs for number in range(logs)]


async def _record(store: Path, seed: int, count: int, loop: str, *flags: str) -> None:
    store.parent.mkdir(parents=True, exist_ok=True)
    url = f"sqlite:///{store}"
    code, _, problem = await _python("soak.histories", url, str(seed), str(count), loop, *flags)
    if code:
        raise RuntimeError(f"the sessions could not be recorded: {problem[-2000:]}")


async def _replay_everywhere(store: Path, outcome: Outcome) -> None:
    found: list[Remade] = []
    for first in range(0, len(PLACES), 2):  # two at a time, for two cores
        found += await asyncio.gather(*(_replay(store, place) for place in PLACES[first : first + 2]))
    for place, remade in zip(PLACES, found, strict=True):
        outcome.add("replays", remade.sessions)
        if remade.different or remade.digest != remade.stored:
            outcome.violation(f"{store} in {place}: {remade.different} of {remade.rows} rows differ")
        for words in (*remade.problems, *remade.touched):
            outcome.violation(f"{store} in {place}: {words}")
    if len({remade.digest for remade in found}) != 1:
        outcome.violation(f"{store}: not the same everywhere")
    outcome.add("sessions", found[0].sessions)
    outcome.add("rows", found[0].rows)
    outcome.add("events", found[0].events)


async def _replay(store: Path, place: Elsewhere, *flags: str) -> Remade:
    code, out, problem = await _python(
        "soak.remade", str(store), place.loop, str(place.moved), *flags, PYTHONHASHSEED=place.hashes, TZ=place.zone
    )
    if code:
        raise RuntimeError(f"the replay broke off: {problem[-2000:]}")
    return msgspec.json.decode(out, type=Remade)


async def _control(setting: Setting) -> Control:
    """A chain that reads the clock must diverge, and the place must be found."""
    store = setting.scratch / "clocked" / "events.db"
    await _record(store, setting.seed, 12, "asyncio", "--clocked")
    remade = await _replay(store, PLACES[0], "--clocked")
    located = sum(words.endswith("$.data.at") for words in remade.problems)
    caught = remade.different > 0 and located == len(remade.problems) > 0
    first = remade.problems[0] if remade.problems else "nothing"
    return Control("a chain that reads the clock", caught, f"{located} sessions diverge, the first: {first}")


async def _python(module: str, *arguments: str, **environment: str) -> tuple[int, bytes, str]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", module, *arguments, cwd=ROOT, env={**os.environ, **environment}, stdout=-1, stderr=-1
    )
    out, problem = await process.communicate()
    return process.returncode or 0, out, problem.decode(errors="replace")


REPLAYS: Final = Campaign("replays", "sessions", 2000, 24, run)
