"""The tables of the audit view."""

from pathlib import Path
from typing import Final

VERSION: Final = 2
"""Of the tables; a view of another version is built anew."""

NAME: Final = "audit"
"""What the view is called where it keeps its place in the log."""

CALLS: Final = """
    CREATE TABLE IF NOT EXISTS calls (
        id INTEGER PRIMARY KEY,     -- position in the log and place in the record, see audit_fold.PLACE_BITS
        session INTEGER NOT NULL,   -- sessions.id
        at REAL NOT NULL,           -- seconds since the epoch, UTC
        principal TEXT NOT NULL,
        method TEXT NOT NULL,
        name TEXT NOT NULL,
        request TEXT,               -- the id as JSON
        outcome TEXT,               -- NULL while the request is open
        code INTEGER,
        latency REAL,               -- milliseconds
        bytes_in INTEGER NOT NULL,
        bytes_out INTEGER NOT NULL,
        trace TEXT NOT NULL,
        rule TEXT NOT NULL          -- what decided about access; empty where nothing did
    )
"""

SESSIONS: Final = """
    CREATE TABLE IF NOT EXISTS sessions (
        id INTEGER PRIMARY KEY,
        session TEXT NOT NULL UNIQUE,
        opened REAL NOT NULL,
        closed REAL,
        reason TEXT NOT NULL,
        transport TEXT NOT NULL,
        peer TEXT NOT NULL,
        principal TEXT NOT NULL,
        client TEXT NOT NULL,
        version TEXT NOT NULL,
        trace TEXT NOT NULL,
        requests INTEGER NOT NULL,
        errors INTEGER NOT NULL,
        last_position INTEGER NOT NULL,
        last_at REAL NOT NULL
    )
"""

# Runs of neighbouring calls with what is extreme in each: a search by time or latency looks only into those that can
# hold a match, and needs no index of its own, which every new row would have to be sorted into.
SPANS: Final = """
    CREATE TABLE IF NOT EXISTS spans (
        first INTEGER PRIMARY KEY,  -- calls.id
        last INTEGER NOT NULL,
        calls INTEGER NOT NULL,
        earliest REAL NOT NULL,     -- seconds since the epoch
        latest REAL NOT NULL,
        slowest REAL                -- milliseconds; NULL while all are open
    )
"""

ABOUT: Final = "CREATE TABLE IF NOT EXISTS about (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID"

OPEN: Final = "CREATE INDEX IF NOT EXISTS open_calls ON calls (session) WHERE outcome IS NULL"

FILTERS: Final = ("session", "principal", "method", "name", "outcome")
"""The columns that are searched for a value; each has an index, which ends with the id and so keeps the log's order."""

INDICES: Final = {f"calls_by_{column}": f"CREATE INDEX calls_by_{column} ON calls ({column})" for column in FILTERS}

TABLES: Final = (CALLS, SESSIONS, SPANS, ABOUT, OPEN)
DROPPED: Final = ("calls", "sessions", "spans", "about", "tracking")


def view_path(log: Path) -> Path:
    """The file of the view that belongs to a log: ``events.audit.db`` beside ``events.db``."""
    return log.with_name(f"{log.stem}.audit{log.suffix or '.db'}")
