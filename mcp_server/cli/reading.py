"""The records that a command goes through, with a bar that shows how far it is."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

from adapters.sqlite_reader import SqliteReader
from mcp_server.cli.output import progress
from pipeline.log import Record


@contextmanager
def read(reader: SqliteReader, session: str | None, what: str) -> Iterator[Iterator[Record]]:
    """The records of one session or of all that are there now, with a bar that shows how far they are read."""
    total = reader.last() if session is None else reader.version(session)
    records = reader.records(upto=total) if session is None else reader.session(session)
    with progress(what, total) as advance:
        yield _counted(records, advance)


def _counted(records: Iterable[Record], advance: Callable[[int], None]) -> Iterator[Record]:
    for done, record in enumerate(records, 1):
        if not done & 0x3FF:
            advance(done)
        yield record
