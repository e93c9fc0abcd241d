"""Which events hold given bytes: a secret's tag, or the id of an error."""

from collections.abc import Callable, Iterable, Iterator, Sequence

from events.event import SessionId
from events.record import pack_event
from pipeline.log import LogReader
from replay.timeline import Entry, Timeline


def holding(reader: LogReader, needles: Sequence[bytes], done: Callable[[int], None]) -> Iterator[tuple[str, Entry]]:
    """The events that hold one of ``needles``, each with its session, session by session.

    The log is read once, and the sessions that hold one are read again. What is kept is an id for each of those.

    Args:
        reader: The log.
        needles: What is looked for.
        done: Told now and then how many records were read.

    Raises:
        UnreadableRecord: A record of a session that holds one is damaged.
    """
    for session in _sessions(reader, needles, done):
        for entry in Timeline(reader.session(session)).entries():
            if _holds(pack_event(entry.event), needles):
                yield session, entry


def _sessions(reader: LogReader, needles: Sequence[bytes], done: Callable[[int], None]) -> Iterable[SessionId]:
    found: dict[SessionId, None] = {}
    for record in reader.records():
        if record.session not in found and _holds(record.state, needles):
            found[record.session] = None
        if record.position % 1000 == 0:
            done(record.position)
    return found


def _holds(data: bytes, needles: Sequence[bytes]) -> bool:
    return any(needle in data for needle in needles)
