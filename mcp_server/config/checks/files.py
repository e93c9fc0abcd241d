"""Checks of the files that a server writes and reads."""

import fcntl
import os
import shutil
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Final

from mcp_server.config.checks.finding import OK, WARNING, WRONG, Finding
from mcp_server.config.settings import Settings
from mcp_server.performance.database_url import DatabaseUrl
from mcp_server.stores import MEMORY, StoreError, sqlite_path

LITTLE: Final = 512 * 1024 * 1024
"""Free bytes below which a server should not start: under load the write-ahead log alone takes 200 MB."""

SCARCE: Final = 4 * LITTLE

_SQLITE: Final = b"SQLite format 3\x00"


def store(settings: Settings) -> list[Finding]:
    """Whether the log can be written, and nobody else writes it."""
    if settings.store == MEMORY:
        return [Finding("store", OK, "in memory, gone at the end")]
    try:
        path = sqlite_path(settings.store).absolute()
    except StoreError as error:
        return [Finding("store", WRONG, str(error), "mend the setting store")]
    problem = _not_writable(path) or _no_database(path)
    if problem:
        return [Finding("store", WRONG, problem, "give this user the right to write there, or set store to another")]
    return [Finding("store", OK, f"{path} can be written"), _lock(path), _disk("disk", path)]


def database(url: str) -> Finding:
    """Whether an SQLite database that tools use can be opened. One that is not there is made, its folder is not."""
    try:
        read = DatabaseUrl(url)
    except ValueError as error:
        return Finding("database", WRONG, str(error), "mend database_url")
    path = Path(read.path).absolute()
    if not path.parent.is_dir():
        return Finding("database", WRONG, f"there is no folder {path.parent}", "make it, or mend database_url")
    wanted, problem = ("read", _not_readable(path)) if read.read_only else ("written", _not_writable(path))
    if problem := problem or _no_database(path):
        return Finding("database", WRONG, problem, "give this user the right to it, or mend database_url")
    return Finding("database", OK, f"{path} can be {wanted}")


def _no_database(path: Path) -> str:
    if not path.exists() or not path.stat().st_size:
        return ""
    with path.open("rb") as file:
        return "" if file.read(len(_SQLITE)) == _SQLITE else f"{path} is no SQLite database"


def _lock(path: Path) -> Finding:
    """Who holds the lock of a log. What counts is the lock itself: the file stays behind, and does no harm."""
    lock = Path(f"{path}.writer")
    try:
        opened = os.open(lock, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return Finding("lock", OK, "no server writes the log")
    except OSError as error:
        return Finding("lock", WRONG, f"{lock}: {error.strerror}", "give this user the right to read it")
    try:
        fcntl.flock(opened, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return _held(os.pread(opened, 20, 0).decode(errors="replace").strip(), lock)
    finally:
        os.close(opened)
    return Finding("lock", OK, "no server writes the log")


def _held(server: str, lock: Path) -> Finding:
    if server.isdigit() and Path(f"/proc/{server}").exists():
        return Finding("lock", WRONG, f"process {server} writes this log", "stop that server, or set store to another")
    gone = f"the server that wrote this log (process {server or 'unknown'}) is gone, and its writer is still there"
    writer = _holder(lock)
    remedy = f"end process {writer}; what it acknowledged is kept" if writer else "wait until it has written everything"
    return Finding("lock", WRONG, gone, remedy)


def _holder(lock: Path) -> str:
    """The process that holds a lock on a file; empty where the system does not tell. Source: proc_locks(5)."""
    with suppress(OSError):
        inode = str(lock.stat().st_ino)
        for line in Path("/proc/locks").read_text().splitlines():
            words = line.split()
            if "FLOCK" in words and len(words) > 5 and words[5].rpartition(":")[2] == inode:
                return words[4]
    return ""


def log_file(settings: Settings) -> list[Finding]:
    """Whether log lines can be written."""
    if not settings.log_file:
        return [Finding("log_file", OK, "standard error")]
    path = Path(settings.log_file).absolute()
    if problem := _not_writable(path):
        return [
            Finding("log_file", WRONG, problem, "give this user the right to write there, or set log_file to another")
        ]
    return [Finding("log_file", OK, f"{path} can be written"), _disk("log disk", path)]


def folders(settings: Settings) -> list[Finding]:
    """Whether the files and folders that settings name are there."""
    found = []
    for name in ("prompts_folder", "workspace"):
        path = getattr(settings, name)
        if path and not Path(path).is_dir():
            found.append(
                Finding(name, WRONG, f"there is no folder {Path(path).absolute()}", f"make it, or mend {name}")
            )
    place, _, _ = settings.server.partition(".py:")
    file = f"{place}.py" if place != settings.server else place
    if file.endswith(".py") and not Path(file).is_file():
        found.append(Finding("server", WRONG, f"there is no file {Path(file).absolute()}", "mend the setting server"))
    return found or [Finding("folders", OK, "what the settings name is there")]


def _not_readable(path: Path) -> str:
    """Why a file cannot be read; empty when it can."""
    try:
        with path.open("rb"):
            return ""
    except OSError as error:
        return f"{path} cannot be read: {error.strerror}"


def _not_writable(path: Path) -> str:
    """Why a file cannot be written or made; empty when it can."""
    try:
        if path.exists():
            with path.open("ab"):
                return ""
        folder = _existing(path)
        # Asking for the rights is not enough: root has them all, and a file system may be read-only.
        with tempfile.TemporaryFile(dir=folder):
            return ""
    except OSError as error:
        return f"{path} cannot be written: {error.strerror}"


def _existing(path: Path) -> Path:
    """The nearest folder above a file that is there."""
    return next(folder for folder in path.parents if folder.exists())


def _disk(name: str, path: Path) -> Finding:
    folder = _existing(path)
    free = shutil.disk_usage(folder).free
    shown = f"{free / 1024**3:,.1f} GiB free for {path.parent}"
    if free < LITTLE:
        return Finding(name, WRONG, shown, "make room: a server stops when its log cannot be written")
    if free < SCARCE:
        return Finding(name, WARNING, shown, "make room soon: the log grows without end")
    inodes = os.statvfs(folder)
    if inodes.f_files and inodes.f_favail < 1000:  # some file systems count none
        return Finding(name, WRONG, f"hardly a file can be made in {folder}", "make room: its inodes are used up")
    return Finding(name, OK, shown)
