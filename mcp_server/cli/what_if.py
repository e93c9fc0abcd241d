"""``mcp-rewind replay --what-if``: what other limits would have done."""

from collections import Counter
from pathlib import Path
from typing import Any, Final

from adapters.memory_limits import MemoryLimits
from adapters.sqlite_reader import SqliteReader
from mcp_server.cli.codes import DIFFERS, OK, UsageError
from mcp_server.cli.output import Column, Output, Row
from mcp_server.cli.reading import read
from mcp_server.cli.text import many
from mcp_server.config import SettingsError, load_settings
from operators.policy import Policy
from replay.what_if import Changed, what_if

_COLUMNS: Final = [
    Column("position", "position", right=True, style="dim", spare=1),
    Column("session", "session", style="dim", spare=3),
    Column("request", "id", right=True, spare=2),
    Column("method", "method"),
    Column("name", "name"),
    Column("recorded", "recorded"),
    Column("now", "would be", style="bold"),
]


def ask_what_if(reader: SqliteReader, session: str | None, file: Path, output: Output) -> int:
    """Print the requests that would have ended differently; returns the exit code.

    Raises:
        UsageError: The file holds no settings.
    """
    try:
        settings = load_settings(file, {}, {})
    except SettingsError as error:
        raise UsageError(f"argument --what-if: {error}") from error
    policy = Policy(settings.anonymous, settings.limits, access=settings.access, access_default=settings.access_default)
    counts: Counter[tuple[str, str]] = Counter()

    def counted(change: Changed) -> Row:
        counts[change.recorded, change.now] += 1
        return _row(change)

    with read(reader, session, "replaying") as records:
        changes = what_if(records, policy, MemoryLimits(policy.limits))
        output.rows(_COLUMNS, map(counted, changes))
    for (recorded, now), number in counts.most_common():
        output.say(f"{many(number, 'request')}: {recorded} -> {now}")
    if not counts:
        output.say("every request would have ended as it did", "green")
    return DIFFERS if counts else OK


def _row(change: Changed) -> dict[str, Any]:
    row = {field: getattr(change, field) for field in change.__struct_fields__}
    return row | {"position": str(change.position)}
