"""Starts the process that writes a SQLite log."""

import fcntl
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from adapters import sqlite_writer
from pipeline.log import LogFailed

START_SECONDS: Final = 30.0  # how long a writer may take to be ready: it may have to recover a database first
EXIT_SECONDS: Final = 30.0  # how long a writer may take to leave once it has been told to

_LOCK_SECONDS: Final = 2.0  # the writer of a server that was just killed may still be committing
_BUFFER_BYTES: Final = 2 << 20  # asked for; the system gives what it allows


def start(path: Path) -> tuple[subprocess.Popen[bytes], socket.socket]:
    """Start a writer for the database at ``path``.

    Returns:
        The process and our end of the socket. The first reply says whether the writer is ready.

    Raises:
        LogFailed: Another server writes the database, its folder cannot be used, or no process can be started.
    """
    path = path.absolute()
    with _lock(path) as lock:
        ours, theirs = socket.socketpair()
        # A whole group of rows should fit, so that the event loop need not wake up again to write the rest of it.
        ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _BUFFER_BYTES)
        # -P: this file's folder is no place to import from. Standard output may carry a client's messages.
        command = [sys.executable, "-P", sqlite_writer.__file__, str(path), str(theirs.fileno())]
        try:
            process = subprocess.Popen(  # noqa: S603  # our own file
                command, pass_fds=[theirs.fileno(), lock], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL
            )
        except OSError as error:
            ours.close()
            raise LogFailed(f"the writer of {path} could not be started: {error}") from error
        finally:
            theirs.close()
        os.truncate(lock, 0)
        os.pwrite(lock, str(os.getpid()).encode(), 0)  # for people who wonder who holds the lock
    return process, ours


@contextmanager
def _lock(path: Path) -> Iterator[int]:
    """Keep other writers off the database. The process that inherits the descriptor keeps the lock while it lives."""
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = os.open(f"{path}.writer", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise LogFailed(f"{error.filename} cannot be written: {error.strerror}") from error
    try:
        until = time.monotonic() + _LOCK_SECONDS
        while not _try_lock(lock):
            if time.monotonic() > until:
                holder = os.pread(lock, 20, 0).decode(errors="replace") or "unknown"
                raise LogFailed(
                    f"{path} is in use by another server (process {holder}); "
                    "stop that server, or name another file for the log"
                )
            time.sleep(0.01)
        yield lock
    finally:
        os.close(lock)


def _try_lock(lock: int) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def has_left(process: subprocess.Popen[bytes]) -> bool:
    """Wait until a writer that was told to leave has left; False when it takes too long."""
    try:
        process.wait(EXIT_SECONDS)
    except subprocess.TimeoutExpired:
        return False
    return True


def kill(process: subprocess.Popen[bytes]) -> None:
    """End a writer. Nothing that it has acknowledged is lost."""
    process.kill()
    process.wait()
