"""The file that log lines go to: bounded, followed when it is moved, and never a reason to stop."""

import errno
import logging
import os
import stat
import sys
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import orjson

MAX_BYTES: Final = 100 * 1024 * 1024
"""The size of a file, in bytes, at which the next one is begun."""

BACKUPS: Final = 5
"""Files that are kept besides the one that is written: ``.1`` is the newest of them."""


class LogFile(logging.Handler):
    """Appends each line to a file with one write.

    When the file has been moved or deleted, as ``logrotate`` does, it is opened again by its name. When it cannot be
    written, the line is lost, is counted, and is told of in the file as soon as that is possible.

    (``logging.handlers`` has one class that rotates and another that follows, and both go on with half a line in
    their buffer after a full disk.)

    Args:
        path: The file; missing folders are made.
        max_bytes: 0 for a file that grows without end, where something else rotates it.
        backups: Files to keep besides, at least 1.

    Attributes:
        lost: Lines that could not be written.

    Raises:
        OSError: It cannot be opened.
    """

    def __init__(self, path: Path, max_bytes: int = MAX_BYTES, backups: int = BACKUPS) -> None:
        super().__init__()
        self.lost = 0
        self._path = path.absolute()
        self._max_bytes, self._backups = max_bytes, max(1, backups)
        self._untold = 0
        self._torn = False
        self._fd = -1
        self._open()

    def emit(self, record: logging.LogRecord) -> None:
        """Write a line; never raises."""
        try:
            line = self.format(record).encode() + b"\n"
            self._follow()
            self._rotate(len(line))
            self._write(self._told() + line)
        except Exception as error:  # noqa: BLE001 - a log that cannot be written stops nothing
            self._lose(error)
        else:
            self._untold = 0

    def close(self) -> None:
        """Let go of the file."""
        self.acquire()
        try:
            self._let_go()
        finally:
            self.release()
        super().close()

    def _open(self) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        # Readable by the group, for whoever ships the lines.
        self._fd = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o640)

    def _let_go(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def _follow(self) -> None:
        """See to it that what is open is what the name stands for."""
        if self._fd >= 0:
            try:
                if os.path.samestat(os.stat(self._path), os.fstat(self._fd)):  # noqa: PTH116 - one call, no object
                    return
            except FileNotFoundError:
                pass
            self._let_go()
            self._torn = False
        self._open()

    def _rotate(self, coming: int) -> None:
        found = os.fstat(self._fd)
        if not self._max_bytes or not stat.S_ISREG(found.st_mode):
            return
        if not found.st_size or found.st_size + coming <= self._max_bytes:
            return
        with suppress(OSError):  # a folder that may not be changed: better a long file than lost lines
            for number in range(self._backups - 1, 0, -1):
                with suppress(FileNotFoundError):
                    self._backup(number).replace(self._backup(number + 1))
            self._path.replace(self._backup(1))
            self._let_go()
            self._torn = False
            self._open()

    def _backup(self, number: int) -> Path:
        return self._path.with_name(f"{self._path.name}.{number}")

    def _write(self, data: bytes) -> None:
        if self._torn:
            data = b"\n" + data
        written = os.write(self._fd, data)
        self._torn = written < len(data)
        if self._torn:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def _told(self) -> bytes:
        if not self._untold:
            return b""
        note = {"event": "log lines were lost", "lost": self._untold, "level": "warning", "logger": __name__}
        return orjson.dumps(note | {"timestamp": datetime.now(UTC).isoformat()}) + b"\n"

    def _lose(self, error: Exception) -> None:
        self.lost += 1
        self._untold += 1
        if self._untold == 1:
            reason = error.strerror if isinstance(error, OSError) else type(error).__name__
            complain(f"{self._path} cannot be written ({reason}); log lines are lost until it can")


class LogStream(logging.StreamHandler):  # type: ignore[type-arg]  # the class takes no argument at run time in 3.11
    """Writes lines to standard error. ``lost`` counts those that could not be written."""

    def __init__(self) -> None:
        super().__init__(sys.stderr)
        self.lost = 0

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: ARG002, N802 - logging's own name
        """The base class would print the record's arguments, and those may be payload."""
        self.lost += 1


def complain(problem: str) -> None:
    """Say on standard error what is wrong with the log, if anybody listens there."""
    with suppress(OSError, ValueError, AttributeError):
        sys.stderr.write(f"mcp-rewind: {problem}\n")
        sys.stderr.flush()
