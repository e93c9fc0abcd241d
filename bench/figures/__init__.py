"""What is measured, one family of figures in each file."""

from bench.figure import Figures
from bench.figures import append, audit, caching, limits, parts, replay, sessions, stall, throughput

FAMILIES: tuple[Figures, ...] = (
    throughput.HTTP,
    throughput.HTTP_LEGACY,
    throughput.WEBSOCKET,
    throughput.WEBSOCKET_LATENCY,
    throughput.EVERYTHING_ON,
    append.APPEND,
    replay.REPLAY,
    audit.AUDIT,
    sessions.MEMORY,
    stall.STALL,
    limits.LIMITS,
    caching.CACHE,
    parts.PARTS,
)
