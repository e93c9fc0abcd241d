"""What a server gives up while memory is scarce, and takes again when it is not."""

import msgspec
import pytest

from adapters.pressure import Level
from events import codes
from tests.peers import Peer, Room

WINDOW = 16


async def begun(room: Room, peer: Peer, count: int) -> list[int]:
    """How many of so many calls at once were let in and how many were told to try again; all are ended then."""
    first = len(peer.told)
    for number in range(count):
        peer.call(f"{first}-{number}", "act", gate=f"{first}")
    await room.turns()
    refused = [each["error"] for each in peer.messages[first:]]
    assert all(each["code"] == codes.OVERLOADED and each["data"]["retryAfter"] > 0 for each in refused)
    in_flight = room.app.gate.in_flight
    room.tools.gates[f"{first}"].set()
    await room.quiet()
    return [in_flight, len(refused)]


@pytest.mark.parametrize(
    ("level", "let_in"), [(Level.NORMAL, 16), (Level.ELEVATED, 16), (Level.HIGH, 4), (Level.CRITICAL, 1)]
)
async def test_the_scarcer_memory_is_the_fewer_requests_are_let_in_at_once(level: Level, let_in: int) -> None:
    room = Room(server_window=WINDOW)
    peer = room.peer()
    await room.quiet()
    room.app.on_pressure(level)
    assert await begun(room, peer, 20) == [let_in, 20 - let_in]
    room.app.on_pressure(Level.NORMAL)
    assert await begun(room, peer, 20) == [16, 4]


async def test_results_are_given_up_and_not_kept_again_until_there_is_room() -> None:
    room = Room(cache_max_memory_mb=1)
    peer, cache = room.peer(), room.app.shared.cache
    asked = 0

    async def fill() -> int:
        """What the cache holds after so many results that it may hold a quarter of them."""
        nonlocal asked
        for _ in range(40):
            asked += 1
            peer.call(asked, "shared", text=f"{asked:9}" + "x" * 50_000)  # kept twice: as text and as structure
            await room.quiet()
        return cache.stats().bytes

    most = await fill()
    assert 0.8 * 2**20 < most <= 2**20
    room.app.on_pressure(Level.ELEVATED)
    assert cache.stats().bytes <= most / 2
    held = await fill()
    assert 0.3 * 2**20 < held <= 0.5 * 2**20
    # Settings that are read anew meanwhile cost nothing, and open nothing.
    room.app.reload(msgspec.structs.replace(room.app.settings, server_window=40))
    assert (cache.stats().bytes, room.app.gate.window) == (held, 40)
    room.app.on_pressure(Level.CRITICAL)
    assert await fill() == 0
    room.app.reload(msgspec.structs.replace(room.app.settings, server_window=32))
    assert room.app.gate.window == 2
    room.app.on_pressure(Level.HIGH)
    assert await fill() <= 0.1 * 2**20
    room.app.on_pressure(Level.NORMAL)
    assert await fill() == most


async def test_a_server_that_drains_opens_no_window_again() -> None:
    room = Room()
    await room.app.drain()
    room.app.on_pressure(Level.HIGH)
    room.app.on_pressure(Level.NORMAL)
    assert room.app.gate.window == 0
