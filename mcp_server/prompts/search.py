"""Full-text search over prompts: SQLite's FTS5 in memory, ranked with bm25."""

import re
import unicodedata
import weakref
from collections.abc import Mapping
from typing import Final

from mcp_server.prompts.template import PromptTemplate

QUERY_LIMIT: Final = 1_000  # characters
_WORDS: Final = 32
_PREFIX: Final = 3  # letters from which a word also stands for longer ones

_WORD: Final = re.compile(r"[^\W_]+")

# English endings do not count, nor do accents. The underscore of a name separates words.
_TABLE: Final = """
CREATE VIRTUAL TABLE prompts USING fts5(
    name, tags, description, body, tokenize = "porter unicode61 remove_diacritics 2"
);
INSERT INTO prompts(prompts, rank) VALUES ('rank', 'bm25(40.0, 20.0, 5.0, 1.0)');
"""


class PromptIndex:
    """The words of a set of prompts. A word in the name or the tags weighs more than one in the text."""

    def __init__(self) -> None:
        import sqlite3

        self._database = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
        weakref.finalize(self, self._database.close)
        self._database.executescript(_TABLE)
        self._rows: dict[str, tuple[int, PromptTemplate]] = {}
        self._next = 1

    def refresh(self, templates: Mapping[str, PromptTemplate]) -> None:
        """Make the index that of ``templates``, by name."""
        for name, (row, template) in list(self._rows.items()):
            if templates.get(name) is not template:
                self._database.execute("DELETE FROM prompts WHERE rowid = ?", (row,))
                del self._rows[name]
        for name in templates.keys() - self._rows.keys():
            self._add(templates[name])

    def search(self, query: str, limit: int) -> list[str] | None:
        """The names of prompts with any word of ``query``, the best first; None when there is no word in it.

        The query is only ever words: what means something to FTS5 (quotes, ``*``, ``NEAR``, ``name:``) means nothing.
        """
        found = dict.fromkeys(_WORD.findall(unicodedata.normalize("NFC", query)))
        if not found:
            return None
        terms = " OR ".join(f'"{word}"*' if len(word) >= _PREFIX else f'"{word}"' for word in list(found)[:_WORDS])
        rows = self._database.execute(
            "SELECT name FROM prompts WHERE prompts MATCH ? ORDER BY rank, name LIMIT ?", (terms, limit)
        )
        return [name for (name,) in rows]

    def _add(self, template: PromptTemplate) -> None:
        tags = " ".join((template.category, template.title, *template.tags))
        self._database.execute(
            "INSERT INTO prompts(rowid, name, tags, description, body) VALUES (?, ?, ?, ?, ?)",
            (self._next, template.name, tags, template.description, template.prompt),
        )
        self._rows[template.name] = self._next, template
        self._next += 1
