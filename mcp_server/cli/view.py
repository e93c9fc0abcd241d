"""The audit view of a store, brought up to date before it is read."""

import gc
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from adapters.audit_errors import BusyView, UnreadableView, UnwritableView
from adapters.audit_projector import is_running
from adapters.audit_reader import AuditReader
from adapters.audit_schema import view_path
from adapters.audit_view import AuditView
from adapters.sqlite_reader import SqliteReader
from mcp_server.cli.output import progress
from mcp_server.cli.stores import log_path

PATIENCE: Final = 2.0
"""Seconds to wait for whoever keeps the view up to date."""

_LOOK: Final = 0.02


class View:
    """A view that is being read, and what can bring it further."""

    def __init__(self, log: Path, reader: SqliteReader) -> None:
        self._log = reader
        self._path = view_path(log)

    def catch_up(self) -> None:
        """Bring it to where the log is now; say so when it stays behind.

        Its projector is let do that where there is one. It works in idle moments only, so on a busy machine it may not
        come to it: then it is done here, a batch at a time like all who do it.

        Raises:
            UnwritableView: It can be neither written nor read.
        """
        if is_running(self._path) and not self._behind_after_waiting():
            return
        try:
            self._advance(rebuild=False)
        except BusyView:
            if behind := self._behind_after_waiting():
                self._warn(f"the audit is still being built, {behind:,} records behind")
        except UnwritableView as error:
            if not self._path.exists():
                raise
            self._warn(f"{error}; what follows may be old")

    def rebuild(self) -> None:
        """Throw it away and build it from the log.

        Raises:
            UnwritableView: It cannot be written.
        """
        self._advance(rebuild=True)

    @contextmanager
    def reading(self) -> Iterator[AuditReader]:
        """Read it as it is.

        Raises:
            UnreadableView: It cannot be read.
        """
        with AuditReader(self._path) as reader:
            yield reader

    def _advance(self, *, rebuild: bool) -> None:
        target = self._log.last()
        gc.freeze()
        gc.set_threshold(100_000, 50, 100)  # rows by the thousand, and no cycles among them
        with AuditView(self._path, self._log, PATIENCE if not rebuild else 60.0) as view, view.alone():
            if rebuild:
                view.rebuild()
            begun = view.position
            with progress("building the audit view", target - begun) as done:
                while view.position < target:
                    view.advance()
                    done(view.position - begun)
                if not view.indexed:
                    view.advance()
            for position in view.unreadable:
                self._warn(f"record {position} is damaged and left out")

    def _behind_after_waiting(self) -> int:
        """Records that it lacks after others had a while to take them in."""
        target, until = self._log.last(), time.monotonic() + PATIENCE
        while (behind := target - self._position()) > 0 and time.monotonic() < until:
            time.sleep(_LOOK)
        return max(0, behind)

    def _position(self) -> int:
        try:
            with AuditReader(self._path) as reader:
                return reader.position()
        except UnreadableView:
            return 0  # it is just being made

    def _warn(self, problem: str) -> None:
        print(f"mcp-rewind: {problem}", file=sys.stderr)


@contextmanager
def open_view(store: str, *, rebuild: bool = False) -> Iterator[View]:
    """The view of the log that ``store`` names, up to date or rebuilt.

    Raises:
        UsageError: The URL is wrong.
        UnreadableLog: There is no log that can be read.
        UnwritableView: The view can be neither written nor read.
    """
    log = log_path(store)
    with SqliteReader(log) as reader:
        view = View(log, reader)
        if rebuild:
            view.rebuild()
        else:
            view.catch_up()
        yield view
