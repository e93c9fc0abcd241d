"""Templates from the Markdown files of one folder."""

import os
import stat
from asyncio import Lock, to_thread
from hashlib import blake2b
from heapq import nsmallest
from pathlib import Path
from typing import Final

from msgspec import Struct

from mcp_server.prompts.registry import PromptRegistry
from mcp_server.prompts.template import PromptTemplate, UnusableTemplate

MOST_FILES: Final = 500
FILE_LIMIT: Final = 128 * 1024  # bytes


class FileProblem(Struct, frozen=True, gc=False):
    """Why a file, or a part of it, is not in force.

    Attributes:
        file: Its name within the folder.
        line: Where the trouble is, from 1.
        problem: What to change.
    """

    file: str
    line: int
    problem: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.problem}"


class Loaded(Struct, frozen=True):
    """What a folder holds.

    Attributes:
        prompts: The templates in force, by file name; of a bad file the last good one.
        problems: What is wrong, by file name.
    """

    prompts: tuple[PromptTemplate, ...]
    problems: tuple[FileProblem, ...]


class _File(Struct, frozen=True):
    """One file as it was last read, with the last good template that was in it."""

    digest: bytes
    template: PromptTemplate | None
    problem: FileProblem | None


class PromptFolder:
    """Keeps a registry in step with a folder.

    The files ``*.md`` of the folder itself are read, at most 500 of at most 128 KiB; names that begin with a dot are
    left out. A template takes the place of one that was registered under its name before, and gives it back when its
    file goes away.

    Args:
        registry: Where the templates are registered.
        folder: Symbolic links in it may lead to what is in it, and not out of it.
    """

    def __init__(self, registry: PromptRegistry, folder: str | os.PathLike[str]) -> None:
        self.path = Path(folder)
        self._registry = registry
        self._files: dict[str, _File] = {}
        self._ours: dict[str, PromptTemplate] = {}
        self._before: dict[str, PromptTemplate] = {}
        self._turn = Lock()

    def load(self) -> Loaded:
        """Read the folder and register what is new; unregister what has gone.

        Raises:
            OSError: The folder cannot be read; then everything stays as it was.
        """
        return self._apply(*self._scan())

    async def reload(self) -> Loaded:
        """Do the same with the files read in a thread."""
        async with self._turn:
            return self._apply(*await to_thread(self._scan))

    def _scan(self) -> tuple[dict[str, _File], list[FileProblem]]:
        with os.scandir(self.path) as entries:
            names = (entry.name for entry in entries if entry.name.endswith(".md") and entry.name[0] != ".")
            found = nsmallest(MOST_FILES + 1, names)
        home = self.path.resolve(strict=True)
        read = ((name, _read(home, name, self._files.get(name))) for name in found[:MOST_FILES])
        rest = [_problem(name, 1, f"only the first {MOST_FILES} files are read") for name in found[MOST_FILES:]]
        return {name: file for name, file in read if file is not None}, rest

    def _apply(self, files: dict[str, _File], problems: list[FileProblem]) -> Loaded:
        self._files = files
        wanted: dict[str, tuple[str, PromptTemplate]] = {}
        for name, file in files.items():
            if file.problem:
                problems.append(file.problem)
            if file.template and (first := wanted.setdefault(file.template.name, (name, file.template))[0]) != name:
                problems.append(_problem(name, 1, f"{first} holds a prompt {file.template.name} already"))
        with self._registry.batch():
            for prompt in self._ours.keys() - wanted.keys():
                self._withdraw(prompt)
            problems += [problem for put in wanted.values() if (problem := self._put(*put))]
        prompts = tuple(self._ours[prompt] for prompt in wanted if prompt in self._ours)
        return Loaded(prompts, tuple(sorted(problems, key=lambda problem: problem.file)))

    def _put(self, name: str, template: PromptTemplate) -> FileProblem | None:
        if self._ours.get(template.name) == template:
            return None
        earlier = self._registry.find_prompt(template.name)
        try:
            self._registry.register_prompt(template)
        except UnusableTemplate as error:
            return _problem(name, 1, str(error))
        if earlier and template.name not in self._ours:
            self._before[template.name] = earlier.template
        self._ours[template.name] = template
        return None

    def _withdraw(self, prompt: str) -> None:
        ours, before = self._ours.pop(prompt), self._before.pop(prompt, None)
        current = self._registry.find_prompt(prompt)
        if current is None or current.template != ours:
            return  # somebody else has registered another since
        if before:
            self._registry.register_prompt(before)
        else:
            self._registry.unregister_prompt(prompt)


def load_folder(registry: PromptRegistry, folder: str | os.PathLike[str]) -> Loaded:
    """Register the templates of a folder, once.

    Raises:
        OSError: The folder cannot be read.
    """
    return PromptFolder(registry, folder).load()


def _read(home: Path, name: str, last: _File | None) -> _File | None:
    """What the file holds now; None when it has gone in the meantime."""
    from mcp_server.prompts.markdown import BadFile, parse_template  # YAML takes its time to import

    digest, kept = b"", last.template if last else None
    try:
        data = _bytes(home, name)
        digest = blake2b(data, digest_size=16).digest()
        if last and last.digest == digest:
            return last
        return _File(digest, parse_template(data, name.removesuffix(".md")), None)
    except FileNotFoundError as error:
        if not (home / name).is_symlink():
            return None
        problem = _problem(name, 1, f"it cannot be read: {error.strerror}")
    except BadFile as error:
        problem = _problem(name, error.line, str(error))
    except (OSError, RuntimeError) as error:  # a RuntimeError is a circle of symbolic links
        problem = _problem(name, 1, f"it cannot be read: {getattr(error, 'strerror', None) or 'a circle of links'}")
    return _File(digest, kept, problem)


def _bytes(home: Path, name: str) -> bytes:
    from mcp_server.prompts.markdown import BadFile

    path = (home / name).resolve(strict=True)
    if not path.is_relative_to(home):
        raise BadFile(1, "it is a symbolic link that leads out of the folder")
    with open(path, "rb", opener=_open) as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise BadFile(1, "it is not a regular file")
        data = file.read(FILE_LIMIT + 1)
    if len(data) > FILE_LIMIT:
        raise BadFile(1, f"it has more than {FILE_LIMIT} bytes")
    return data


def _open(path: str, flags: int) -> int:
    """Open without waiting for the other end of a pipe, and without following a link that was put there just now."""
    return os.open(path, flags | os.O_NONBLOCK | os.O_NOFOLLOW)


def _problem(name: str, line: int, problem: str) -> FileProblem:
    return FileProblem(os.fsencode(name).decode(errors="replace"), line, problem)  # a name may be any bytes
