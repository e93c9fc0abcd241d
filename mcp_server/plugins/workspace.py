"""The files of one folder, as far as clients may see them."""

import os
import stat
from collections.abc import Iterator
from contextlib import closing, suppress
from itertools import islice
from pathlib import Path
from typing import Final, NamedTuple

from mcp_server.plugins.paths import DEEPEST, SKIPPED, BadPath, is_served, parts_of

FILE_BYTES: Final = 2 * 1024 * 1024
"""The most bytes of a file that is read, unless a workspace says otherwise."""

_LOOKED: Final = 8192  # bytes at a file's start that say whether it is text
_HERE: Final = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK  # a pipe must not keep us waiting


class Unreadable(Exception):
    """A file that cannot be read from a workspace; the text says why, for the client."""


class NotThere(Unreadable):
    """There is no such file."""


class Found(NamedTuple):
    """A file of the workspace; ``size`` is in bytes."""

    path: str
    size: int


class Listing(NamedTuple):
    """Files in the order of their paths' parts; ``complete`` is False when there are more than were looked at."""

    files: list[Found]
    complete: bool


class _Entry(NamedTuple):
    place: Path
    inside: str
    is_folder: bool


class Workspace:
    """A folder whose files may be read, and nothing else.

    Paths are relative, with ``/``. Hidden files and folders, those of version control and those named in ``skipped``
    are left out. Links are followed only to what is itself inside and shown.

    Attributes:
        root: The folder, without links on the way to it.
    """

    def __init__(
        self,
        root: str | os.PathLike[str],
        *,
        file_bytes: int = FILE_BYTES,
        most_files: int = 10_000,
        skipped: frozenset[str] = SKIPPED,
    ) -> None:
        """Serve ``root``.

        Args:
            root: An existing folder.
            file_bytes: The most bytes of a file that is read.
            most_files: The most files that are listed; ten times as many entries are looked at.
            skipped: Names of folders that are left out.

        Raises:
            NotADirectoryError: ``root`` is no folder.
        """
        self.root = Path(root).resolve()
        if not self.root.is_dir():
            raise NotADirectoryError(f"the workspace {os.fspath(root)} is no folder")
        self.file_bytes = file_bytes
        self._most_files = most_files
        self._skipped = skipped

    def read(self, path: str) -> bytes:
        """The bytes of a file.

        Raises:
            NotThere: There is none.
            Unreadable: It is outside, left out, too big, or no regular file.
        """
        with closing(self._open(path)) as opened:
            status = os.fstat(opened.descriptor)
            if not stat.S_ISREG(status.st_mode):
                raise Unreadable(f"{path} is no regular file")
            if status.st_size > self.file_bytes:
                raise Unreadable(f"{path} has {status.st_size} bytes; at most {self.file_bytes} are read")
            content = opened.read(self.file_bytes + 1)
        if len(content) > self.file_bytes:  # it grew, or is one of those that do not know their size
            raise Unreadable(f"{path} has more than {self.file_bytes} bytes; no more are read")
        return content

    def read_text(self, path: str) -> bytes:
        """The bytes of a file that holds text.

        Raises:
            NotThere: There is none.
            Unreadable: It is binary, or as :meth:`read` says.
        """
        content = self.read(path)
        if b"\0" in content[:_LOOKED]:
            raise Unreadable(f"{path} is binary: it has a zero byte among its first {_LOOKED}")
        return content

    def is_folder(self, path: str) -> bool:
        """Whether ``path`` is a folder that is served."""
        with suppress(BadPath, OSError):
            return self._inside(path).is_dir()
        return False

    def walk(self, folder: str = "", suffixes: tuple[str, ...] = ()) -> Listing:
        """The files below a folder, those with certain suffixes when any are given. Linked folders are not entered.

        Raises:
            Unreadable: It is no folder, or is left out.
        """
        try:
            top = self._inside(folder)
            if not top.is_dir():
                raise NotThere(f"there is no folder {folder}")
        except (BadPath, OSError) as error:
            raise Unreadable(f"the folder {folder} is not served: {_why(error)}") from error
        files: list[Found] = []
        looked = 0
        for found in self._below(top):
            looked += 1
            if looked > 10 * self._most_files:
                return Listing(files, complete=False)
            if found is None or not found.path.endswith(suffixes or ("",)):
                continue
            if len(files) == self._most_files:
                return Listing(files, complete=False)
            files.append(found)
        return Listing(files, complete=True)

    def relative(self, path: str | os.PathLike[str]) -> str | None:
        """The path below the root that an absolute path stands for; None when it is not served."""
        with suppress(ValueError, BadPath):
            inside = Path(path).relative_to(self.root).as_posix()
            return inside if parts_of(inside, self._skipped) else None
        return None

    def _below(self, top: Path) -> Iterator[Found | None]:
        """Each file that is shown, in order, and None for all else that was looked at."""
        waiting = [_Entry(top, self.relative(top) or "", is_folder=True)]
        while waiting:
            place, inside, is_folder = waiting.pop()
            if not is_folder:
                yield _found(place, inside)
                continue
            yield None
            below: list[_Entry] = []
            for entry in _entries(place, 10 * self._most_files):
                shown = self._shown(entry, inside)
                if shown is None:
                    yield None
                else:
                    below.append(shown)
            waiting.extend(reversed(below))

    def _shown(self, entry: "os.DirEntry[str]", folder: str) -> _Entry | None:
        if not is_served(entry.name, self._skipped) or folder.count("/") > DEEPEST - 2:
            return None
        inside = f"{folder}/{entry.name}" if folder else entry.name
        with suppress(OSError, RuntimeError):
            if entry.is_dir(follow_symlinks=False):
                return _Entry(Path(entry.path), inside, is_folder=True)
            if entry.is_file(follow_symlinks=False):
                return _Entry(Path(entry.path), inside, is_folder=False)
            if entry.is_symlink() and entry.is_file() and self.relative(Path(entry.path).resolve(strict=True)):
                return _Entry(Path(entry.path), inside, is_folder=False)
        return None

    def _inside(self, path: str) -> Path:
        """The place that ``path`` means, without links, made sure to be inside and shown.

        Raises:
            BadPath: It is not.
            OSError: There is nothing.
        """
        place = self.root.joinpath(*parts_of(path, self._skipped)).resolve(strict=True)
        if place != self.root and not place.is_relative_to(self.root):
            raise BadPath("it leads out of the workspace")
        parts_of("/".join(place.relative_to(self.root).parts), self._skipped)  # a link may lead to what is hidden
        return place

    def _open(self, path: str) -> "_Opened":
        try:
            place = self._inside(path)
            return _Opened(self.root, place.relative_to(self.root).parts)
        except (FileNotFoundError, NotADirectoryError) as error:
            raise NotThere(f"there is no file {path}") from error
        except (BadPath, OSError, RuntimeError) as error:  # RuntimeError: links in a circle, before Python 3.13
            raise Unreadable(f"{path} is not served: {_why(error)}") from error


