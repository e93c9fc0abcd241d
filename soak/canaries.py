"""Secrets that are planted, each told from all others wherever its bytes turn up."""

import base64
import random
import re
import string
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

from adapters.sqlite_reader import SqliteReader

_LETTERS: Final = string.ascii_letters + string.digits
_CORE: Final = re.compile(rb"Canary[A-Za-z0-9]{12}")
_ENCODED: Final = re.compile(rb"Q2FuYXJ5[A-Za-z0-9+/]{16}")  # the same in base64, where it begins at a quartet

_SHAPES: Final = (
    "ghp_{core}{more}",
    "glpat-{core}{more}",
    "sk-ant-api03-{core}{more}",
    "sk_live_{core}{more}",
    "xoxb-{core}{more}",
)


class Canary(NamedTuple):
    """A secret.

    Attributes:
        core: What no other has.
        text: The secret: it looks like one when it is a token, and like nothing otherwise.
    """

    core: str
    text: str

    @property
    def encoded(self) -> str:
        """Base64 of the secret and some words."""
        before = " " * (-self.text.index(self.core) % 3)
        return base64.b64encode(f"{before}{self.text} and more".encode()).decode()


def plain(chance: random.Random) -> Canary:
    """A secret that only its place gives away."""
    core = _core(chance)
    return Canary(core, core + _some(chance, 4))


def token(chance: random.Random) -> Canary:
    """A secret that its look gives away."""
    core = _core(chance)
    return Canary(core, chance.choice(_SHAPES).format(core=core, more=_some(chance, 24)))


def found_in(folder: Path) -> set[str]:
    """The cores of all canaries that are in a file of ``folder``, in any of its bytes."""
    return {core for file in folder.rglob("*") if file.is_file() for core in cores(file.read_bytes())}


def found_in_log(store: Path) -> set[str]:
    """The same of a log's records: in the file a long one lies in pieces."""
    with SqliteReader(store) as reader:
        return {core for record in reader.records() for core in cores(record.state)}


def cores(data: bytes) -> Iterator[str]:
    """The cores of all canaries in ``data``."""
    yield from (core.decode() for core in _CORE.findall(data))
    yield from (base64.b64decode(core).decode() for core in _ENCODED.findall(data))


def _core(chance: random.Random) -> str:
    return f"Canary{_some(chance, 12)}"


def _some(chance: random.Random, length: int) -> str:
    return "".join(chance.choices(_LETTERS, k=length))
