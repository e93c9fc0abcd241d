"""The wall clock, read once for each fact on its way in."""

import os
import time
from collections.abc import Callable


def wall_clock() -> Callable[[], float]:
    """Make a clock: seconds since the Unix epoch (UTC), never going back even when the system's clock does."""
    last = 0.0

    def now() -> float:
        nonlocal last
        last = max(last, time.time())
        return last

    return now


def new_session_id(at: float) -> str:
    """A UUIDv7 (RFC 9562, section 5.7) of the moment ``at``: ids made later sort later."""
    stamp = int(at * 1000).to_bytes(6)
    chance = bytearray(os.urandom(10))
    chance[0] = 0x70 | chance[0] & 0x0F
    chance[2] = 0x80 | chance[2] & 0x3F
    text = (stamp + chance).hex()
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"
