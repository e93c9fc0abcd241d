"""A log that a test works by hand: rows become durable when the test says so."""

from collections.abc import Callable, Sequence

from adapters.memory_log import MemoryLog
from pipeline.log import LogFailed, Row, VersionConflict


class HandWorkedLog(MemoryLog):
    """Keeps what is appended until :meth:`release`."""

    def __init__(self) -> None:
        super().__init__()
        self.appended: list[tuple[Sequence[Row], Callable[[int], None]]] = []

    def append(
        self,
        rows: Sequence[Row],
        done: Callable[[int], None],
        refused: Callable[[VersionConflict], None] | None = None,
    ) -> None:
        if self.failure is not None:
            raise LogFailed(str(self.failure))
        self.appended.append((tuple(rows), done))

    def release(self) -> None:
        """Make the oldest group durable."""
        rows, done = self.appended.pop(0)
        done(self.store(rows))

    def rows(self, session: str) -> list[tuple[int, int]]:
        """For each record of a session its position and version."""
        return [(record.position, record.version) for record in self.reader().session(session)]
