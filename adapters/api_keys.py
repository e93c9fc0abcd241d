"""API keys: a file that holds what keys are recognized by, one JSON object a line, and never a key itself.

A key is 256 random bits behind an id, so what is kept is a salted SHA-256: there is nothing to guess that a slow hash
would make slower.
"""

import fcntl
import hashlib
import hmac
import os
import re
import secrets
import stat
from pathlib import Path
from typing import Final

import msgspec
from msgspec import Struct

from adapters.grant import MOST, BadCredential, Grant, text
from adapters.tokens import KEY_PREFIX

PREFIX: Final = "mrk_"
"""What every key begins with, so that people and scanners know one when they see it."""

MOST_BYTES: Final = 16 * 1024 * 1024
"""The largest file of keys that is read."""

_KEY: Final = re.compile(r"mrk_([0-9a-f]{16})_([A-Za-z0-9_-]{43})")
_OTHERS_WRITE: Final = stat.S_IWGRP | stat.S_IWOTH


class UnusableKeys(Exception):
    """The file of keys cannot be read or written; the text says what is wrong, and where."""


class KeyEntry(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """What is kept of one key.

    Attributes:
        id: 16 hexadecimal digits, which are part of the key.
        name: Whose it is; the principal is this after ``key:``.
        salt: 32 hexadecimal digits.
        hash: SHA-256 of salt and secret, in hexadecimal digits.
        scopes: What it allows.
        groups: What its holder belongs to.
        expires: In seconds since the epoch; None for never.
    """

    id: str
    name: str
    salt: str
    hash: str
    scopes: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    expires: float | None = None

    def __post_init__(self) -> None:
        try:
            for word in (self.name, *self.scopes, *self.groups):
                text(word, "name, scopes and groups")
            bytes.fromhex(self.salt + self.hash)
        except (BadCredential, ValueError) as error:
            raise ValueError(str(error)) from None
        if not re.fullmatch("[0-9a-f]{16}", self.id) or len(self.salt) != 32 or len(self.hash) != 64:
            raise ValueError("id, salt and hash have 16, 32 and 64 hexadecimal digits")
        if any(" " in word for word in self.scopes) or max(len(self.scopes), len(self.groups)) > MOST:
            raise ValueError(f"there are at most {MOST} scopes and groups, and a scope has no spaces")


class ApiKeys:
    """The keys in a file, which may change meanwhile.

    Args:
        file: May not be there: then there are no keys.

    Raises:
        UnusableKeys: It cannot be read, or a line of it is wrong.
    """

    def __init__(self, file: Path) -> None:
        self._file = file
        self._entries: dict[str, KeyEntry] = {}
        self._seen: tuple[int, ...] = ()
        self.follow()

    def follow(self) -> bool:
        """Read the file again if it has changed; says whether it had.

        Raises:
            UnusableKeys: As it is now it cannot be used; the keys of before still count.
        """
        seen = self._look()
        if seen == self._seen:
            return False
        self._seen = seen
        self._entries = {entry.id: entry for entry in entries(self._file)} if seen else {}
        return True

    def _look(self) -> tuple[int, ...]:
        try:
            found = self._file.stat()
        except FileNotFoundError:
            return ()
        except OSError as error:
            raise UnusableKeys(f"{self._file} cannot be read: {error.strerror}") from error
        return found.st_mtime_ns, found.st_size, found.st_ino, found.st_mode

    def grant(self, key: str, now: float) -> Grant:
        """Who shows ``key``; ``now`` in seconds since the epoch.

        Raises:
            BadCredential: It is none of ours, or not any more.
        """
        found = _KEY.fullmatch(key)
        entry = self._entries.get(found[1]) if found else None
        if found is None or entry is None:
            raise BadCredential("there is no such key")
        if not hmac.compare_digest(_hash(entry.salt, found[2]), entry.hash):
            raise BadCredential("there is no such key")
        if entry.expires is not None and entry.expires <= now:
            raise BadCredential("the key has expired")
        return Grant(f"{KEY_PREFIX}{entry.name}", entry.scopes, entry.groups, entry.expires)


def is_key(credential: str) -> bool:
    """Whether it is written like a key."""
    return credential.startswith(PREFIX)


def new_key(
    name: str, scopes: tuple[str, ...] = (), groups: tuple[str, ...] = (), expires: float | None = None
) -> tuple[str, KeyEntry]:
    """A key that nobody has had before, and what is kept of it.

    Raises:
        ValueError: The name, a scope or a group cannot be one.
    """
    id, secret, salt = secrets.token_hex(8), secrets.token_urlsafe(32), secrets.token_hex(16)
    entry = KeyEntry(id, name, salt, _hash(salt, secret), scopes, groups, expires)
    return f"{PREFIX}{id}_{secret}", entry


def entries(file: Path) -> list[KeyEntry]:
    """What a file holds.

    Raises:
        UnusableKeys: It cannot be read, others may write it, or a line of it is wrong.
    """
    try:
        with file.open("rb") as opened:
            if os.fstat(opened.fileno()).st_mode & _OTHERS_WRITE:
                raise UnusableKeys(f"others may write to {file}, and give themselves a key: chmod 600 {file}")
            document = opened.read(MOST_BYTES + 1)
    except OSError as error:
        raise UnusableKeys(f"{file} cannot be read: {error.strerror}") from error
    if len(document) > MOST_BYTES:
        raise UnusableKeys(f"{file} has more than {MOST_BYTES} bytes")
    found: dict[str, KeyEntry] = {}
    for number, line in enumerate(document.splitlines(), 1):
        if not line.strip():
            continue
        try:
            entry = msgspec.json.decode(line, type=KeyEntry)
        except (msgspec.MsgspecError, ValueError) as error:
            raise UnusableKeys(f"{file}, line {number}: {error}") from error
        if entry.id in found:
            raise UnusableKeys(f"{file}, line {number}: the id {entry.id} is there already")
        found[entry.id] = entry
    return list(found.values())


def append(file: Path, entry: KeyEntry) -> None:
    """Add what is kept of a key; the file is made for its owner alone if there is none.

    Raises:
        UnusableKeys: It cannot be written, or what is in it is wrong.
    """
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(file, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "r+b", buffering=0) as opened:
            fcntl.flock(opened, fcntl.LOCK_EX)  # of two that add a key at once, each gets a line
            names = {each.name for each in entries(file)}
            if entry.name in names:
                raise UnusableKeys(
                    f"{file} has a key of the name {entry.name!r}: remove its line, or take another name"
                )
            size = opened.seek(0, os.SEEK_END)
            opened.seek(max(0, size - 1))
            before = b"" if not size or opened.read(1) == b"\n" else b"\n"
            opened.write(before + msgspec.json.encode(entry) + b"\n")
            os.fsync(opened.fileno())
    except OSError as error:
        raise UnusableKeys(f"{file} cannot be written: {error.strerror}") from error


def _hash(salt: str, secret: str) -> str:
    return hashlib.sha256(bytes.fromhex(salt) + secret.encode()).hexdigest()
