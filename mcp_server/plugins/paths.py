"""Which relative paths a workspace serves, decided from their text alone."""

import unicodedata
from typing import Final

SKIPPED: Final = frozenset({"CVS", "_darcs", "__pycache__", "node_modules"})
"""Folders that are left out besides the hidden ones: of version control, of caches, of installed packages."""

LONGEST: Final = 1024
"""The most characters of a path."""

DEEPEST: Final = 64
"""The most folders above a file."""

_UNSEEN: Final = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})  # controls, formats such as overrides, surrogates, breaks


class BadPath(ValueError):
    """A path that is not served; the text says why, without saying whether anything is there."""


def parts_of(path: str, skipped: frozenset[str] = SKIPPED) -> tuple[str, ...]:
    """The segments of a relative path such as ``src/main.py``; none for ``""`` and ``"."``, the root itself.

    Raises:
        BadPath: It is absolute, leads upwards or to what is hidden, is too long, or has characters that do not show.
    """
    if len(path) > LONGEST:
        raise BadPath(f"a path has at most {LONGEST} characters")
    if any(unicodedata.category(character) in _UNSEEN for character in path):
        raise BadPath("a path has no control characters and none that do not show")
    if path.startswith("/") or "\\" in path or path[1:2] == ":":
        raise BadPath("a path is relative to the workspace, with / between its parts")
    if path in ("", "."):
        return ()
    parts = tuple(path.removesuffix("/").split("/"))
    if len(parts) > DEEPEST:
        raise BadPath(f"a path has at most {DEEPEST} parts")
    for part in parts:
        _check(part, skipped)
    return parts


def is_served(name: str, skipped: frozenset[str] = SKIPPED) -> bool:
    """Whether a file or folder of this name is shown."""
    try:
        _check(name, skipped)
    except BadPath:
        return False
    return all(unicodedata.category(character) not in _UNSEEN for character in name) and "\\" not in name


def _check(part: str, skipped: frozenset[str]) -> None:
    # What looks like dots or slashes (U+FF0E, U+2024, U+FF0F) becomes them where names are normalised.
    plain = unicodedata.normalize("NFKC", part)
    if not part or plain in (".", ".."):
        raise BadPath("a path has no empty parts and none that lead upwards")
    if "/" in plain or "\\" in plain:
        raise BadPath("a path has no characters that stand for slashes")
    if plain.startswith("."):
        raise BadPath("hidden files and folders are left out")
    if plain in skipped or part in skipped:
        raise BadPath(f"folders named {plain} are left out")
