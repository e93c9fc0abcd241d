"""The process that keeps the audit view up to date while a server writes the log.

It is started by the server with a pipe as its standard input, and leaves when that ends: the server has stopped, or
died. What it had not taken in by then, it or a command takes in the next time.
"""

import fcntl
import gc
import os
import select
import signal
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final

from adapters.audit_errors import UnreadableView, UnwritableView
from adapters.audit_reader import AuditReader
from adapters.audit_schema import view_path
from adapters.audit_view import AuditView
from adapters.sqlite_reader import SqliteReader, UnreadableLog
from adapters.turns import Turns

NICENESS: Final = 10
"""How far it stands back where a system has no class for what is done in idle moments."""

PACE: Final = 0.5
"""Seconds between looks into the log, unless a whole batch was waiting: a few records cost twice as much each."""

BATCH: Final = 500
"""Records that it takes in under one lock: so few that a command which waits for the lock soon has its turn."""

GAP: Final = 0.02
"""Seconds between two batches, so that whoever waits for the lock finds it free."""

_RETRY_SECONDS: Final = 5.0  # after a failure; a full disk may have room again

_CODE: Final = """\
import sys
from pathlib import Path
sys.path[:] = sys.argv[2:]
from adapters.audit_projector import main
sys.exit(main(Path(sys.argv[1])))
"""


class Projector:
    """A projector at work."""

    def __init__(self, log: Path, process: subprocess.Popen[bytes]) -> None:
        """Made by :func:`start_projector`."""
        self._log = log
        self._process = process
        self._reader: SqliteReader | None = None
        self._view: AuditReader | None = None

    @property
    def alive(self) -> bool:
        """Whether it still works."""
        return self._process.poll() is None

    def lag(self) -> int:
        """Records in the log that are not in the view yet; -1 when that cannot be told."""
        try:
            if self._view is None:
                self._view = AuditReader(view_path(self._log))
            if self._reader is None:
                self._reader = SqliteReader(self._log)
            return max(0, self._reader.last() - self._view.position())
        except (UnreadableLog, UnreadableView):
            return -1

    def stop(self) -> None:
        """Let it finish its batch and leave; wait for that."""
        if self._process.stdin is not None:
            self._process.stdin.close()
        try:
            self._process.wait(_RETRY_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        for reader in (self._reader, self._view):
            if reader is not None:
                reader.close()


def start_projector(log: Path) -> Projector:
    """Keep the view of the log at ``log`` up to date until stopped, or until this process ends."""
    # It imports from where this process does: a server may run from a checkout that nobody installed.
    path = [os.path.abspath(place) for place in sys.path]  # noqa: PTH100 - "" is the working folder, and may be a zip
    command = [sys.executable, "-P", "-c", _CODE, str(log.absolute()), *path]
    process = subprocess.Popen(  # noqa: S603 - our own code
        command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL
    )
    return Projector(log.absolute(), process)


def is_running(view: Path) -> bool:
    """Whether a projector keeps ``view`` up to date."""
    try:
        lock = os.open(_lock_path(view), os.O_RDWR | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(lock)
    return False


def _lock_path(view: Path) -> Path:
    return view.with_name(f"{view.name}.projector")


def main(log: Path) -> int:
    """Follow the log until standard input ends; returns the exit code."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # meant for the server, which will tell us
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))  # a batch that is cut off was never begun
    _stand_back()
    gc.freeze()
    gc.set_threshold(100_000, 50, 100)  # rows by the thousand, and no cycles among them
    lock = os.open(_lock_path(view_path(log)), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return _say("the audit view has a projector already", 0)
    problem = ""
    while True:
        try:
            _follow(log)
        except (UnreadableLog, UnwritableView) as error:
            if str(error) != problem:
                _say(problem := str(error), 3)
            if not _ended(_RETRY_SECONDS):
                continue
        return 0


def _follow(log: Path) -> None:
    with SqliteReader(log) as reader, AuditView(view_path(log), reader, pace=Turns(_growth(reader))) as view:
        pause = 0.0
        while not _ended(pause):
            taken = view.advance(BATCH) if view.behind or not view.indexed else 0
            pause = GAP if taken == BATCH else PACE


def _growth(reader: SqliteReader) -> Callable[[], bool]:
    """Tells whether the log has grown since it was last asked."""
    last = reader.last()

    def grown() -> bool:
        nonlocal last
        before, last = last, reader.last()
        return last > before

    return grown


def _stand_back() -> None:
    """Answering requests comes first: measured, beside a busy server this takes p99 from 16 ms to 7.

    Where a sandbox does not let it, it works as it is.
    """
    with suppress(PermissionError):
        if sys.platform == "linux":
            os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
        else:
            os.nice(NICENESS)


def _ended(seconds: float) -> bool:
    """Whether standard input ends within ``seconds``."""
    readable, _, _ = select.select([sys.stdin], [], [], seconds)
    return bool(readable) and not os.read(sys.stdin.fileno(), 4096)


def _say(problem: str, code: int) -> int:
    with suppress(OSError):
        print(f"mcp-rewind audit projector: {problem}", file=sys.stderr, flush=True)  # noqa: T201 - its only way to say
    return code
