"""What the kernel lets this process's control groups use, for both versions of cgroups.

Sources: the kernel's documentation, admin-guide/cgroup-v1/memory.rst and admin-guide/cgroup-v2.rst; proc(5) for
``/proc/self/cgroup`` and ``/proc/self/mountinfo``.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple


class Use(NamedTuple):
    """What is used of a limit, both in bytes."""

    used: int
    limit: int


class CgroupMemory:
    """The limits that hold for this process, its own group's and those of the groups around it.

    Args:
        root: Where ``proc`` and ``sys`` are.
    """

    def __init__(self, root: Path = Path("/")) -> None:
        self._root = root
        self._groups = tuple(self._find())

    def uses(self) -> Iterator[Use]:
        """What each group uses of its limit; nothing for groups that have none."""
        for group, version in self._groups:
            limit = _limit_v2(group) if version == 2 else _number(group / "memory.limit_in_bytes")
            total = _number(group / ("memory.current" if version == 2 else "memory.usage_in_bytes"))
            if limit is not None and total is not None:
                yield Use(max(0, total - _given_back_first(group, version)), limit)

    def _find(self) -> Iterator[tuple[Path, int]]:
        """The folders of the groups, the innermost first, with the version of each."""
        paths = self._paths()
        for line in _lines(self._root / "proc/self/mountinfo"):
            mount, _, kind = line.partition(" - ")
            fields, (filesystem, _, options, *_) = mount.split(" "), (*kind.split(" "), "", "", "")
            version = 2 if filesystem == "cgroup2" else 1
            if filesystem == "cgroup2" or (filesystem == "cgroup" and "memory" in options.split(",")):
                top = self._root / fields[4].lstrip("/")
                inner = _within(top, paths.get(version, "/"), fields[3])
                for folder in (inner, *inner.parents):
                    yield folder, version
                    if folder == top:
                        break

    def _paths(self) -> dict[int, str]:
        """The path of this process's group in each hierarchy that may limit its memory, by version."""
        paths = {}
        for line in _lines(self._root / "proc/self/cgroup"):
            number, _, rest = line.partition(":")
            controllers, _, path = rest.partition(":")
            if number == "0" and not controllers:
                paths[2] = path
            elif "memory" in controllers.split(","):
                paths[1] = path
        return paths


def _within(top: Path, path: str, mounted: str) -> Path:
    """Where a group is seen. ``mounted`` is the group that the mount shows as its top, as containers have it."""
    if mounted != "/" and (path == mounted or path.startswith(f"{mounted}/")):
        path = path[len(mounted) :]
    inner = top / path.lstrip("/")
    return inner if ".." not in inner.parts and inner.is_dir() else top


def _limit_v2(group: Path) -> int | None:
    """Where the kernel ends processes, or, sooner, where it slows them down until they all but stand still."""
    limits = [found for name in ("memory.max", "memory.high") if (found := _number(group / name)) is not None]
    return min(limits, default=None)


def _given_back_first(group: Path, version: int) -> int:
    """Bytes that the kernel takes back before it ends a process: what is cached of files."""
    prefix = "" if version == 2 else "total_"
    wanted = {f"{prefix}active_file", f"{prefix}inactive_file", "slab_reclaimable"}
    pairs = (line.split() for line in _lines(group / "memory.stat"))
    return sum(int(pair[1]) for pair in pairs if len(pair) == 2 and pair[0] in wanted and pair[1].isdigit())


def _number(file: Path) -> int | None:
    """The number in a file; None when there is none, as in ``max``."""
    text = "".join(_lines(file))
    return int(text) if text.isdigit() else None


def _lines(file: Path) -> list[str]:
    try:
        return file.read_text().splitlines()
    except OSError:  # this kernel has no such thing
        return []
