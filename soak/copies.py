"""A workspace with copies of a sample of real code."""

import random
from collections import defaultdict
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from mcp_server.plugins.code.language import Language
from mcp_server.plugins.paths import is_served
from soak.campaign import Outcome, Setting
from soak.corpus import LANGUAGES, LEAST, LODASH, Found, NoPackage, fetch_lodash, files, read


class Copied(NamedTuple):
    """A file of the workspace."""

    language: Language
    path: str


class Folder:
    """The workspace: copies of the sampled files.

    Attributes:
        root: Where it is.
        copied: What is in it.
        bytes: How much that is, by language.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.copied: list[Copied] = []
        self.bytes: dict[str, int] = defaultdict(int)

    def copy(self, language: Language, found: Found) -> bool:
        """Copy a file to where it is served; whether it is one that the tools read."""
        if read(language, found.path) is None:
            return False
        parts = found.path.relative_to(found.root.parent).parts
        path = "/".join((language.name, *map(_shown, parts)))
        content = found.path.read_bytes()
        self.write(path, content)
        self.copied.append(Copied(language, path))
        self.bytes[language.name] += len(content)
        return True

    def write(self, path: str, content: bytes) -> None:
        """Put a file there."""
        place = self.root / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content)

    @lru_cache(maxsize=64)  # noqa: B019 # it lives as long as the campaign
    def lines(self, path: str) -> list[str]:
        """The lines of a file, as editors count them."""
        language = next(each for each in LANGUAGES if path.endswith(each.suffixes))
        text = language.decode((self.root / path).read_bytes()).removeprefix("\ufeff")
        return text.replace("\r\n", "\n").replace("\r", "\n").split("\n")


def gather(folder: Folder, setting: Setting, outcome: Outcome) -> None:
    """Copy as many files of each language as are wanted, chosen by chance."""
    more: list[Path] = []
    if setting.short:
        outcome.notes.append(
            f"The short form asks no registry: JavaScript is what is on this machine, and not {LODASH}."
        )
    else:
        package = setting.scratch / "package"
        package.mkdir()
        try:
            more.append(fetch_lodash(package))
            outcome.notes.append(f"JavaScript begins with {LODASH} of the npm registry.")
        except NoPackage as problem:
            outcome.notes.append(f"JavaScript is what is on this machine: {problem}.")
    chance = random.Random(setting.seed)
    for language in LANGUAGES:
        found = files(language, more)
        chance.shuffle(found)
        took = 0
        for each in found:
            took += took < setting.count and folder.copy(language, each)
        outcome.counts[f"{language.title} files, of {len(found):,}"] = took
        outcome.counts[f"{language.title}, MB"] = round(folder.bytes[language.name] / 1e6, 1)
        if len(found) < LEAST:
            outcome.notes.append(f"This machine has {len(found)} files of {language.title}; a corpus is {LEAST}.")


def _shown(part: str) -> str:
    """What a file or folder is called where it is served: those of installed packages are left out by their name."""
    return part if is_served(part) else f"{part.lstrip('.')}-shown"