class _Opened:
    """A file reached folder by folder, following no link: what is swapped for a link meanwhile leads nowhere."""

    def __init__(self, root: Path, parts: tuple[str, ...]) -> None:
        self.descriptor = os.open(root, _HERE)
        try:
            for part in parts:
                below = os.open(part, _HERE, dir_fd=self.descriptor)
                os.close(self.descriptor)
                self.descriptor = below
        except OSError:
            os.close(self.descriptor)
            raise

    def read(self, most: int) -> bytes:
        pieces: list[bytes] = []
        while most > 0 and (piece := os.read(self.descriptor, min(most, 1 << 20))):
            pieces.append(piece)
            most -= len(piece)
        return b"".join(pieces)

    def close(self) -> None:
        os.close(self.descriptor)


def _entries(folder: Path, most: int) -> "list[os.DirEntry[str]]":
    with suppress(OSError), os.scandir(folder) as entries:
        return sorted(islice(entries, most), key=lambda entry: entry.name)
    return []


def _found(place: Path, inside: str) -> Found | None:
    with suppress(OSError):
        return Found(inside, place.stat().st_size)
    return None


def _why(error: BaseException) -> str:
    if isinstance(error, OSError):  # its own text would name a path of this machine
        return os.strerror(error.errno) if error.errno else "it cannot be read"
    return str(error) if isinstance(error, BadPath | Unreadable) else "its links lead in a circle"
